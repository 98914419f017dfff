"""Write one declared table of recipes, with the hours of work behind its students, as Markdown, CSV and LaTeX."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from hearth.common.cli import json_option, run
from hearth.common.job_stats import JobStats, read_job_stats
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.common_labels import in_labels, with_label_notes
from hearth.evaluation.costs import read_shard_stats
from hearth.evaluation.recipe_hours import work_hours
from hearth.evaluation.recipe_table import recipe_table
from hearth.evaluation.score_document import read_score
from hearth.evaluation.table_files import add_table_options, write_table


def main(argv: list[str] | None = None) -> None:
    """Read the scores and the stats; write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the table, its label in LaTeX")
    parser.add_argument("--spec", required=True, help="JSON object with title and, optionally, caption, labels")
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="score files, in the order of the rows")
    parser.add_argument(
        "--students", nargs="*", default=[], type=Path, help="stats files <student>/<fold>/training.stats.json"
    )
    parser.add_argument(
        "--texts",
        nargs="*",
        default=[],
        type=Path,
        help="stats files <recogniser>/<dataset>/<split>/<shard>.stats.json of the text that students learned from",
    )
    parser.add_argument(
        "--scorings",
        nargs="*",
        default=[],
        type=Path,
        help="stats files <recogniser>/<dataset>/<split>/<shard>.stats.json of the scoring of such text by teachers",
    )
    parser.add_argument(
        "--works",
        required=True,
        help="JSON object from each student, also as a variant, to its work: trainings (students of its rounds),"
        " written and scored (from each recogniser whose text it learns from, and whose text its teacher scored, to the"
        " number of devices of a job that wrote or scored it), datasets, and training_devices of a rank",
    )
    add_table_options(parser)
    arguments = parser.parse_args(argv)
    spec = json_option("--spec", arguments.spec, dict)
    works = json_option("--works", arguments.works, dict)
    trainings: dict[str, list[JobStats]] = {}
    for path in arguments.students:
        trainings.setdefault(path.parent.parent.name, []).append(read_job_stats(path))
    texts, scorings = read_shard_stats(arguments.texts), read_shard_stats(arguments.scorings)
    hours = {
        student: work_hours(
            [stats for name in work["trainings"] for stats in trainings.get(name, [])],
            [
                *_select(texts, work["written"], work["datasets"]),
                *_select(scorings, work["scored"], work["datasets"]),
            ],
            work["training_devices"],
        )
        for student, work in works.items()
    }
    scores = [read_score(path) for path in arguments.scores]
    labels = spec.get("labels", "native")
    table = recipe_table(spec["title"], spec.get("caption", ""), in_labels(scores, labels), git_commit(), hours)
    write_table(with_label_notes(table, scores) if labels == "common" else table, arguments.name, arguments)


def _select(
    shards: Mapping[tuple[str, str, str], Sequence[JobStats]], devices: Mapping[str, int], datasets: Sequence[str]
) -> list[tuple[JobStats, int]]:
    """Return stats and number of devices of all shards of the recognisers in `devices` on these datasets."""
    return [
        (stats, devices[recogniser])
        for (recogniser, dataset, _), found in shards.items()
        if recogniser in devices and dataset in datasets
        for stats in found
    ]


if __name__ == "__main__":
    run(main)
