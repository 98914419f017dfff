"""How well a recogniser's confidence says where it is right.

All numbers are over events with a label, of which the recogniser said how sure it is: an event without a readable
label is neither sure nor unsure, and counts only in `coverage`. Expected calibration error and reliability bins
after Guo et al. (On calibration of modern neural networks, ICML 2017); risk against coverage, and the area under it,
after Geifman and El-Yaniv (Selective classification for deep neural networks, NeurIPS 2017).
"""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import brier_score_loss

BINS = 10
KEPT = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def confidence_metrics(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str | None]],
    confidences: Sequence[Sequence[float | None]],
) -> dict | None:
    """Calibration of one recogniser, over windows of events; None where no label has a confidence.

    `coverage`: share of all events that have a label and a confidence. `ece`: mean distance of confidence and accuracy
    over the bins, weighted by their events. `brier`: mean square of confidence less 1 where the label is right, less 0
    where it is wrong; it looks at the chosen label only. `bins`: equal widths from 0 to 1, with events, mean
    confidence and accuracy (None where empty). `selective`: accuracy on the surest shares of the events. `aurc`: mean
    error rate over every such share; of a recogniser whose confidence says nothing it is its error rate.
    """
    pairs = [
        (confidence, label == expected)
        for window in zip(gold, predicted, confidences, strict=True)
        for expected, label, confidence in zip(*window, strict=True)
        if label is not None and confidence is not None
    ]
    if not pairs:
        return None
    sure = np.array([confidence for confidence, _ in pairs], dtype=float)
    right = np.array([is_right for _, is_right in pairs], dtype=float)
    bins = _reliability(sure, right)
    # Ties share their mean accuracy: their order in the file means nothing.
    order = np.argsort(-sure, kind="stable")
    _, which = np.unique(-sure, return_inverse=True)
    fair = (np.bincount(which, weights=right) / np.bincount(which))[which][order]
    accuracy = np.cumsum(fair) / np.arange(1, len(fair) + 1)
    return {
        "n_events": len(pairs),
        "coverage": len(pairs) / sum(map(len, gold)),
        "accuracy": float(right.mean()),
        "mean_confidence": float(sure.mean()),
        "ece": sum(b["events"] * abs(b["confidence"] - b["accuracy"]) for b in bins if b["events"]) / len(pairs),
        "brier": float(brier_score_loss(right, sure, pos_label=1, labels=[0, 1])),
        "bins": bins,
        "selective": {str(share): float(accuracy[int(np.ceil(share * len(fair))) - 1]) for share in KEPT},
        "aurc": float(1 - accuracy.mean()),
    }


def _reliability(sure: np.ndarray, right: np.ndarray) -> list[dict]:
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    found = []
    for number in range(BINS):
        within = place == number
        events = int(within.sum())
        found.append(
            {
                "from": number / BINS,
                "to": (number + 1) / BINS,
                "events": events,
                "confidence": float(sure[within].mean()) if events else None,
                "accuracy": float(right[within].mean()) if events else None,
            }
        )
    return found
