"""Measure the complexity of a window from its residents and gold labels.

Three measures are combined: the number of active residents, the number of label changes from one event to the next
(activities interleave), and the entropy of the labels. They have no common unit, so each is replaced by its rank: the
share of the dataset's train windows with a smaller value, where a train window with an equal value counts half. The
complexity is the mean of the three ranks, from 0 to 1. A test window is ranked among the train windows, too.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from statistics import fmean, median

from hearth.data.windows import Window

COMPLEXITY_RULE = (
    "mean rank, among the dataset's train windows (with several folds: among all its windows), of active residents,"
    " label changes and label entropy; a window above the median of the train windows is complex, any other is simple"
)


Measures = tuple[int, int, float]  # number of active residents, number of label changes, label entropy in bits


def complexity_measures(window: Window) -> Measures:
    """Return the three measures of a window."""
    gold = window["gold"]
    residents = {name for names in window["residents"] for name in names}
    changes = sum(before != after for before, after in pairwise(gold))
    return len(residents), changes, _entropy(tuple(sorted(Counter(gold).values())))


@lru_cache(maxsize=1024)
def _entropy(counts: tuple[int, ...]) -> float:
    """Return the entropy in bits of labels with these counts, which are sorted.

    It is rounded, so that windows with equal counts have equal entropies whatever the order of the labels.
    """
    shares = [count / sum(counts) for count in counts]
    return round(-math.fsum(share * math.log2(share) for share in shares), 9)


class ComplexityScale:
    """Computes the complexity of windows by comparing their measures with those of a dataset's train windows."""

    def __init__(self, train: Iterable[Measures]):
        """`train` has the measures of every train window. Raises ValueError if there is none."""
        counts = Counter(train)
        if not counts:
            raise ValueError("no window of the train split; complexity is a rank among train windows")
        self._train_values = [sorted(values) for values in zip(*counts.elements(), strict=True)]
        complexities = {measures: self.complexity(measures) for measures in counts}
        self.median = median(complexities[measures] for measures in counts.elements())

    def complexity(self, measures: Measures) -> float:
        """Return the complexity of a window with these measures, from 0 to 1."""
        return fmean(
            (bisect_left(values, value) + bisect_right(values, value)) / (2 * len(values))
            for values, value in zip(self._train_values, measures, strict=True)
        )

    def is_complex(self, measures: Measures) -> bool:
        """Whether the complexity is above the median of the train windows; other windows are simple."""
        return self.complexity(measures) > self.median
