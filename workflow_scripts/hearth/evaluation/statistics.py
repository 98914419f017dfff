"""The doubt behind a number: intervals and tests over the sessions of a test set.

Events of one session hang together, so whole sessions are drawn, never events or windows. All metrics follow from
counts that add up over sessions: a resample is a weight for every session, and all resamples are one product of
matrices. Its sums are of whole numbers, so they are exact, whatever adds them up in whatever order.
"""

import statistics
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import permutation_test

CONFIDENCE = 0.95
RESAMPLES = 2000
PERMUTATIONS = 9999
SEED = 0
# Test sets of fewer sessions are called tiny.
TINY = 10

PARSED = ("strict", "lenient")
METRICS = (
    *("accuracy", "macro_f1", "weighted_f1", "micro_f1"),
    *("ok_rate", "malformed_rate", "missing_rate", "unknown_rate"),
)
_TALLIES = ("ok", "malformed", "missing", "unknown")
# Equal numbers of different sums differ in their last bits; what is kept or compared is rounded to so many places.
_PLACES = 9


@dataclass(frozen=True, eq=False)
class Counts:
    """What one recogniser's metrics follow from, a row a session.

    `sessions` are in alphabetical order, so that the order of a file decides no resample. `matrix` is float64 of
    (sessions, 3 labels + 5): events by gold label, events by predicted label, right events by label, then windows and
    the tallies of `metrics.tallies`.
    """

    recogniser: str
    dataset: str
    sessions: tuple[str, ...]
    matrix: np.ndarray


def counts(score: dict, parsing: str = "strict") -> Counts:
    """The counts of a score, parsed in one way; raises ValueError for a label that is none of the home's."""
    column = {label: number for number, label in enumerate(score["strict"]["confusion"]["labels"])}
    size, sessions = len(column), sorted(score["sessions"])
    matrix = np.zeros((len(sessions), 3 * size + 1 + len(_TALLIES)))
    for row, session in zip(matrix, map(score["sessions"].get, sessions), strict=True):
        found = session[parsing]
        for start, events in ((0, session["gold"]), (size, found["predicted"]), (2 * size, found["right"])):
            for label, count in events.items():
                if label not in column:
                    raise ValueError(
                        f"score of {score['recogniser']} on {score['dataset']}: label {label!r} of its sessions is"
                        " none of the home's; score again"
                    )
                row[start + column[label]] = count
        row[3 * size :] = [session["windows"], *(found[tally] for tally in _TALLIES)]
    return Counts(score["recogniser"], score["dataset"], tuple(sessions), matrix)


def metrics(totals: np.ndarray) -> dict[str, np.ndarray]:
    """All `METRICS`, (...), of rows of counts added up, (..., columns of `Counts.matrix`), as metrics.py defines them.

    Macro F1 is over the labels that have support in that very sum: a resample may miss a label.
    """
    size = (totals.shape[-1] - 1 - len(_TALLIES)) // 3
    gold, predicted, right, rest = np.split(totals, [size, 2 * size, 3 * size], axis=-1)
    windows, ok, malformed, missing, unknown = np.moveaxis(rest, -1, 0)
    events, supported = gold.sum(axis=-1), gold > 0
    f1 = 2 * right / np.maximum(gold + predicted, 1)
    return {
        "accuracy": right.sum(axis=-1) / events,
        "macro_f1": (f1 * supported).sum(axis=-1) / supported.sum(axis=-1),
        "weighted_f1": (f1 * gold).sum(axis=-1) / events,
        "micro_f1": 2 * right.sum(axis=-1) / (events + predicted.sum(axis=-1)),
        "ok_rate": ok / windows,
        "malformed_rate": malformed / windows,
        "missing_rate": missing / events,
        "unknown_rate": unknown / events,
    }


