"""Write the cost table: seconds, throughput and memory of predictions and trainings."""

import argparse
from pathlib import Path

from hearth.common.cli import UserError, run
from hearth.common.files import read_json, write_text
from hearth.evaluation import costs
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.rendering import csv_text, latex, markdown


def main(argv: list[str] | None = None) -> None:
    """Read the stats, write the three forms of the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--predictions",
        nargs="*",
        default=[],
        type=Path,
        help="stats of shards, as <recogniser>/<dataset>/<split>/<shard>.stats.json; those of one split add up",
    )
    parser.add_argument(
        "--students", nargs="*", default=[], type=Path, help="stats of trainings, as <student>/training.stats.json"
    )
    parser.add_argument("--simulated", nargs="*", default=[], help="datasets that are simulated")
    parser.add_argument("--tiny", nargs="*", default=[], help="recognisers that are tiny models of this project")
    parser.add_argument("--markdown", required=True, type=Path, help="table for reading")
    parser.add_argument("--csv", required=True, type=Path, help='table for pandas.read_csv(path, comment="#")')
    parser.add_argument("--tex", required=True, type=Path, help="table for a paper, with the package booktabs")
    arguments = parser.parse_args(argv)
    shards: dict[tuple[str, ...], list[dict]] = {}
    for path in arguments.predictions:
        if len(path.parts) < 4:
            raise UserError(f"{path}: expected <recogniser>/<dataset>/<split>/<shard>.stats.json")
        shards.setdefault(path.parts[-4:-1], []).append(read_json(path))
    records = [costs.prediction(*names, stats) for names, stats in shards.items()]
    records += [costs.training(path.parent.name, read_json(path)) for path in arguments.students]
    table = costs.build(records, arguments.simulated, arguments.tiny, git_commit())
    write_text(arguments.markdown, markdown(table))
    write_text(arguments.csv, csv_text(table))
    write_text(arguments.tex, latex(table, "cost"))


if __name__ == "__main__":
    run(main)
