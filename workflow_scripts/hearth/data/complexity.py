"""Measure the complexity of a window from its residents and gold labels.

Three measures are combined: the number of active residents, the number of label changes from one event to the next
(activities interleave), and the entropy of the labels. They have no common unit, so each is replaced by its rank: the
share of the dataset's train windows with a smaller value, where a train window with an equal value counts half. The
complexity is the mean of the three ranks, from 0 to 1. A test window is ranked among the train windows, too.
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
    """Return a triple: the number of active residents, the number of label changes, and the label entropy in bits."""
    gold = window["gold"]
    residents = {name for names in window["residents"] for name in names}
    changes = sum(before != after for before, after in pairwise(gold))
    # Sort the shares and round the entropy, so that windows with equal label counts have equal entropies.
    shares = sorted(count / len(gold) for count in Counter(gold).values())
    return len(residents), changes, round(-math.fsum(share * math.log2(share) for share in shares), 9)


class ComplexityScale:
    """Computes the complexity of windows by comparing them with a dataset's train windows."""

    def __init__(self, windows: Sequence[Window]):
        """Store the measures of the train windows in `windows`; test windows are ignored.

        Raises ValueError if `windows` has no train window.
        """
        train = [window for window in windows if window["split"] == "train"]
        if not train:
            raise ValueError("no window of the train split; complexity is a rank among train windows")
        self._train_values = [sorted(values) for values in zip(*map(complexity_measures, train), strict=True)]
        self.median = median(map(self.complexity, train))

    def complexity(self, window: Window) -> float:
        """Return the complexity of a window, from 0 to 1."""
        return fmean(
            (bisect_left(values, value) + bisect_right(values, value)) / (2 * len(values))
            for values, value in zip(self._train_values, complexity_measures(window), strict=True)
        )

    def is_complex(self, window: Window) -> bool:
        """Whether a window's complexity is above the median of the train windows; other windows are simple."""
        return self.complexity(window) > self.median
