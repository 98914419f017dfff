"""Write the cost table: seconds, throughput, memory and energy of predictions and trainings."""

import argparse
from pathlib import Path

from hearth.common.cli import UserError, run
from hearth.common.files import write_text
from hearth.common.job_stats import JobStats, read_job_stats
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.costs import cost_table
from hearth.evaluation.rendering import csv_text, latex, markdown


def main(argv: list[str] | None = None) -> None:
    """Read the stats; write the table in three formats."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--predictions",
        nargs="*",
        default=[],
        type=Path,
        help="stats of shards, as <recogniser>/<dataset>/<split>/<shard>.stats.json; the shards of a split are summed",
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
    trainings = {path.parent.name: read_job_stats(path) for path in arguments.students}
    predictions = read_shard_stats(arguments.predictions)
    table = cost_table(predictions, trainings, arguments.simulated, arguments.tiny, git_commit())
    write_text(arguments.markdown, markdown(table))
    write_text(arguments.csv, csv_text(table))
    write_text(arguments.tex, latex(table, "cost"))


def read_shard_stats(paths: list[Path]) -> dict[tuple[str, str, str], list[JobStats]]:
    """Return the stats of shards by recogniser, dataset and split. Raises UserError for a path without these names."""
    shards: dict[tuple[str, str, str], list[JobStats]] = {}
    for path in paths:
        if len(path.parts) < 4:
            raise UserError(f"{path}: expected <recogniser>/<dataset>/<split>/<shard>.stats.json")
        recogniser, dataset, split = path.parts[-4:-1]
        shards.setdefault((recogniser, dataset, split), []).append(read_job_stats(path))
    return shards


if __name__ == "__main__":
    run(main)
