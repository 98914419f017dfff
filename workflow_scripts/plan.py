"""Estimate windows, tokens and GPU-hours of a run before it starts."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from hearth.common.cli import json_option, run
from hearth.workflow.cost_estimate import PlannedWork, estimate_work


def main(argv: Sequence[str] | None = None) -> None:
    """Read models, prompts and windows of the run, and print the estimate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run",
        required=True,
        help="JSON object with loads, trainings, batch_size, epochs: PlannedWork in hearth/workflow/cost_estimate.py",
    )
    parser.add_argument("--results", type=Path, required=True, help="the run's folder of results")
    arguments = parser.parse_args(argv)
    work = cast(PlannedWork, json_option("--run", arguments.run, dict))
    print(estimate_work(work, arguments.results))
    print(
        "Estimates from the GPUs' data sheets (docs/cluster.md). `<=` marks an upper limit: before any shard of a"
        " recogniser is finished, each answer is assumed to have decoding.max_new_tokens tokens; later, the mean"
        " number of the finished shards."
    )


if __name__ == "__main__":
    run(main)
