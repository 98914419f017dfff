"""Numbers with their bootstrap resamples, from which every number derived from them gets an interval and a p value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Union

import numpy as np

from hearth.evaluation.bootstrap import DECIMALS, group_weights, percentile_interval, two_sided_p
from hearth.evaluation.held_out_homes import MEAN
from hearth.evaluation.score_document import Interval


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number and its bootstrap resamples, float64 of shape (1 + RESAMPLES,) with the number itself first.

    Arithmetic applies to the number and to every resample alike, so every derived number has an interval. `groups` is
    the number of tested groups; of a number that rests on two test sets, the smaller one; of one whose resamples draw
    homes, the number of homes.
    """

    values: np.ndarray
    groups: int

    @property
    def value(self) -> float:
        """The number itself."""
        return float(self.values[0])

    @property
    def interval(self) -> Interval | None:
        """The interval of the number, None if it is undefined."""
        return percentile_interval(self.values[1:], self.groups)

    @property
    def p(self) -> float | None:
        """The p value of the hypothesis that the number is at most 0; None if it is undefined."""
        return two_sided_p(self.values[1:], self.groups)

    def rounded(self) -> "Estimate":
        """Return the rounded estimate, so that the order in which floats were added decides no comparison."""
        return Estimate(np.round(self.values, DECIMALS), self.groups)

    def __add__(self, other: Union["Estimate", float]) -> "Estimate":
        return Estimate(self.values + _values(other), self._groups_with(other))

    def __sub__(self, other: Union["Estimate", float]) -> "Estimate":
        return Estimate(self.values - _values(other), self._groups_with(other))

    def __rsub__(self, other: float) -> "Estimate":
        return Estimate(other - self.values, self.groups)

    def __rmul__(self, factor: float) -> "Estimate":
        return Estimate(factor * self.values, self.groups)

    def __truediv__(self, other: Union["Estimate", float]) -> "Estimate":
        with np.errstate(divide="ignore", invalid="ignore"):
            return Estimate(self.values / _values(other), self._groups_with(other))

    def _groups_with(self, other: Union["Estimate", float]) -> int:
        return min(self.groups, other.groups) if isinstance(other, Estimate) else self.groups


def mean_over_homes(values: Sequence[float]) -> Estimate:
    """Return the mean of one value per home; its resamples draw homes."""
    means = group_weights(MEAN, len(values)) @ np.array(values) / len(values)
    return Estimate(np.concatenate([[np.mean(values)], means]), len(values)).rounded()


def mean_over_pairs(values: Mapping[tuple[str, str], float], homes: Sequence[str]) -> Estimate:
    """Return the mean of one value per pair of homes; its resamples draw homes, and with them their pairs.

    A resample counts a pair as often as the product of the numbers of times that it has the two homes. One without any
    pair is replaced by another.
    """
    numbers = np.array([*values.values()])
    first, second = np.array([[homes.index(home) for home in pair] for pair in values]).T
    weights: np.ndarray = group_weights(MEAN, len(homes)).astype(float)
    counts = weights[:, first] * weights[:, second]
    counts = counts[counts.any(axis=1)]
    means: np.ndarray = np.resize(counts @ numbers / counts.sum(axis=1), len(weights))
    return Estimate(np.concatenate([[numbers.mean()], means]), len(homes)).rounded()


def _values(number: Estimate | float) -> np.ndarray | float:
    return number.values if isinstance(number, Estimate) else number
