"""Complexity of a window: how intricate its events are, by residents and gold labels.

Three measures have no common unit: the number of active residents, how often the label changes from one event to the
next (activities interleave), and the entropy of the labels. Each is turned into a rank: the share of the dataset's
train windows with a smaller value, windows with an equal value counting half. The complexity is the mean of the three
ranks, from 0 to 1. Test windows are ranked among the train windows too.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median

from hearth.data.windows import Window

COMPLEXITY_RULE = (
    "mean rank, among the dataset's train windows, of active residents, label changes and label entropy;"
    " a window above the median of the train windows is complex, any other is simple"
)


def complexity_measures(window: Window) -> tuple[int, int, float]:
    """Return (active residents, label changes, label entropy in bits) of a window."""
    gold = window["gold"]
    residents = {name for names in window["residents"] for name in names}
    changes = sum(before != after for before, after in pairwise(gold))
    # Sorted and rounded, so that windows of equal counts have equal entropies.
    shares = sorted(count / len(gold) for count in Counter(gold).values())
    return len(residents), changes, round(-math.fsum(share * math.log2(share) for share in shares), 9)


class ComplexityScale:
    """The complexity of a dataset's windows relative to its train windows."""

    def __init__(self, windows: Sequence[Window]):
        """`windows` are the dataset's windows of any split. Raises ValueError if none is in the train split."""
        train = [window for window in windows if window["split"] == "train"]
        if not train:
            raise ValueError("no window of the train split, against which complexity is measured")
        self._train_values = [sorted(values) for values in zip(*map(complexity_measures, train), strict=True)]
        self.median = median(map(self.complexity, train))

    def complexity(self, window: Window) -> float:
        """Return the complexity of a window, from 0 to 1."""
        return fmean(
            (bisect_left(values, value) + bisect_right(values, value)) / (2 * len(values))
            for values, value in zip(self._train_values, complexity_measures(window), strict=True)
        )

    def is_complex(self, window: Window) -> bool:
        """Whether a window is complex; it is simple otherwise."""
        return self.complexity(window) > self.median
