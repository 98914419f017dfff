"""Write the provenance of a run: scores, data, prompts, models, students, config, code and library versions."""

import argparse
from pathlib import Path

from hearth.common.cli import json_option, run
from hearth.common.files import file_digest, read_json_object, write_json
from hearth.common.job_stats import read_job_stats
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.run_provenance import run_provenance
from hearth.evaluation.score_document import read_score


def main(argv: list[str] | None = None) -> None:
    """Read the results of a run; write one JSON document with their provenance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", required=True, help="JSON object: the part of the run's config that decides results"
    )
    for option, description in {
        "--scores": "score files",
        "--splits": "splits, as <dataset>/splits.json",
        "--cards": "dataset cards, for their digests",
        "--prompts": "prompts, as <name>.json",
        "--models": "snapshots, as <model>/snapshot.json",
        "--students": "training logs, as <student>/<fold>/training_log.json",
        "--adapters": "weight files of adapters, for their digests",
        "--stats": "stats files of recognition shards and trainings",
    }.items():
        parser.add_argument(option, nargs="*", default=[], type=Path, help=description)
    parser.add_argument("--out", required=True, type=Path, help="document to write")
    arguments = parser.parse_args(argv)
    digested = [*arguments.scores, *arguments.cards, *arguments.prompts, *arguments.adapters]
    document = run_provenance(
        config=json_option("--config", arguments.config, dict),
        commit=git_commit(),
        scores={path.as_posix(): read_score(path) for path in arguments.scores},
        splits={path.parent.name: read_json_object(path) for path in arguments.splits},
        prompts={path.stem: read_json_object(path) for path in arguments.prompts},
        models={path.parent.name: read_json_object(path) for path in arguments.models},
        students={"/".join(path.parts[-3:-1]): read_json_object(path) for path in arguments.students},
        stats={path.as_posix(): read_job_stats(path) for path in arguments.stats},
        digests={path.as_posix(): file_digest(path) for path in digested},
    )
    write_json(arguments.out, document)


if __name__ == "__main__":
    run(main)
