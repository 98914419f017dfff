"""Check what a run needs on the machine that runs Snakemake: models, raw data, disk, versions."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from hearth.common import files
from hearth.common.cli import json_option, run
from hearth.workflow import login_checks, preflight
from hearth.workflow.config_types import Dataset
from hearth.workflow.findings import Findings


def main(argv: Sequence[str] | None = None) -> None:
    """Run all checks and write their findings as JSON. The exit status is 0 even if a check finds a problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", required=True, help="registry entries of the run's models by name, as JSON")
    parser.add_argument("--requests", default="{}", help="EngineRequest in login_checks.py by model, as JSON")
    parser.add_argument("--bases", nargs="*", default=[], help="base models of the run's students")
    parser.add_argument("--target-modules", nargs="*", default=[], help="layers of the bases that get an adapter")
    parser.add_argument("--fetched", type=Path, required=True, help="folder that models are fetched into")
    parser.add_argument("--base", type=Path, required=True, help="folder that relative paths of models start at")
    parser.add_argument("--datasets", required=True, help="the config's datasets, as JSON")
    parser.add_argument(
        "--splits", type=Path, nargs="*", default=[], help="splits.json of every dataset; may be missing"
    )
    parser.add_argument("--recognisers", type=int, required=True, help="number of recognisers of the run")
    parser.add_argument("--max-new-tokens", type=int, required=True, help="longest answer in tokens")
    parser.add_argument("--pins", type=Path, nargs="+", required=True, help="conda files with the required versions")
    parser.add_argument(
        "--spare-gb", type=float, default=5, help="disk to keep free in addition to the estimate, in GB"
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args(argv)
    models = json_option("--models", arguments.models, dict)
    datasets = cast(dict[str, Dataset], json_option("--datasets", arguments.datasets, dict))
    findings = Findings("on the machine that runs Snakemake")
    to_fetch = login_checks.check_models(
        findings, cast(dict[str, dict[str, object]], models), arguments.fetched, arguments.base
    )
    requests = cast(dict[str, login_checks.EngineRequest], json_option("--requests", arguments.requests, dict))
    login_checks.check_requests(findings, requests, arguments.fetched)
    login_checks.check_targets(findings, arguments.bases, arguments.target_modules, arguments.fetched)
    login_checks.check_datasets(findings, datasets)
    answers = login_checks.trace_bytes(arguments.splits, arguments.recognisers, arguments.max_new_tokens)
    preflight.check_disk(findings, Path.cwd(), to_fetch + answers, arguments.spare_gb)
    for pins in arguments.pins:
        preflight.check_versions(findings, pins)
    files.write_json(arguments.out, dataclasses.asdict(findings))


if __name__ == "__main__":
    run(main)
