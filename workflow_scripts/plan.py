"""Print what a run asks of GPUs, before any of it runs: windows, tokens and GPU-hours."""

import argparse
from pathlib import Path

from hearth.common.cli import json_option, run
from hearth.workflow.cost_estimate import plan


def main(argv=None):
    """Read models, prompts and windows of the run, print the plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run", required=True, help="loads, trainings, batch_size, epochs, as JSON; see hearth/plan.py"
    )
    parser.add_argument("--results", type=Path, required=True, help="the run's folder of results")
    arguments = parser.parse_args(argv)
    print(plan(json_option("--run", arguments.run, dict), arguments.results))
    print(
        "Estimates, after the cards' data sheets (docs/cluster.md). `<=`: nothing is measured yet, so every answer is"
        " taken to be as long as decoding.max_new_tokens allows; later, the mean of finished shards."
    )


if __name__ == "__main__":
    run(main)
