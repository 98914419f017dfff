"""Check what a run needs where Snakemake runs: models, raw data, disk, versions. Problems are written, not raised."""

import argparse
import dataclasses
from pathlib import Path

from hearth.common import files
from hearth.common.cli import json_option, run
from hearth.workflow import preflight


def main(argv=None):
    """Write what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", required=True, help="registry entries of the run's models by name, as JSON")
    parser.add_argument("--fetched", type=Path, required=True, help="folder that models are fetched into")
    parser.add_argument("--base", type=Path, required=True, help="folder that a relative path of a model starts at")
    parser.add_argument("--datasets", required=True, help="the config's datasets, as JSON")
    parser.add_argument("--splits", type=Path, nargs="*", default=[], help="splits.json of every data set, if cut")
    parser.add_argument("--recognisers", type=int, required=True, help="how many read every window, at most")
    parser.add_argument("--max-new-tokens", type=int, required=True, help="longest answer in tokens")
    parser.add_argument("--pins", type=Path, nargs="+", required=True, help="conda files with the versions to have")
    parser.add_argument("--spare-gb", type=float, default=5, help="disk that should stay free beside what is estimated")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args(argv)
    found = preflight.Findings("where Snakemake runs")
    to_come = preflight.check_models(
        found, json_option("--models", arguments.models, dict), arguments.fetched, arguments.base
    )
    preflight.check_datasets(found, json_option("--datasets", arguments.datasets, dict))
    answers = preflight.trace_bytes(arguments.splits, arguments.recognisers, arguments.max_new_tokens)
    preflight.check_disk(found, Path.cwd(), to_come + answers, arguments.spare_gb)
    for pins in arguments.pins:
        preflight.check_versions(found, pins)
    files.write_json(arguments.out, dataclasses.asdict(found))


if __name__ == "__main__":
    run(main)
