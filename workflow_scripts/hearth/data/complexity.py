"""How complex a window is, by what truly happened in it: the names of its residents and its gold labels.

Three measures: how many residents act, how often the label changes from one event to the next (activities
interleave), and the entropy of the labels. They have no common unit, so that each is taken as a rank: the share of
the data set's train windows that have less of it, those that have as much counting half. The complexity is the mean
of the three ranks, from 0 to 1. A window of the test split is ranked among the train windows too.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median

RULE = (
    "mean rank, among the dataset's train windows, of residents active, label changes and label entropy;"
    " complex is above the median of the train windows, simple is not"
)


def measures(window: dict) -> tuple[int, int, float]:
    """(residents active, label changes, entropy of the labels in bits) of a window."""
    gold = window["gold"]
    residents = {name for names in window["residents"] for name in names}
    changes = sum(before != after for before, after in pairwise(gold))
    # Sorted and rounded, so that windows of equal counts have equal entropies.
    shares = sorted(count / len(gold) for count in Counter(gold).values())
    return len(residents), changes, round(-math.fsum(share * math.log2(share) for share in shares), 9)


class Scale:
    """The complexities of a data set's windows, told by those of its train split."""

    def __init__(self, windows: Sequence[dict]):
        """`windows` are those of the data set, of either split. Raises ValueError when none is of the train split."""
        train = [window for window in windows if window["split"] == "train"]
        if not train:
            raise ValueError("no window of the train split, by which complexity is told")
        self._known = [sorted(values) for values in zip(*map(measures, train), strict=True)]
        self.median = median(map(self.of, train))

    def of(self, window: dict) -> float:
        """The complexity of a window, from 0 to 1."""
        return fmean(
            (bisect_left(known, value) + bisect_right(known, value)) / (2 * len(known))
            for known, value in zip(self._known, measures(window), strict=True)
        )

    def is_complex(self, window: dict) -> bool:
        """Whether a window is complex; it is simple otherwise."""
        return self.of(window) > self.median
