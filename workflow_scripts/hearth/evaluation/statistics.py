"""Uncertainty of metrics over the groups of a test set: bootstrap intervals and permutation tests.

A resample gives every group a weight, and a permutation gives every group to one of two recognisers, so that one
matrix product computes the counts of all of them.
"""

import statistics
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from hearth.evaluation.bootstrap import (
    DECIMALS,
    RESAMPLES,
    SEED,
    chunks,
    resampled_sums,
    seed_weights,
    share_interval,
    weighted_sums,
)
from hearth.evaluation.counts import Counts, split_columns
from hearth.evaluation.metrics import compute_metrics
from hearth.evaluation.score_document import METRICS, Interval

PERMUTATIONS = 9999


def resample(counts: Counts) -> dict[str, np.ndarray]:
    """Return a dict from metric to its values on all bootstrap resamples of the groups, of shape (RESAMPLES,).

    All values are NaN if there is a single group, because it does not show how much groups differ.
    """
    if len(counts.groups) < 2:
        return {name: np.full(RESAMPLES, np.nan) for name in METRICS}
    return compute_metrics(resampled_sums(counts.dataset, counts.matrix), counts.lost_answers)


def metric_intervals(counts: Counts) -> dict[str, Interval | None]:
    """Return a dict from metric to its bootstrap interval, None where it is undefined."""
    return {name: share_interval(values, len(counts.groups)) for name, values in resample(counts).items()}


def resample_mean(seeds: Sequence[Counts]) -> dict[str, np.ndarray]:
    """Return a dict from metric to its values on all resamples, averaged over the seeds of one recogniser.

    `seeds` has the counts for every seed. Each resample draws seeds as well as groups (`bootstrap.seed_weights`), so
    that it also shows how much seeds differ.
    """
    weights = seed_weights(tuple(counts.recogniser for counts in seeds))
    resamples = [resample(counts) for counts in seeds]
    return {name: np.einsum("rs,sr->r", weights, np.stack([values[name] for values in resamples])) for name in METRICS}


def permutation_p(
    group: Sequence[Counts], other: Sequence[Counts], metric: str, permutations: int = PERMUTATIONS
) -> float | None:
    """Return the two-sided p value of the difference in `metric` between two recognisers; None for a single group.

    `group` and `other` have the counts of the two recognisers, one for each training seed. The test is a paired
    permutation test over groups: if the two recognisers are alike, their answers to a group can be swapped. All
    ways to swap are tried if there are at most `permutations`. Otherwise that many random ways are tried; p of
    one side is (number of ways at least as extreme + 1) / (permutations + 1), and the two-sided p is twice the smaller
    of both sides. Raises ValueError if the recognisers were not tested on the same groups and events.
    """
    check_paired([*group, *other])
    if len(group[0].groups) < 2:
        return None
    pairs = [_swapped_differences(one, another, metric, permutations) for one in group for another in other]
    differences = np.round(np.stack(pairs).mean(axis=0), DECIMALS)
    # The first way swaps nothing, so the shares count the observed difference among those of the ways to swap.
    observed = differences[0]
    return min(1.0, 2 * float(min(np.mean(differences <= observed), np.mean(differences >= observed))))


def _swapped_differences(one: Counts, other: Counts, metric: str, permutations: int) -> np.ndarray:
    """Return the difference in `metric` for each way of swapping, of shape (ways,)."""
    own, others = _kept_sums(one, permutations), _kept_sums(other, permutations)
    first = own + other.matrix.sum(axis=0) - others
    second = others + one.matrix.sum(axis=0) - own
    values, others_values = (compute_metrics(sums, one.lost_answers)[metric] for sums in (first, second))
    return np.asarray(values - others_values)


@lru_cache(maxsize=16)
def _kept_sums(counts: Counts, permutations: int) -> np.ndarray:
    """Return, for each way of swapping, the sums of the counts of groups that are not swapped: (ways, columns)."""
    groups = len(counts.groups)
    kept = _kept_groups(groups, permutations)
    return weighted_sums(
        (np.unpackbits(kept[rows], axis=1, count=groups) for rows in chunks(len(kept), groups)), counts.matrix
    )


@lru_cache(maxsize=16)
def _kept_groups(groups: int, permutations: int) -> np.ndarray:
    """Return which groups each way of swapping keeps, as packed bits: uint8 of shape (ways, groups / 8).

    The first way keeps all. The others are all other ways or, if there are more than `permutations` ways, that many
    random ones, each of which may occur several times and be the first.
    """
    if 2**groups <= permutations:
        ways = np.arange(2**groups)[:, None] >> np.arange(groups)
        return np.packbits(ways & 1 == 0, axis=1)
    draw = np.random.default_rng(SEED)
    parts = [np.packbits(np.ones((1, groups), bool), axis=1)]
    for rows in chunks(permutations, 2 * groups):
        pairs = np.tile(np.arange(2), (rows.stop - rows.start, groups, 1))
        parts.append(np.packbits(draw.permuted(pairs, axis=-1)[..., 0] == 0, axis=1))
    return np.concatenate(parts)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p values for the number of tests (Holm, 1979). None, which stands for no test, stays None."""
    order = sorted((p, position) for position, p in enumerate(p_values) if p is not None)
    adjusted, highest = list(p_values), 0.0
    for rank, (p, position) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        adjusted[position] = highest
    return adjusted


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and the sample standard deviation, which is None for a single value."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def check_paired(tested: Sequence[Counts]) -> None:
    """Raise ValueError unless all counts are of the same groups, events and reading, so that they can be compared."""
    first, keys = tested[0], ("dataset", "groups", "labels")
    for counts in tested[1:]:
        if counts.lost_answers != first.lost_answers:
            raise ValueError(
                f"{first.recogniser} and {counts.recogniser} were scored with other settings of `metrics.lost_answers`;"
                " run the rule `score` again for both"
            )
        same = all(getattr(counts, key) == getattr(first, key) for key in keys)
        if not same or not np.array_equal(split_columns(counts.matrix)[0], split_columns(first.matrix)[0]):
            raise ValueError(
                f"{first.recogniser} on {first.dataset} and {counts.recogniser} on {counts.dataset} were not scored on"
                " the same groups and events, so they cannot be compared; run the rule `score` again for both"
            )
