"""Predictions: the text that a recogniser wrote for each window, raw or with the labels parsed from it; JSON lines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

from hearth.common.records import iterate_records
from hearth.prompting.parsing import Status

FinishReason = Literal["stop", "length", "unanswered"]


class CompletionRecord(TypedDict):
    """The part of a prediction that describes the completion.

    `text` keeps special tokens such as <think>, without the end-of-turn token. `finish_reason` is "unanswered" for a
    window that no answer could be had for; then `text` is "", and `unanswered_reason` is present. `seed` is the seed of
    the decoding settings. `reasoning_forced` says whether the engine closed the reasoning; it is present if decoding
    has a reasoning budget. `confidences` has the probability of each event's label, None without a label; it is present
    if decoding asks for confidence.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    seed: int
    unanswered_reason: NotRequired[str]
    reasoning_forced: NotRequired[bool]
    confidences: NotRequired[list[float | None]]


class Prediction(CompletionRecord):
    """A raw prediction, as `recognise.py` writes it: the completion for one window."""

    window_id: str


class ParsedPrediction(Prediction):
    """A prediction, and the reasoning, labels and statuses that `parse_predictions.py` reads in its text.

    `labels` and `status` come from strict parsing, `lenient_labels` and `lenient_status` from lenient parsing
    (`hearth.prompting.parsing`). Both lists have one entry for each event, None where the text gives no valid label.
    """

    reasoning: str
    labels: list[str | None]
    status: Status
    lenient_labels: list[str | None]
    lenient_status: Status


def read_predictions(path: Path) -> list[Prediction]:
    """Read raw predictions, as `iterate_predictions` does."""
    return list(iterate_predictions(path))


def iterate_predictions(path: Path) -> Iterator[Prediction]:
    """Yield raw predictions. Raises ValueError, which names file, row and key, for a row that is no prediction."""
    return iterate_records(path, Prediction)


def read_parsed_predictions(path: Path) -> list[ParsedPrediction]:
    """Read parsed predictions, as `iterate_parsed_predictions` does."""
    return list(iterate_parsed_predictions(path))


def iterate_parsed_predictions(path: Path) -> Iterator[ParsedPrediction]:
    """Yield parsed predictions. Raises ValueError, which names file, row and key, for a row that is not one."""
    return iterate_records(path, ParsedPrediction)
