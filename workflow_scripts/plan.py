"""Estimate the GPUs that each model needs, and windows, tokens and hours of a run before it starts."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from hearth.common.cli import json_option, run
from hearth.workflow.cost_estimate import estimate_work
from hearth.workflow.planned_work import PlannedWork

NOTES = """
Hours: GPU-hours of all cards together; those of a CPU core are core-hours.
"measured": by the speed of the recogniser's finished shards, on the GPUs or cores that they had.

The hours come from data sheets, and from shares of them that are partly assumed (docs/cards-and-cost.md). `<=` marks
an upper limit: before any shard of a recogniser is finished, each answer is assumed to have
decoding.max_new_tokens tokens; later, the mean number of the finished shards.
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Read models, prompts and windows of the run, and print the estimate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="JSON object: PlannedWork in hearth/workflow/planned_work.py")
    parser.add_argument("--results", type=Path, required=True, help="the run's folder of results")
    arguments = parser.parse_args(argv)
    work = cast(PlannedWork, json_option("--run", arguments.run, dict))
    print(estimate_work(work, arguments.results))
    print(NOTES, end="")


if __name__ == "__main__":
    run(main)
