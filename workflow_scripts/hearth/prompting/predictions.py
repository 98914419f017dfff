"""Predictions: the text that a recogniser wrote for each window, raw or with the labels parsed from it; JSON lines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, TypeVar

from hearth.common.records import iterate_records
from hearth.data.windows import Window
from hearth.prompting.parsing import Status

Row = TypeVar("Row", bound=Mapping[str, object])  # a raw or a parsed prediction

FinishReason = Literal["stop", "length", "unanswered"]


class CompletionRecord(TypedDict):
    """The part of a prediction that describes the completion.

    `text` keeps special tokens, without the end-of-turn token. Reasoning is in <think> tags, whatever the model's own
    marks are, also if the prompt has opened it. `finish_reason` is "unanswered" for a
    window that no answer could be had for; then `text` is "", and `unanswered_reason` is present. `seed` is the seed of
    the decoding settings. `reasoning_forced` says whether the engine closed the reasoning; it is present if decoding
    has a reasoning budget. `confidences` has the probability of each event's label, None without a label; it is present
    if decoding asks for confidence. Numbers of tokens are None where a server does not say them. `oddities` says what
    is odd about the answer (`hearth.prompting.oddities`); it is present if anything is. `answered_by` is the
    model, the provider and the build behind a server, as far as the server says them.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int | None
    completion_tokens: int | None
    seed: int
    unanswered_reason: NotRequired[str]
    reasoning_forced: NotRequired[bool]
    confidences: NotRequired[list[float | None]]
    oddities: NotRequired[list[str]]
    answered_by: NotRequired[str]


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


def align(windows: Iterable[Window], predictions: Iterable[Row], path: Path) -> Iterator[tuple[Window, Row]]:
    """Yield (window, prediction) for every window; `path` names the predictions in errors.

    Only one pair is in memory. Raises ValueError, naming the first window at fault, unless there is exactly one
    prediction for every window, in the order of the windows.
    """
    for number, (window, prediction) in enumerate(zip_longest(windows, predictions), start=1):
        if prediction is None:
            raise ValueError(f"{path}: window {window['window_id']!r} has no prediction; predict its windows again")
        if window is None or prediction["window_id"] != window["window_id"]:
            expected = "the end of the file" if window is None else f"that of {window['window_id']!r}"
            raise ValueError(
                f"{path}: row {number} is the prediction of window {prediction['window_id']!r}; expected {expected};"
                " predict its windows again"
            )
        yield window, prediction


def align_samples(
    samples: Sequence[Iterable[ParsedPrediction]], paths: Sequence[Path]
) -> Iterator[tuple[ParsedPrediction, ...]]:
    """Yield the predictions of each window, one of every sample; `paths` names the samples in errors.

    Raises ValueError, naming the first window at fault, unless all samples have the same windows in the same order, and
    as many labels for each.
    """
    for number, row in enumerate(zip_longest(*samples), start=1):
        for prediction, path in zip(row, paths, strict=True):
            if prediction is None:
                raise ValueError(
                    f"{path}: it has {number - 1} predictions, another sample has more; predict them again"
                )
            first = row[0]
            if prediction["window_id"] != first["window_id"]:
                raise ValueError(
                    f"{path}: row {number} is the prediction of window {prediction['window_id']!r}, but that of"
                    f" {first['window_id']!r} in {paths[0]}; predict its windows again"
                )
            sizes = {len(each[key]) for each in (prediction, first) for key in ("labels", "lenient_labels")}
            if len(sizes) > 1:
                raise ValueError(
                    f"{path}: window {prediction['window_id']!r} has another number of labels than in {paths[0]}; run"
                    " the rule `parse_predictions` again"
                )
        yield row
