"""Write the cost table: seconds, throughput, memory and energy of predictions and trainings."""

import argparse
from pathlib import Path

from hearth.common.cli import run
from hearth.common.job_stats import JobStats, read_job_stats
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.costs import cost_table, read_scoring_stats, read_shard_stats
from hearth.evaluation.table_files import add_table_options, write_table


def main(argv: list[str] | None = None) -> None:
    """Read the stats files; write the table as Markdown, CSV and LaTeX."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--predictions",
        nargs="*",
        default=[],
        type=Path,
        help="stats files <recogniser>/<dataset>/<split>/<shard>.stats.json; shards and folds are summed",
    )
    parser.add_argument(
        "--scoring",
        nargs="*",
        default=[],
        type=Path,
        help="stats files <teacher>/<recogniser>/<dataset>/<split>/<shard>.stats.json of text that teachers scored",
    )
    parser.add_argument(
        "--students", nargs="*", default=[], type=Path, help="stats files <student>/<fold>/training.stats.json"
    )
    parser.add_argument("--simulated", nargs="*", default=[], help="datasets that are simulated")
    parser.add_argument("--tiny", nargs="*", default=[], help="recognisers that are tiny models of this project")
    add_table_options(parser)
    arguments = parser.parse_args(argv)
    trainings: dict[str, list[JobStats]] = {}
    for path in arguments.students:
        trainings.setdefault(path.parent.parent.name, []).append(read_job_stats(path))
    predictions = read_shard_stats(arguments.predictions)
    scoring = read_scoring_stats(arguments.scoring)
    table = cost_table(predictions, trainings, arguments.simulated, arguments.tiny, git_commit(), scoring)
    write_table(table, "cost", arguments)


if __name__ == "__main__":
    run(main)
