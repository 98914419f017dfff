"""Score parts of the tested events, strictly parsed, from the same predictions: without some labels, by residents."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hearth.evaluation import statistics
from hearth.evaluation.counts import count_groups, counts_of_groups
from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.metrics import compute_metrics
from hearth.evaluation.recorded_events import RecordedEvents
from hearth.evaluation.score_document import (
    PART_METRICS,
    Breakdown,
    LostAnswers,
    PartMetrics,
    WithoutMetrics,
)


@dataclass(frozen=True)
class PartScorer:
    """Scores parts of the windows of one recogniser on one dataset.

    Intervals are over the groups of a part; a part of fewer than `bootstrap.FEWEST_GROUPS` has none.
    """

    recogniser: str
    dataset: str
    windows: EncodedWindows
    lost_answers: LostAnswers

    def score(self, events: np.ndarray) -> PartMetrics | None:
        """Return the metrics of the chosen events (bool, one per event), None if there are none."""
        scored = self._score(events)
        return None if scored is None else scored[0]

    def score_without(self, labels: Sequence[str]) -> WithoutMetrics | None:
        """Return the metrics of the events whose gold label is not one of `labels`; None if there are none.

        Windows and predictions stay as they are: predicting one of these labels for another event is wrong.
        """
        left_out = [position for position, label in enumerate(self.windows.labels) if label in labels]
        scored = self._score(~np.isin(self.windows.gold, left_out))
        if scored is None:
            return None
        metrics, part = scored
        return {
            **metrics,
            "labels": [self.windows.labels[position] for position in left_out],
            "groups": count_groups(part),
        }

    def _score(self, events: np.ndarray) -> tuple[PartMetrics, EncodedWindows] | None:
        if not events.any():
            return None
        part = self.windows.keep_events(events, "strict")
        counts = counts_of_groups(
            self.recogniser, self.dataset, count_groups(part), part.labels, "strict", self.lost_answers
        )
        values = compute_metrics(counts.matrix.sum(axis=0, dtype=float), self.lost_answers)
        intervals = statistics.metric_intervals(counts)
        metrics: PartMetrics = {
            "windows": len(part.sizes),
            "events": len(part.gold),
            "n_groups": len(part.groups),
            "metrics": {name: float(values[name]) for name in PART_METRICS},
            "intervals": {name: intervals[name] for name in PART_METRICS},
        }
        return metrics, part


def score_breakdown(scorer: PartScorer, recorded: RecordedEvents) -> Breakdown:
    """Return the `breakdown` of a score; parts of residents are empty if no resident is known."""
    windows = scorer.windows
    present = recorded.residents_present()
    several = windows.count_labels() > 1

    def of_windows(chosen: np.ndarray) -> np.ndarray:
        return np.repeat(chosen, windows.sizes)

    numbers = np.unique(present).tolist() if recorded.names else []
    return {
        "residents_present": _scored(scorer, ((str(number), of_windows(present == number)) for number in numbers)),
        "resident": _scored(scorer, ((name, recorded.of_resident(name)) for name in recorded.names)),
        "activities": _scored(scorer, (("one", of_windows(~several)), ("several", of_windows(several)))),
    }


def _scored(scorer: PartScorer, parts: Iterable[tuple[str, np.ndarray]]) -> dict[str, PartMetrics]:
    scored = ((name, scorer.score(events)) for name, events in parts)
    return {name: metrics for name, metrics in scored if metrics is not None}
