"""Score the predictions of one recogniser on the tested windows of one dataset."""

import argparse
from pathlib import Path
from typing import cast

from hearth.common.cli import json_option, run
from hearth.common.files import read_json_object, write_json
from hearth.data.folds import read_splits
from hearth.data.windows import iterate_windows
from hearth.evaluation.answered_windows import read_answers
from hearth.evaluation.score_document import MetricSettings
from hearth.evaluation.scores import build_score, check_metadata
from hearth.homes.home import load_home
from hearth.prompting.predictions import iterate_parsed_predictions
from hearth.prompting.prompts import read_prompt


def main(argv: list[str] | None = None) -> None:
    """Read the tested windows and their parsed predictions and write the score file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recogniser", required=True, help="name of the recogniser")
    parser.add_argument("--dataset", required=True, help="name of the dataset")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the dataset")
    parser.add_argument("--splits", required=True, type=Path, help="splits.json of the dataset")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the dataset's home")
    parser.add_argument(
        "--parsed",
        required=True,
        type=Path,
        nargs="+",
        help="parsed predictions, parsed.jsonl: one file on all tested windows, or one for each fold, in order",
    )
    parser.add_argument("--prompt", type=Path, help="prompt file, for a language model")
    parser.add_argument("--model", type=Path, help="snapshot.json of the language model; for a student, of its base")
    parser.add_argument("--student", type=Path, help="training_log.json, for a student")
    parser.add_argument(
        "--metadata",
        required=True,
        help="JSON object with the keys of evaluation.scores.ScoreMetadata; for a student, StudentScoreMetadata",
    )
    parser.add_argument("--metrics", required=True, help="`metrics` of the config, a JSON object")
    parser.add_argument("--out", required=True, type=Path, help="score file")
    arguments = parser.parse_args(argv)
    home, splits = load_home(arguments.home), read_splits(arguments.splits)
    predictions = {path: iterate_parsed_predictions(path) for path in arguments.parsed}
    metadata = check_metadata(json_option("--metadata", arguments.metadata, dict))
    answered = read_answers(
        iterate_windows(arguments.windows),
        splits,
        predictions,
        home.labels,
        metadata["common_labels"],
        metadata["labels"],
    )
    score = build_score(
        recogniser=arguments.recogniser,
        dataset=arguments.dataset,
        home=home,
        answered=answered,
        splits=splits,
        prompt=read_prompt(arguments.prompt) if arguments.prompt else None,
        model=read_json_object(arguments.model) if arguments.model else None,
        student=read_json_object(arguments.student) if arguments.student else None,
        metadata=metadata,
        metrics=cast(MetricSettings, json_option("--metrics", arguments.metrics, dict)),
    )
    write_json(arguments.out, score)


if __name__ == "__main__":
    run(main)
