"""Parse raw completions into labels and statuses, strictly and leniently: all.jsonl to parsed.jsonl."""

import argparse
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from hearth.common.cli import run
from hearth.common.files import write_json_lines
from hearth.data.folds import iterate_split
from hearth.homes.home import load_home
from hearth.prompting.oddities import unreadable_text
from hearth.prompting.parsing import parse, parse_leniently
from hearth.prompting.predictions import ParsedPrediction, Prediction, align, iterate_predictions

log = logging.getLogger(__name__)


def parse_prediction(
    prediction: Prediction, size: int, labels: Collection[str], aliases: Mapping[str, str] | None = None
) -> ParsedPrediction:
    """Return a prediction with the labels and statuses of strict and of lenient parsing.

    `size` is the number of the window's events. `aliases` maps other spellings to labels, for lenient parsing. Only the
    confidences of labels from strict parsing are kept.
    """
    text, finish_reason = prediction["text"], prediction["finish_reason"]
    strict = parse(text, size, labels, finish_reason)
    lenient = parse_leniently(text, size, labels, finish_reason, aliases)
    parsed: ParsedPrediction = {
        **prediction,
        "reasoning": strict.reasoning,
        "labels": strict.labels,
        "status": strict.status,
        "lenient_labels": lenient.labels,
        "lenient_status": lenient.status,
    }
    if confidences := prediction.get("confidences"):
        parsed["confidences"] = [
            confidence if label is not None else None
            for confidence, label in zip(confidences, strict.labels, strict=False)
        ]
    return parsed


def main(argv: Sequence[str] | None = None) -> None:
    """Parse every prediction of one split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the dataset")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the dataset's home")
    parser.add_argument("--splits", type=Path, help="splits.json of the dataset, unless --split is all")
    parser.add_argument("--split", required=True, help="split of the predictions: all, test<k> or train<k>")
    parser.add_argument("--predictions", required=True, type=Path, help="raw predictions of the split, all.jsonl")
    parser.add_argument("--out", required=True, type=Path, help="parsed predictions to write, parsed.jsonl")
    arguments = parser.parse_args(argv)
    home = load_home(arguments.home)
    windows = iterate_split(arguments.windows, arguments.splits, arguments.split)
    pairs = align(windows, iterate_predictions(arguments.predictions), arguments.predictions)
    statuses: Counter[str] = Counter()

    def parsed() -> Iterator[ParsedPrediction]:
        for window, prediction in pairs:
            row = parse_prediction(prediction, len(window["events"]), home.labels, home.aliases)
            statuses[row["status"]] += 1
            yield row

    write_json_lines(arguments.out, parsed())
    if unreadable := unreadable_text(statuses):
        log.warning("%s: %s", arguments.predictions, unreadable)


if __name__ == "__main__":
    run(main)
