"""Calibration: whether a recogniser's confidence in a label tells how likely the label is correct.

Expected calibration error and reliability bins follow Guo et al. (On calibration of modern neural networks, ICML
2017); risk against coverage and the area under it follow Geifman and El-Yaniv (Selective classification for deep
neural networks, NeurIPS 2017).
"""

import numpy as np

from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.score_document import Confidence, ReliabilityBin

BINS = 10
KEPT_SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def measure_calibration(windows: EncodedWindows, confidences: np.ndarray) -> Confidence | None:
    """Measure the calibration of one recogniser under strict parsing; None if no label has a confidence.

    `confidences` (float64, one per event) are from 0 to 1, NaN for an event without one. Only events with a label and a
    confidence are measured; the other events only lower `coverage`.

    - `coverage`: measured events / all events.
    - `ece`: mean distance between confidence and accuracy over the bins, weighted by the numbers of their
      events.
    - `brier`: mean squared difference between confidence and 1 (correct label) or 0 (wrong label). It considers the
      chosen label only.
    - `bins`: ten bins of equal width, with their events, mean confidence and accuracy (None if empty).
    - `selective`: a dict from each of `KEPT_SHARES` to the accuracy on that share of the measured events, those with
      the highest confidence.
    - `aurc`: area under the risk-coverage curve, that is, the mean error rate over all shares of most confident events.
      If confidence is uninformative, it equals the error rate on all measured events.
    """
    labels = windows.answers["strict"].labels
    measured = (labels < len(windows.labels)) & ~np.isnan(confidences)
    confidence, correct = confidences[measured], (labels == windows.gold)[measured]
    if not len(confidence):
        return None
    bins = _reliability_bins(confidence, correct)
    accuracy = _accuracy_of_most_confident(confidence, correct)
    distances = (
        b["events"] * abs(b["confidence"] - b["accuracy"])
        for b in bins
        if b["confidence"] is not None and b["accuracy"] is not None
    )
    return {
        "n_events": len(confidence),
        "coverage": len(confidence) / len(measured),
        "accuracy": float(correct.mean()),
        "mean_confidence": float(confidence.mean()),
        "ece": sum(distances) / len(confidence),
        "brier": float(np.mean((correct - confidence) ** 2)),
        "bins": bins,
        "selective": {str(share): float(accuracy[int(np.ceil(share * len(accuracy))) - 1]) for share in KEPT_SHARES},
        "aurc": float(1 - accuracy.mean()),
    }


def _accuracy_of_most_confident(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Return the accuracy of the one, two, ... and all most confident events (float64).

    Events of equal confidence share their mean accuracy, so that their order in the file does not matter.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked, descending = correct[order], confidence[order]
    del order  # as large as all confidences
    starts = np.flatnonzero(np.concatenate([[True], descending[1:] != descending[:-1]]))
    sizes = np.diff(starts, append=len(descending))
    del descending
    shared: np.ndarray = np.repeat(np.add.reduceat(ranked, starts, dtype=float) / sizes, sizes)
    return np.cumsum(shared, out=shared) / np.arange(1, len(shared) + 1)


def _reliability_bins(confidence: np.ndarray, correct: np.ndarray) -> list[ReliabilityBin]:
    bin_of = np.minimum((confidence * BINS).astype(np.int8), BINS - 1)
    bins: list[ReliabilityBin] = []
    for number in range(BINS):
        inside = bin_of == number
        events = int(inside.sum())
        bins.append(
            {
                "from": number / BINS,
                "to": (number + 1) / BINS,
                "events": events,
                "confidence": float(confidence[inside].mean()) if events else None,
                "accuracy": float(correct[inside].mean()) if events else None,
            }
        )
    return bins
