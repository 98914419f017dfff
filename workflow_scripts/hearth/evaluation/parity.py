"""Compare the forms of an exported student (adapter, merged model, GGUF files) on the same windows, event by event."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NotRequired, TypedDict, final

import numpy as np

from hearth.common import files
from hearth.common.records import check_record
from hearth.data.folds import iterate_split, sample_evenly
from hearth.data.gold_labels import map_to_gold
from hearth.data.windows import Window
from hearth.evaluation.bootstrap import DECIMALS, percentile_interval
from hearth.evaluation.counts import Counts, count_groups, counts_of_groups
from hearth.evaluation.encoded_windows import WindowEncoder
from hearth.evaluation.metrics import compute_metrics
from hearth.evaluation.score_document import Interval, LostAnswers
from hearth.evaluation.statistics import metric_intervals, resample
from hearth.prompting.parsing import Status, parse
from hearth.prompting.predictions import Prediction

# Split of the windows on which forms are compared.
SPLIT = "test1"


class FormAnswer(TypedDict):
    """The answer of one form to one window, strictly parsed. `confidences` has the probability of each label."""

    window_id: str
    text: str
    labels: list[str | None]
    status: Status
    confidences: list[float | None]
    completion_tokens: int


class ParityAnswers(TypedDict):
    """The document parity_answers.json: answers of the adapter and of the first GGUF file, in the order of windows.

    `gguf` is empty if the export has no GGUF file.
    """

    adapter: list[FormAnswer]
    gguf: list[FormAnswer]


class Estimate(TypedDict):
    """A number with its bootstrap interval over groups; None with too few groups."""

    value: float
    interval: Interval | None


class FormConfidence(TypedDict):
    """Mean probability of the labels of a form; None without labels.

    `shift` is its mean difference from the form of the model's own number format, over events that both label.
    """

    mean: float | None
    shift: NotRequired[float | None]


class Loss(TypedDict):
    """The adapter's metrics minus those of a form; intervals are paired."""

    accuracy: Estimate
    macro_f1: Estimate
    weighted_f1: Estimate


class FormFigures(TypedDict):
    """The metrics of one form on the compared windows. `answer_tokens` is the mean length of an answer."""

    accuracy: Estimate
    macro_f1: Estimate
    weighted_f1: Estimate
    missing_rate: float
    confidence: FormConfidence
    answer_tokens: float


class FormParity(TypedDict):
    """The answers of one form and, for all forms but the adapter, their agreement with the adapter's answers.

    `status` maps each status to its number of windows. `agreement` is the share of events that both forms give the
    same label or both leave without a label. `same_text` is the number of windows with exactly the adapter's text.
    `prompts` and `bytes` are present only for GGUF files: how llama.cpp was given its prompts, as "text" or as
    "token ids", and the size of the file. `figures` is absent for the merged model.
    """

    status: dict[str, int]
    agreement: NotRequired[float]
    same_text: NotRequired[int]
    prompts: NotRequired[str]
    bytes: NotRequired[int]
    figures: NotRequired[FormFigures]


class Parity(TypedDict):
    """The document parity.json, as `check_export.py` writes it.

    `gguf` is the GGUF file in the model's own number format, called `form`; both are absent if the export has none.
    """

    student: str
    dataset: str
    windows: int
    events: int
    decoding: dict[str, float]
    adapter: FormParity
    merged: FormParity
    gguf: NotRequired[FormParity]
    form: NotRequired[str]


@final
class QuantisedParity(FormFigures):
    """The document parity-<form>.json of a quantised form, as `check_quantised.py` writes it; `bytes` is its size."""

    student: str
    dataset: str
    form: str
    bytes: int
    windows: int
    events: int
    agreement: float
    loss: Loss


@final
class LackingForm(TypedDict):
    """The document parity-<form>.json of a form that the export lacks, with the reason."""

    student: str
    form: str
    why_not: str


def read_quantised_parity(path: Path) -> QuantisedParity | LackingForm:
    """Read a parity-<form>.json. Raises ValueError, which names the file and the key at fault."""
    document = files.read_json(path)
    if isinstance(document, dict) and "why_not" in document:
        return check_record(document, LackingForm, str(path))
    return check_record(document, QuantisedParity, str(path))


def compared_windows(windows: Path, splits: Path, count: int) -> list[Window]:
    """Return the tested windows of a dataset on which the forms of its students are compared, at most `count`."""
    tested = sum(1 for _ in iterate_split(windows, splits, SPLIT))
    chosen = set(sample_evenly(range(tested), count))
    return [window for position, window in enumerate(iterate_split(windows, splits, SPLIT)) if position in chosen]


def parse_answers(
    windows: Sequence[Window], predictions: Sequence[Prediction], labels: Sequence[str]
) -> list[FormAnswer]:
    """Parse the prediction of each window strictly; `labels` is the home's label list."""
    answers: list[FormAnswer] = []
    for window, prediction in zip(windows, predictions, strict=True):
        size = len(window["events"])
        parsed = parse(prediction["text"], size, tuple(labels), prediction["finish_reason"])
        answers.append(
            {
                "window_id": window["window_id"],
                "text": prediction["text"],
                "labels": parsed.labels,
                "status": parsed.status,
                "confidences": prediction.get("confidences") or [None] * size,
                "completion_tokens": prediction["completion_tokens"] or 0,
            }
        )
    return answers


