"""Compute metrics from counts of labelled events. `score_document.DESCRIPTIONS` defines each metric.

An event without a readable label (missing, unknown or unreadable: None) counts as wrong and is no class of its own. A
label of the home without gold events has no recall and enters neither macro nor weighted F1; predicting it still lowers
the recall of the gold label. Micro F1 equals accuracy if every event has a readable label and exceeds it otherwise.
"""

from collections import Counter
from collections.abc import Sequence
from typing import cast

import numpy as np

from hearth.evaluation.counts import (
    Labels,
    PredictedLabels,
    count_matrix,
    count_windows,
    labels_with_gold,
    split_columns,
)
from hearth.evaluation.score_document import HEADLINES, RATES, ClassMetrics, Confusion, Metrics
from hearth.prompting.parsing import STATUSES

UNREAD = "no readable label"


def compute_metrics(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return a dict from each of `METRICS` to an array, computed from counts of windows and events.

    The last axis of `counts` has the columns of `Counts.matrix`; each metric has the shape of the other axes. Macro F1
    averages over the labels that have gold events in the counts at hand, because a resample may lack a label.
    """
    gold, predicted, correct, rest = split_columns(counts)
    windows, ok, malformed, missing, unknown = np.moveaxis(rest, -1, 0)
    events, supported = gold.sum(axis=-1), gold > 0
    right = correct.sum(axis=-1)
    f1 = _f1(gold, predicted, correct)
    return {
        "accuracy": right / events,
        "macro_f1": (f1 * supported).sum(axis=-1) / supported.sum(axis=-1),
        "weighted_f1": (f1 * gold).sum(axis=-1) / events,
        "micro_f1": 2 * right / (2 * events - missing - unknown),
        "ok_rate": ok / windows,
        "malformed_rate": malformed / windows,
        "missing_rate": missing / events,
        "unknown_rate": unknown / events,
    }


def score_windows(gold: Labels, predicted: PredictedLabels, statuses: Sequence[str], labels: Sequence[str]) -> Metrics:
    """Compute the metrics of windows under one parsing, from the labels of their events and the status of each.

    `labels` are all labels of the home, in the order of the confusion matrix. Raises ValueError if there are no
    events, if the sizes differ, and for a label or a status that is unknown.
    """
    _check_windows(gold, predicted, statuses, labels)
    counts = count_windows(gold, {"strict": (predicted, statuses)})
    (total,) = count_matrix([counts], labels_with_gold([counts], labels), "strict")
    values = compute_metrics(total)
    by_label = (counts["gold"], counts["strict"]["predicted"], counts["strict"]["right"])
    metrics: dict[str, object] = {
        **{name: float(values[name]) for name in HEADLINES},
        "per_class": {label: _class_metrics(*(events.get(label, 0) for events in by_label)) for label in labels},
        "confusion": _confusion(gold, predicted, labels),
        "status": _count_statuses(statuses),
        "rates": {name: float(values[name]) for name in RATES},
    }
    return cast(Metrics, metrics)


def _f1(gold: np.ndarray, predicted: np.ndarray, correct: np.ndarray) -> np.ndarray:
    return 2 * correct / np.maximum(gold + predicted, 1)


def _class_metrics(gold: int, predicted: int, correct: int) -> ClassMetrics:
    return {
        "precision": correct / max(predicted, 1),
        "recall": correct / max(gold, 1),
        "f1": float(_f1(*np.array([gold, predicted, correct]))),
        "support": gold,
    }


def _confusion(gold: Labels, predicted: PredictedLabels, labels: Sequence[str]) -> Confusion:
    pairs = Counter(pair for windows in zip(gold, predicted, strict=True) for pair in zip(*windows, strict=True))
    return {
        "labels": list(labels),
        "columns": [*labels, UNREAD],
        "counts": [[pairs[expected, label] for label in (*labels, None)] for expected in labels],
    }


def _count_statuses(statuses: Sequence[str]) -> dict[str, int]:
    counts = Counter(statuses)
    return {status: counts[status] for status in STATUSES}


def _check_windows(gold: Labels, predicted: PredictedLabels, statuses: Sequence[str], labels: Sequence[str]) -> None:
    if not len(gold) == len(predicted) == len(statuses):
        raise ValueError(
            f"numbers of windows differ: {len(gold)} with gold labels, {len(predicted)} with predicted labels,"
            f" {len(statuses)} with a status"
        )
    for index, (expected, answered) in enumerate(zip(gold, predicted, strict=True)):
        if len(expected) != len(answered):
            raise ValueError(f"window {index}: {len(expected)} gold labels, {len(answered)} predicted labels")
    if not any(gold):
        raise ValueError("no events to score")
    for name, windows in (("gold", gold), ("predicted", predicted)):
        allowed = {*labels, None} if name == "predicted" else set(labels)
        unknown = sorted({label for window in windows for label in window} - allowed, key=str)
        if unknown:
            raise ValueError(f"{name} label {unknown[0]!r} is not a label of the home")
    unknown_statuses = sorted(set(statuses) - set(STATUSES))
    if unknown_statuses:
        raise ValueError(f"unknown status {unknown_statuses[0]!r}; known: {', '.join(STATUSES)}")
