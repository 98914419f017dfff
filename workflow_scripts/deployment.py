"""Write the table of deployment and its figure: F1 of students in each form, and what they cost on a small computer."""

import argparse
from pathlib import Path

from hearth.common.cli import run
from hearth.common.deployment_stats import read_measurement
from hearth.common.files import replacing
from hearth.common.records import read_record
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.deployment import (
    BaselineMeasurement,
    Deployment,
    deployment_rows,
    deployment_table,
    read_direct_figures,
)
from hearth.evaluation.figures.deployment import render
from hearth.evaluation.parity import Parity, read_quantised_parity
from hearth.evaluation.table_files import add_table_options, write_table


def main(argv: list[str] | None = None) -> None:
    """Read measurements and metrics; write the table as Markdown, CSV and LaTeX, and the figure as SVG and PNG."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measurements", required=True, nargs="+", type=Path, help="files of measure_export.py")
    parser.add_argument("--baselines", nargs="*", default=[], type=Path, help="files of measure_baseline.py")
    parser.add_argument("--parities", nargs="*", default=[], type=Path, help="parity.json of each export")
    parser.add_argument("--quantised", nargs="*", default=[], type=Path, help="parity-<form>.json of each export")
    parser.add_argument("--direct", nargs="*", default=[], type=Path, help="direct-<form>.json of each export")
    parser.add_argument("--simulated", nargs="*", default=[], help="datasets that are simulated")
    parser.add_argument("--tiny", nargs="*", default=[], help="students that are tiny models of this project")
    add_table_options(parser)
    parser.add_argument("--svg", required=True, type=Path, help="SVG to write, for the screen and the web")
    parser.add_argument("--png", required=True, type=Path, help="PNG to write, for everything else")
    arguments = parser.parse_args(argv)
    quantised = map(read_quantised_parity, arguments.quantised)
    direct = map(read_direct_figures, arguments.direct)
    deployment = Deployment(
        measurements=[read_measurement(path) for path in arguments.measurements],
        baselines=[read_record(path, BaselineMeasurement) for path in arguments.baselines],
        parities={one["student"]: one for one in (read_record(path, Parity) for path in arguments.parities)},
        quantised={(one["student"], one["form"]): one for one in quantised if "why_not" not in one},
        direct={(one["student"], one["form"]): one for one in direct if "why_not" not in one},
    )
    write_table(
        deployment_table(deployment, arguments.simulated, arguments.tiny, git_commit()), "deployment", arguments
    )
    drawn = render(deployment_rows(deployment), arguments.simulated, arguments.tiny)
    for path, content in ((arguments.svg, drawn["svg"]), (arguments.png, drawn["png"])):
        with replacing(path) as temporary:
            temporary.write_bytes(content)


if __name__ == "__main__":
    run(main)
