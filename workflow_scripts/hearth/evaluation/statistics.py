"""Uncertainty of metrics over the sessions of a test set: bootstrap intervals and permutation tests.

A resample gives every session a weight, so one matrix product computes the counts of all resamples. These counts are
sums of whole numbers, hence exact in whatever order they are added.
"""

import statistics
from collections.abc import Sequence

import numpy as np
from scipy.stats import permutation_test

from hearth.evaluation.bootstrap import DECIMALS, RESAMPLES, SEED, percentile_interval, session_weights
from hearth.evaluation.counts import Counts, split_columns
from hearth.evaluation.metrics import compute_metrics
from hearth.evaluation.score_document import METRICS, Interval

PERMUTATIONS = 9999


def resample(counts: Counts) -> dict[str, np.ndarray]:
    """Return a dict from metric to its values on all bootstrap resamples of the sessions, of shape (RESAMPLES,).

    All values are NaN if there is a single session, because it does not show how much sessions differ.
    """
    if len(counts.sessions) < 2:
        return {name: np.full(RESAMPLES, np.nan) for name in METRICS}
    return compute_metrics(session_weights(counts.dataset, len(counts.sessions)) @ counts.matrix)


def metric_intervals(counts: Counts) -> dict[str, Interval | None]:
    """Return a dict from metric to its bootstrap interval, None where it is undefined."""
    return {name: percentile_interval(values) for name, values in resample(counts).items()}


def resample_mean(group: Sequence[Counts]) -> dict[str, np.ndarray]:
    """Return a dict from metric to its values on all resamples, averaged over the training seeds of one student.

    `group` has the counts of one recogniser per seed.
    """
    resamples = [resample(counts) for counts in group]
    return {name: np.asarray(np.mean([values[name] for values in resamples], axis=0)) for name in METRICS}


def permutation_p(
    group: Sequence[Counts], other: Sequence[Counts], metric: str, permutations: int = PERMUTATIONS
) -> float | None:
    """Return the two-sided p value of the difference in `metric` between two recognisers; None for a single session.

    `group` and `other` have the counts of the two recognisers, one for each training seed. The test is a paired
    permutation test over sessions: if the two recognisers are alike, their answers to a session can be swapped. All
    ways to swap are tried if there are at most `permutations`. Otherwise that many random ways are tried; p of
    one side is (number of ways at least as extreme + 1) / (permutations + 1), and the two-sided p is twice the smaller
    of both sides. Raises ValueError if the recognisers were not tested on the same sessions and events.
    """
    _check_paired([*group, *other])
    sessions = len(group[0].sessions)
    if sessions < 2:
        return None

    def difference(first: np.ndarray, _: np.ndarray, axis: int) -> np.ndarray:
        # scipy permutes session numbers; those of the other recogniser start at `sessions`.
        assert axis == -1
        own = (first < sessions).astype(float)
        pairs = [
            compute_metrics(own @ a.matrix + (1 - own) @ b.matrix)[metric]
            - compute_metrics(own @ b.matrix + (1 - own) @ a.matrix)[metric]
            for a in group
            for b in other
        ]
        return np.asarray(np.round(np.mean(pairs, axis=0), DECIMALS))

    numbers = np.arange(sessions)
    result = permutation_test(
        (numbers, numbers + sessions),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=permutations,
        batch=1000,
        rng=np.random.default_rng(SEED),
    )
    return float(result.pvalue)


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


def _check_paired(tested: Sequence[Counts]) -> None:
    first = tested[0]
    for counts in tested[1:]:
        same = (counts.dataset, counts.sessions, counts.labels) == (first.dataset, first.sessions, first.labels)
        if not same or not np.array_equal(split_columns(counts.matrix)[0], split_columns(first.matrix)[0]):
            raise ValueError(
                f"{first.recogniser} on {first.dataset} and {counts.recogniser} on {counts.dataset} were not scored on"
                " the same sessions and events, so they cannot be compared; run the rule `score` again for both"
            )
