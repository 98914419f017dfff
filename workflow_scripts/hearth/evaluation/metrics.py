"""Compute metrics from counts of labelled events. `score_document.DESCRIPTIONS` defines each metric.

An event without a readable label (missing, unknown or unreadable: None) is a lost answer: it counts as wrong and is no
class of its own. A label of the home without gold events has no recall and enters neither macro nor weighted F1;
predicting it still lowers the recall of the gold label.

Lost answers have two readings (`score_document.LostAnswers`). In the reading "recall", a lost answer costs its gold
label recall, as in scikit-learn if it is given as a label outside `labels`; micro F1 then exceeds accuracy. In the
reading "precision", it costs precision too, as if it were a wrong label, spread over the labels as the recogniser's
readable answers are: the predicted events of every label are scaled by all events / events with a readable label. Micro
F1 then equals accuracy.
"""

from typing import cast

import numpy as np

from hearth.evaluation.counts import split_columns
from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.score_document import (
    HEADLINES,
    LOST_ANSWERS,
    RATES,
    READ_METRICS,
    READINGS,
    ClassMetrics,
    LostAnswers,
    Metrics,
    Parsing,
)
from hearth.prompting.oddities import UNREADABLE
from hearth.prompting.parsing import STATUSES

UNREAD = "no readable label"


def compute_metrics(counts: np.ndarray, lost_answers: LostAnswers) -> dict[str, np.ndarray]:
    """Return a dict from each of `METRICS` to an array, computed from counts of windows and events.

    The last axis of `counts` has the columns of `Counts.matrix`; each metric has the shape of the other axes. Macro F1
    averages over the labels that have gold events in the counts at hand, because a resample may lack a label. The
    headline metrics follow the reading `lost_answers`.
    """
    gold, _, correct, rest = split_columns(counts)
    windows, ok, malformed, missing, unknown = np.moveaxis(rest, -1, 0)
    events, supported = gold.sum(axis=-1), gold > 0
    right, answered = correct.sum(axis=-1), events - missing - unknown
    readings: dict[str, np.ndarray] = {}
    for reading in LOST_ANSWERS:
        f1 = f1_by_label(counts, reading)
        scale = _precision_scale(events, answered, reading)
        readings |= {
            f"macro_f1_{reading}": (f1 * supported).sum(axis=-1) / supported.sum(axis=-1),
            f"weighted_f1_{reading}": (f1 * gold).sum(axis=-1) / events,
            f"micro_f1_{reading}": 2 * right / (events + answered * scale),
        }
    return {
        "accuracy": right / events,
        **{name: readings[f"{name}_{lost_answers}"] for name in READ_METRICS},
        **readings,
        "ok_rate": ok / windows,
        "malformed_rate": malformed / windows,
        "missing_rate": missing / events,
        "unknown_rate": unknown / events,
    }


def f1_by_label(counts: np.ndarray, lost_answers: LostAnswers) -> np.ndarray:
    """Return F1 by label, from counts with the columns of `Counts.matrix` on their last axis."""
    gold, predicted, correct, rest = split_columns(counts)
    events, lost = gold.sum(axis=-1), rest[..., -2:].sum(axis=-1)
    return _f1(gold, predicted * _precision_scale(events, events - lost, lost_answers)[..., None], correct)


def score_windows(windows: EncodedWindows, parsing: Parsing, lost_answers: LostAnswers) -> Metrics:
    """Compute the metrics of windows under one parsing; headline and per-class metrics follow `lost_answers`."""
    confusion = _confusion(windows, parsing)
    gold, predicted, correct = confusion.sum(axis=1), confusion[:, :-1].sum(axis=0), np.diagonal(confusion)
    rest = (
        len(windows.sizes),
        windows.has_status(parsing, "ok").sum(),
        windows.has_status(parsing, *UNREADABLE).sum(),
        *map(np.sum, windows.without_label(parsing)),
    )
    used = gold > 0
    counts = np.concatenate([gold[used], predicted[used], correct[used], rest]).astype(float)
    values = compute_metrics(counts, lost_answers)
    scale = _precision_scale(gold.sum(), predicted.sum(), lost_answers)
    by_label = zip(gold.tolist(), (predicted * scale).tolist(), correct.tolist(), strict=True)
    statuses = np.bincount(windows.answers[parsing].statuses, minlength=len(STATUSES))
    metrics: dict[str, object] = {
        **{name: float(values[name]) for name in HEADLINES},
        "readings": {name: float(values[name]) for name in READINGS},
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


def _precision_scale(events: np.ndarray, answered: np.ndarray, reading: LostAnswers) -> np.ndarray:
    """Return the factor by which a reading of lost answers scales the predicted events of every label."""
    return np.ones_like(events, float) if reading == "recall" else events / np.maximum(answered, 1)


def _f1(gold: np.ndarray, predicted: np.ndarray, correct: np.ndarray) -> np.ndarray:
    return 2 * correct / np.maximum(gold + predicted, 1)


def _class_metrics(gold: int, predicted: float, correct: int) -> ClassMetrics:
    return {
        "precision": correct / max(predicted, 1),
        "recall": correct / max(gold, 1),
        "f1": float(_f1(*np.array([gold, predicted, correct]))),
        "support": gold,
    }
