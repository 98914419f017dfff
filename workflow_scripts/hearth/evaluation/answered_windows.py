"""Read the test windows of a dataset and their parsed predictions in one pass, which keeps only arrays of numbers."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from types import MappingProxyType

import numpy as np

from hearth.data.complexity import ComplexityScale, Measures, complexity_measures
from hearth.data.folds import SplitDocument
from hearth.data.gold_labels import map_to_gold, to_common_labels, with_common_labels
from hearth.data.windows import Window
from hearth.evaluation.encoded_windows import EncodedWindows, ParsedAnswer, WindowEncoder
from hearth.evaluation.recorded_events import RecordedEvents, RecordedEventsBuilder
from hearth.evaluation.score_document import PARSINGS, Labels, Parsing, Tokens
from hearth.homes.home import common_label_names
from hearth.prompting.oddities import main_reason
from hearth.prompting.predictions import ParsedPrediction

# Stands for an unknown number of tokens in an array.
_UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class AnsweredWindows:
    """The test windows with the answers of one recogniser.

    `windows` has them in the labels that the recogniser answers in, `common` in those that homes share; it is None if
    the home does not map its labels, and for a recogniser that answers in common labels. `is_complex` (bool, one per
    window) separates simple from complex windows. `confidences` (float64, one per event) are NaN for events without
    one. `recorded` has sessions, times and residents. `tokens` counts the tokens of all predictions,
    `completion_tokens` (int32, one per window) those of each completion; None if one is unknown. `is_truncated` (bool,
    one per window) says which were cut off at the token limit. `oddities` counts the odd answers. `unanswered_reason`
    is the most frequent reason of unanswered windows, "" without one. `answered_by` counts the answers of each source
    that a server names.
    """

    windows: EncodedWindows
    common: EncodedWindows | None
    is_complex: np.ndarray
    confidences: np.ndarray
    recorded: RecordedEvents
    tokens: Tokens
    completion_tokens: np.ndarray | None
    is_truncated: np.ndarray
    oddities: dict[str, int]
    unanswered_reason: str
    answered_by: dict[str, int]


def read_answers(
    windows: Iterable[Window],
    splits: SplitDocument,
    predictions: Mapping[Path, Iterable[ParsedPrediction]],
    labels: tuple[str, ...],
    common_labels: Mapping[str, str] = MappingProxyType({}),
    answers_in: Labels = "native",
) -> AnsweredWindows:
    """Read windows, all of a dataset, and the predictions of those that are tested.

    `predictions` has the parsed predictions of each file: one file with all tested windows, or one for each fold, in
    order. `labels` are all labels of the home; `common_labels` maps them to those that homes share, and is empty if the
    home does not map them. `answers_in` says which of both the predictions are in. A predicted label that is one of
    several correct labels of its event is replaced by the gold label (`map_to_gold`).

    A window is complex or not among the train windows; with several folds among all windows of the dataset, since each
    is trained on in some fold. Raises ValueError if windows and predictions do not match, for a label that is not a
    label of the home, and if there is no train window.
    """
    recorded = RecordedEventsBuilder()
    encoders: dict[Labels, WindowEncoder] = {}
    if answers_in == "native":
        encoders["native"] = WindowEncoder(labels, PARSINGS)
    if common_labels:
        encoders["common"] = WindowEncoder(common_label_names(), PARSINGS)
    train: Counter[Measures] = Counter()
    codes: dict[Measures, int] = {}
    measured, confidences = array("i"), array("d")
    prompt_tokens, completion_tokens, truncated = array("i"), array("i"), array("b")
    oddities: Counter[str] = Counter()
    reasons: list[str] = []
    sources: Counter[str] = Counter()
    for window, row, path in _answered(_tested_windows(windows, splits, train), splits, predictions):
        confidence = row.get("confidences") or [None] * len(window["gold"])
        _check_sizes(window, path, labels=row["labels"], lenient_labels=row["lenient_labels"], confidences=confidence)
        group = splits["sessions"][window["session"]]["group"]
        for known, encoder in encoders.items():
            try:
                encoder.add(group, *_labelled(window, row, known, answers_in, common_labels))
            except ValueError as error:
                raise ValueError(f"window {window['window_id']}: {error}") from None
        recorded.add(window)
        measured.append(codes.setdefault(complexity_measures(window), len(codes)))
        confidences.extend([nan if value is None else value for value in confidence])
        for lengths, length in ((prompt_tokens, row["prompt_tokens"]), (completion_tokens, row["completion_tokens"])):
            lengths.append(_UNKNOWN if length is None else length)
        truncated.append(row["finish_reason"] == "length")
        oddities.update(row.get("oddities", ()))
        if reason := row.get("unanswered_reason"):
            reasons.append(reason)
        if source := row.get("answered_by"):
            sources[source] += 1
    prompts, completions = _known_lengths(prompt_tokens), _known_lengths(completion_tokens)
    scale = ComplexityScale(train.elements())
    is_complex = np.array([scale.is_complex(measures) for measures in codes], bool)
    return AnsweredWindows(
        windows=encoders[answers_in].encoded(),
        common=encoders["common"].encoded() if answers_in == "native" and common_labels else None,
        is_complex=is_complex[np.frombuffer(measured, np.int32)],
        confidences=np.frombuffer(confidences),
        recorded=recorded.build(),
        tokens={"prompt": _total(prompts), "completion": _total(completions)},
        completion_tokens=completions,
        is_truncated=np.frombuffer(truncated, np.int8).astype(bool),
        oddities=dict(sorted(oddities.items())),
        unanswered_reason=main_reason(reasons),
        answered_by=dict(sorted(sources.items())),
    )


def _labelled(
    window: Window, row: ParsedPrediction, known: Labels, answers_in: Labels, common_labels: Mapping[str, str]
) -> tuple[list[str], dict[Parsing, ParsedAnswer]]:
    """Return the gold labels and the answers of a window in the labels `known`; the answers are in `answers_in`."""
    tested = window if known == "native" else with_common_labels(window, common_labels)

    def answer(labels: Sequence[str | None]) -> list[str | None]:
        return map_to_gold(tested, labels if known == answers_in else to_common_labels(labels, common_labels))

    return tested["gold"], {
        "strict": (answer(row["labels"]), row["status"]),
        "lenient": (answer(row["lenient_labels"]), row["lenient_status"]),
    }


def _known_lengths(lengths: "array[int]") -> np.ndarray | None:
    """Return lengths in tokens (int32, one per window); None if any of them is unknown."""
    known = np.frombuffer(lengths, np.int32)
    return None if (known == _UNKNOWN).any() else known


def _total(lengths: np.ndarray | None) -> int | None:
    return None if lengths is None else int(lengths.sum(dtype=np.int64))


def _tested_windows(windows: Iterable[Window], splits: SplitDocument, train: Counter[Measures]) -> Iterator[Window]:
    """Yield the windows that are tested; count the measures of those that are trained on in `train`."""
    for window in windows:
        session = splits["sessions"].get(window["session"])
        if session is None:
            raise ValueError(f"splits.json has no session {window['session']!r}; split the dataset again")
        if session["fold"] is None or splits["folds"] > 1:
            train[complexity_measures(window)] += 1
        if session["fold"] is not None:
            yield window


def _answered(
    tested: Iterable[Window], splits: SplitDocument, predictions: Mapping[Path, Iterable[ParsedPrediction]]
) -> Iterator[tuple[Window, ParsedPrediction, Path]]:
    """Yield each tested window with its prediction, the next one in the file of its fold, and the path of that file."""
    files = [(path, iter(rows)) for path, rows in predictions.items()]
    if len(files) not in (1, splits["folds"]):
        raise ValueError(f"{len(files)} files of predictions for {splits['folds']} folds: need one, or one for each")
    for window in tested:
        fold = splits["sessions"][window["session"]]["fold"] or 1
        path, rows = files[fold - 1 if len(files) > 1 else 0]
        row, name = next(rows, None), window["window_id"]
        if row is None:
            raise ValueError(f"{path}: window {name!r} has no prediction; predict its windows again")
        if row["window_id"] != name:
            raise ValueError(
                f"{path}: has a prediction of {row['window_id']!r} where that of {name!r} should be; predict its"
                " windows again"
            )
        yield window, row, path
    for path, rows in files:
        for row in rows:
            raise ValueError(
                f"{path}: {row['window_id']!r} is not a window that is tested there; predict its windows again"
            )


def _check_sizes(window: Window, path: Path, **by_event: Sequence[object]) -> None:
    for key, values in by_event.items():
        if len(values) != len(window["gold"]):
            raise ValueError(
                f"{path}: window {window['window_id']} has {len(window['gold'])} events and {len(values)} {key}; run"
                " the rule `parse_predictions` again"
            )
