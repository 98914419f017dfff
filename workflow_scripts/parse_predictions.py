"""Read raw completions into labels and statuses: all.jsonl to parsed.jsonl, strictly and leniently."""

import argparse
from pathlib import Path

from hearth.common.cli import run
from hearth.common.files import write_json_lines
from hearth.data.windows import read_windows
from hearth.evaluation.inputs import align, read_rows
from hearth.homes.home import load_home
from hearth.prompting.parsing import parse, parse_leniently


def parsed(prediction: dict, size: int, labels: tuple[str, ...]) -> dict:
    """A prediction with reasoning, labels and status (strict), lenient_labels and lenient_status.

    Of its confidences, where it has any, those stay that are of a label which strict parsing reads.
    """
    strict = parse(prediction["text"], size, labels, prediction["finish_reason"])
    lenient = parse_leniently(prediction["text"], size, labels, prediction["finish_reason"])
    confidences = [
        confidence if label is not None else None
        for confidence, label in zip(prediction.get("confidences", ()), strict.labels, strict=False)
    ]
    return {
        **prediction,
        **({"confidences": confidences} if confidences else {}),
        "reasoning": strict.reasoning,
        "labels": strict.labels,
        "status": strict.status,
        "lenient_labels": lenient.labels,
        "lenient_status": lenient.status,
    }


def main(argv: list[str] | None = None) -> None:
    """Parse every prediction of one split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the dataset")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the dataset's home")
    parser.add_argument("--split", required=True, choices=("train", "test"), help="split the predictions are of")
    parser.add_argument("--predictions", required=True, type=Path, help="raw predictions of the whole split, all.jsonl")
    parser.add_argument("--out", required=True, type=Path, help="parsed predictions, parsed.jsonl")
    arguments = parser.parse_args(argv)
    labels = load_home(arguments.home).labels
    predictions = read_rows(arguments.predictions, ("window_id", "text", "finish_reason"))
    pairs = align(read_windows(arguments.windows, arguments.split), predictions, arguments.predictions)
    write_json_lines(arguments.out, [parsed(prediction, len(window["events"]), labels) for window, prediction in pairs])


if __name__ == "__main__":
    run(main)
