"""Score the simple and the complex test windows separately, and compute their columns in a table."""

from collections.abc import Sequence

import numpy as np

from hearth.data.complexity import COMPLEXITY_RULE
from hearth.evaluation import bootstrap, statistics
from hearth.evaluation.counts import count_groups, counts_of_subset
from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.metrics import score_windows
from hearth.evaluation.score_document import SUBSETS, Complexity, LostAnswers, Score, SubsetMetrics, metric_value

METRICS = ("accuracy", "weighted_f1")
COLUMNS = tuple(f"{subset}_{name}" for subset in SUBSETS for name in ("windows", *METRICS))
# The columns that have an interval.
COLUMNS_WITH_INTERVAL = tuple(f"{subset}_{name}" for subset in SUBSETS for name in METRICS)
NOTE = ("Simple and complex windows", [f"complexity is the {COMPLEXITY_RULE}"])


def score_subsets(windows: EncodedWindows, is_complex: np.ndarray, lost_answers: LostAnswers) -> Complexity:
    """Return the `complexity` of a score: the metrics of its simple and of its complex windows.

    `is_complex` says which windows are complex (bool, one per window), `lost_answers` how F1 counts lost answers.
    """

    def score_subset(chosen: np.ndarray) -> SubsetMetrics | None:
        if not chosen.any():
            return None
        part = windows.select(chosen, "strict")
        return {**score_windows(part, "strict", lost_answers), "groups": count_groups(part)}

    return {"rule": COMPLEXITY_RULE, "simple": score_subset(~is_complex), "complex": score_subset(is_complex)}


def subset_columns(scores: Sequence[Score]) -> dict[str, float | int | None]:
    """Return a dict from column to value for a table row: its columns about simple and complex windows.

    For each subset, these are the number of windows and, per metric, the mean over the scores with its interval and
    its standard deviation. If a subset has no windows, the columns of its metrics are left out.
    """
    columns: dict[str, float | int | None] = {}
    for subset in SUBSETS:
        parts = [part for score in scores if (part := score["complexity"][subset])]
        columns[f"{subset}_windows"] = sum(parts[0]["status"].values()) if parts else 0
        if not parts:
            continue
        counts = [counts for score in scores if (counts := counts_of_subset(score, subset))]
        resampled = statistics.resample_mean(counts)
        for name in METRICS:
            mean, deviation = statistics.mean_and_deviation([metric_value(part, name) for part in parts])
            low, high = bootstrap.share_interval(resampled[name], len(counts[0].groups)) or (None, None)
            columns |= {
                f"{subset}_{name}": mean,
                f"{subset}_{name}_low": low,
                f"{subset}_{name}_high": high,
                f"{subset}_{name}_sd": deviation,
            }
    return columns