def compare_forms(answers_by_form: Mapping[str, Sequence[FormAnswer]]) -> dict[str, FormParity]:
    """Return a dict from form to its parity. The first form, the adapter, is the reference for the others."""
    reference = next(iter(answers_by_form.values()))
    parities: dict[str, FormParity] = {}
    for name, answers in answers_by_form.items():
        parities[name] = {"status": dict(Counter(answer["status"] for answer in answers))}
        if answers is reference:
            continue
        parities[name]["agreement"] = agreement(answers, reference)
        parities[name]["same_text"] = sum(
            answer["text"] == other["text"] for answer, other in zip(answers, reference, strict=True)
        )
    return parities


def agreement(answers: Sequence[FormAnswer], reference: Sequence[FormAnswer]) -> float:
    """Return the share of events with the same label, or none, in both forms' answers."""
    equal = [
        label == expected
        for answer, other in zip(answers, reference, strict=True)
        for label, expected in zip(answer["labels"], other["labels"], strict=True)
    ]
    return round(sum(equal) / len(equal), 4)


class FormScorer:
    """Scores the answers of forms to the same windows.

    `groups` maps sessions to groups, `labels` are the home's, and `lost_answers` is the reading of F1.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        groups: Mapping[str, str],
        labels: Sequence[str],
        lost_answers: LostAnswers,
    ):
        self._windows, self._groups, self._labels = windows, groups, tuple(labels)
        self._lost_answers = lost_answers

    def figures(self, answers: Sequence[FormAnswer], own: Sequence[FormAnswer] = ()) -> FormFigures:
        """Return the metrics of a form; `own` are the answers of the form from which its confidence may shift."""
        counts = self._count(answers)
        values, intervals = compute_metrics(counts.matrix.sum(axis=0), self._lost_answers), metric_intervals(counts)

        def estimate(metric: str) -> Estimate:
            return {"value": _rounded(values[metric]), "interval": intervals[metric]}

        confidences = [value for answer in answers for value in answer["confidences"] if value is not None]
        confidence: FormConfidence = {"mean": _mean(confidences)}
        if own:
            confidence["shift"] = _confidence_shift(answers, own)
        return {
            "accuracy": estimate("accuracy"),
            "macro_f1": estimate("macro_f1"),
            "weighted_f1": estimate("weighted_f1"),
            "missing_rate": _rounded(values["missing_rate"]),
            "confidence": confidence,
            "answer_tokens": _rounded(fmean(answer["completion_tokens"] for answer in answers)),
        }

    def loss(self, answers: Sequence[FormAnswer], reference: Sequence[FormAnswer]) -> Loss:
        """Return by how much the metrics of `answers` are below those of `reference`."""
        counts, others = self._count(answers), self._count(reference)
        values, best = (compute_metrics(each.matrix.sum(axis=0), self._lost_answers) for each in (counts, others))
        drawn, best_drawn = resample(counts), resample(others)

        def estimate(metric: str) -> Estimate:
            interval = percentile_interval(best_drawn[metric] - drawn[metric], len(counts.groups))
            return {"value": _rounded(best[metric] - values[metric]), "interval": interval}

        return {
            "accuracy": estimate("accuracy"),
            "macro_f1": estimate("macro_f1"),
            "weighted_f1": estimate("weighted_f1"),
        }

    def _count(self, answers: Sequence[FormAnswer]) -> Counts:
        encoder = WindowEncoder(self._labels, ("strict",))
        for window, answer in zip(self._windows, answers, strict=True):
            if answer["window_id"] != window["window_id"]:
                raise ValueError(f"the answer to {answer['window_id']} stands where {window['window_id']} should be")
            labels = map_to_gold(window, answer["labels"])
            encoder.add(self._groups[window["session"]], window["gold"], {"strict": (labels, answer["status"])})
        encoded, dataset = encoder.encoded(), self._windows[0]["dataset"]
        return counts_of_groups("form", dataset, count_groups(encoded), self._labels, "strict", self._lost_answers)


def loss_problem(parity: QuantisedParity, max_loss: float) -> str:
    """Return a message if a form loses more accuracy than `max_loss`; otherwise ""."""
    loss = parity["loss"]["accuracy"]
    if loss["value"] <= max_loss:
        return ""
    bounds = loss["interval"]
    within = f"95 % interval {bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else "too few groups for an interval"
    return (
        f"{parity['student']}: the accuracy of form {parity['form']} is {parity['accuracy']['value']:.3f}, "
        f"{loss['value']:.3f} below the adapter's ({within}), on {parity['events']} events of {parity['windows']} "
        f"windows; export.max_loss allows {max_loss:g}. Take the form out of export.quantise, or raise export.max_loss"
    )


def _confidence_shift(answers: Sequence[FormAnswer], own: Sequence[FormAnswer]) -> float | None:
    differences = [
        value - other
        for answer, reference in zip(answers, own, strict=True)
        for value, other in zip(answer["confidences"], reference["confidences"], strict=True)
        if value is not None and other is not None
    ]
    return _mean(differences)


def _mean(values: Sequence[float]) -> float | None:
    return _rounded(fmean(values)) if values else None


def _rounded(value: float | np.ndarray) -> float:
    return round(float(value), DECIMALS) + 0.0