def resampled(found: Counts) -> dict[str, np.ndarray]:
    """Every metric on every resample of the sessions, (RESAMPLES,) each.

    All recognisers on a dataset have the same resamples, so their differences are paired; those of two datasets are
    drawn apart. One session tells nothing of how sessions differ: all its values are NaN.
    """
    if len(found.sessions) < 2:
        return {name: np.full(RESAMPLES, np.nan) for name in METRICS}
    return metrics(weights(found.dataset, len(found.sessions)) @ found.matrix)


@lru_cache(maxsize=64)
def weights(dataset: str, sessions: int) -> np.ndarray:
    """How often each session is drawn, float64 of (RESAMPLES, sessions)."""
    draw = np.random.default_rng([SEED, zlib.crc32(dataset.encode())])
    return draw.multinomial(sessions, np.full(sessions, 1 / sessions), size=RESAMPLES).astype(float)


def interval(values: np.ndarray) -> tuple[float, float] | None:
    """The percentile interval of a number's resamples; None where it is undefined on some, as of a single session."""
    if not np.isfinite(values).all():
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return _rounded(low), _rounded(high)


def intervals(found: Counts) -> dict[str, tuple[float, float] | None]:
    """The interval of every metric."""
    return {name: interval(values) for name, values in resampled(found).items()}


def mean_resampled(group: Sequence[Counts]) -> dict[str, np.ndarray]:
    """Every metric's mean over recognisers that differ in their training seed, on every resample, (RESAMPLES,) each."""
    each = [resampled(found) for found in group]
    return {name: np.mean([values[name] for values in each], axis=0) for name in METRICS}


def permutation_p(
    group: Sequence[Counts], other: Sequence[Counts], metric: str, permutations: int = PERMUTATIONS
) -> float | None:
    """Two-sided p of the difference in a metric between two recognisers, each given by all its training seeds.

    A paired permutation test over sessions: were the two alike, what they answered in a session could as well be
    swapped. All ways to swap are tried where there are at most `permutations`, else so many random ones, and then
    p = (as extreme + 1) / (permutations + 1). None for a single session. Raises ValueError where the two were not
    tested on the same sessions.
    """
    _check_paired([*group, *other])
    sessions = len(group[0].sessions)
    if sessions < 2:
        return None

    def difference(first: np.ndarray, _: np.ndarray, axis: int) -> np.ndarray:
        # Sessions are numbered, those of the other recogniser from `sessions` on: a low number is one in its place.
        assert axis == -1
        own = (first < sessions).astype(float)
        pairs = [
            metrics(own @ a.matrix + (1 - own) @ b.matrix)[metric]
            - metrics(own @ b.matrix + (1 - own) @ a.matrix)[metric]
            for a in group
            for b in other
        ]
        return np.round(np.mean(pairs, axis=0), _PLACES)

    numbers = np.arange(sessions)
    found = permutation_test(
        (numbers, numbers + sessions),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=permutations,
        batch=1000,
        rng=np.random.default_rng(SEED),
    )
    return float(found.pvalue)


def holm(found: Sequence[float | None]) -> list[float | None]:
    """P values adjusted for all of them being looked at (Holm, 1979); a None is no test and stays one."""
    order = sorted((p, number) for number, p in enumerate(found) if p is not None)
    adjusted, reached = list(found), 0.0
    for rank, (p, number) in enumerate(order):
        reached = max(reached, min(1.0, p * (len(order) - rank)))
        adjusted[number] = reached
    return adjusted


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation; the latter is None of a single value."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _check_paired(tested: Sequence[Counts]) -> None:
    first = tested[0]
    labels = (first.matrix.shape[1] - 1 - len(_TALLIES)) // 3
    for found in tested[1:]:
        same = (found.dataset, found.sessions) == (first.dataset, first.sessions)
        if not same or not np.array_equal(found.matrix[:, :labels], first.matrix[:, :labels]):
            raise ValueError(
                f"{first.recogniser} on {first.dataset} and {found.recogniser} on {found.dataset} were not scored on"
                " the same sessions and events: they cannot be compared; score them again"
            )


def _rounded(value: float) -> float:
    return round(float(value), _PLACES) + 0.0
