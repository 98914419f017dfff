"""Compute metrics from counts of labelled events. `score_document.DESCRIPTIONS` defines each metric.

An event without a readable label (missing, unknown or unreadable: None) counts as wrong and is no class of its own. A
label of the home without gold events has no recall and enters neither macro nor weighted F1; predicting it still lowers
the recall of the gold label. Micro F1 equals accuracy if every event has a readable label and exceeds it otherwise.
"""

from typing import cast

import numpy as np

from hearth.evaluation.counts import UNREADABLE, split_columns
from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.score_document import HEADLINES, RATES, ClassMetrics, Metrics, Parsing
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


def score_windows(windows: EncodedWindows, parsing: Parsing) -> Metrics:
    """Compute the metrics of windows under one parsing."""
    confusion = _confusion(windows, parsing)
    gold, predicted, correct = confusion.sum(axis=1), confusion[:, :-1].sum(axis=0), np.diagonal(confusion)
    rest = (
        len(windows.sizes),
        windows.has_status(parsing, "ok").sum(),
        windows.has_status(parsing, *UNREADABLE).sum(),
        *map(np.sum, windows.without_label(parsing)),
    )
    used = gold > 0
    values = compute_metrics(np.concatenate([gold[used], predicted[used], correct[used], rest]).astype(float))
    by_label = zip(gold.tolist(), predicted.tolist(), correct.tolist(), strict=True)
    statuses = np.bincount(windows.answers[parsing].statuses, minlength=len(STATUSES))
    metrics: dict[str, object] = {
        **{name: float(values[name]) for name in HEADLINES},
        "per_class": {label: _class_metrics(*each) for label, each in zip(windows.labels, by_label, strict=True)},
        "confusion": {
            "labels": list(windows.labels),
            "columns": [*windows.labels, UNREAD],
            "counts": confusion.tolist(),
        },
        "status": dict(zip(STATUSES, statuses.tolist(), strict=True)),
        "rates": {name: float(values[name]) for name in RATES},
    }
    return cast(Metrics, metrics)


def _confusion(windows: EncodedWindows, parsing: Parsing) -> np.ndarray:
    """Return the events by gold label (rows) and predicted label (columns; the last for those without a label)."""
    size = len(windows.labels)
    places = windows.gold * np.int64(size + 1) + windows.answers[parsing].labels
    return np.bincount(places, minlength=size * (size + 1)).reshape(size, size + 1)


def _f1(gold: np.ndarray, predicted: np.ndarray, correct: np.ndarray) -> np.ndarray:
    return 2 * correct / np.maximum(gold + predicted, 1)


def _class_metrics(gold: int, predicted: int, correct: int) -> ClassMetrics:
    return {
        "precision": correct / max(predicted, 1),
        "recall": correct / max(gold, 1),
        "f1": float(_f1(*np.array([gold, predicted, correct]))),
        "support": gold,
    }
