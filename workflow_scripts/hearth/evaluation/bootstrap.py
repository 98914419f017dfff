"""Bootstrap over the groups of a test set: how often each resample contains each group, intervals and p values.

Events of one group depend on each other, so whole groups are resampled, never events or windows. docs/statistics.md
says which intervals were compared, and how often each contains the true value.
"""

import math
import re
import zlib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from scipy import special

from hearth.evaluation.score_document import Interval

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0
# Test sets of fewer groups are called tiny: their intervals contain the true value less often than they say.
TINY = 10
# With fewer groups no test of swapped groups can reach p = 0.05 (2 / 2^5 is 0.06): no interval, and nothing decided.
FEWEST_GROUPS = 6

# Values are rounded to this many decimals, so that the order in which floats are added changes no value and no
# comparison of two values.
DECIMALS = 9

# Number of elements of a matrix over groups that are float64 or int64 at the same time: 32 MB.
CHUNK = 2**22


@lru_cache(maxsize=16)
def group_weights(dataset: str, groups: int) -> np.ndarray:
    """Draw how often each resample contains each group: whole numbers, an array of shape (RESAMPLES, groups).

    `groups` is the number of tested groups. All recognisers on `dataset` get the same resamples, so that their
    differences are paired. The resamples of two datasets are independent. Elements have the smallest type that holds
    them, usually one byte.
    """
    draw = np.random.default_rng([SEED, zlib.crc32(dataset.encode())])
    shares = np.full(groups, 1 / groups)
    parts = []
    for rows in chunks(RESAMPLES, groups):
        weights = draw.multinomial(groups, shares, rows.stop - rows.start)
        parts.append(weights.astype(np.min_scalar_type(weights.max())))
    return np.concatenate(parts)


@lru_cache(maxsize=64)
def seed_weights(recognisers: tuple[str, ...]) -> np.ndarray:
    """Draw the weight of each seed of a recogniser in each resample: shape (RESAMPLES, seeds), every row adds up to 1.

    `recognisers` has one name per seed and decides the draws, so that they are the same on all datasets, and
    independent of those of other recognisers. Of a student with several training seeds, these are drawn, with all
    their seeds of sampling; of another recogniser, its seeds of sampling. Seeds are drawn with replacement. As the
    spread of so few draws is too small by (seeds - 1) / seeds on average, deviations from equal weights are enlarged by
    the root of its inverse, so weights may be negative.
    """
    trained = [re.sub(r"_decode[0-9]+$", "", name) for name in recognisers]
    names = trained if len(set(trained)) > 1 else list(recognisers)
    drawn_names = sorted(set(names))
    seeds = len(drawn_names)
    if seeds == 1:
        return np.full((RESAMPLES, len(names)), 1 / len(names))
    draw = np.random.default_rng([SEED, zlib.crc32("\n".join(drawn_names).encode())])
    equal = np.full(seeds, 1 / seeds)
    drawn = draw.multinomial(seeds, equal, RESAMPLES) / seeds
    weights = equal + math.sqrt(seeds / (seeds - 1)) * (drawn - equal)
    return np.stack([weights[:, drawn_names.index(name)] / names.count(name) for name in names], axis=1)


def resampled_sums(dataset: str, counts: np.ndarray) -> np.ndarray:
    """Return the sums of `counts` over the groups of each resample, float64 of shape (RESAMPLES, ...).

    `counts` holds whole numbers and has one row per group. The name `dataset` decides how groups are resampled.
    """
    weights = group_weights(dataset, len(counts))
    return weighted_sums((weights[rows] for rows in chunks(*weights.shape)), counts)


def weighted_sums(weights: Iterable[np.ndarray], counts: np.ndarray) -> np.ndarray:
    """Return the product of a matrix, given as chunks of its rows, and `counts` (float64), summed over the first axis.

    Both hold whole numbers, so the sums are exact in whatever order they are added.
    """
    numbers: np.ndarray = counts.astype(float)
    return np.concatenate([np.tensordot(rows.astype(float), numbers, axes=1) for rows in weights])


def chunks(rows: int, columns: int) -> list[slice]:
    """Divide the rows of a matrix into slices of at most `CHUNK` elements, or of one row."""
    size = max(1, CHUNK // columns)
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def percentile_interval(values: np.ndarray, groups: int) -> Interval | None:
    """Return the expanded percentile interval of a number, given its values on all resamples of `groups` groups.

    Its quantiles lie farther out than those of the plain percentile interval, by the factor between the normal and the
    t distribution (Hesterberg, 2015), because resamples of few groups differ less than new groups would. Return None
    below `FEWEST_GROUPS` groups, and if the number is undefined (not finite) on some resample.
    """
    if groups < FEWEST_GROUPS or not np.isfinite(values).all():
        return None
    quantile = special.stdtrit(groups - 1, (1 - CONFIDENCE) / 2)
    tail = float(special.ndtr(quantile * math.sqrt(groups / (groups - 1))))
    return [round(float(bound), DECIMALS) + 0.0 for bound in np.quantile(values, [tail, 1 - tail])]


def share_interval(values: np.ndarray, groups: int) -> Interval | None:
    """Return the interval of `percentile_interval` within 0 to 1, for an F1 or a share.

    A mean over seeds may lie outside on some resamples, because weights of seeds may be negative.
    """
    interval = percentile_interval(values, groups)
    return interval and [min(max(bound, 0.0), 1.0) for bound in interval]


def two_sided_p(values: np.ndarray, groups: int) -> float | None:
    """Return the p value of the hypothesis that a number is at most 0, doubled so that it fits a two-sided interval.

    It is below 1 - CONFIDENCE just where the interval of `percentile_interval` lies above 0. It is never below what the
    data can show: 2 / (RESAMPLES + 1), and 2 / 2^groups, the smallest p of a test that swaps groups. Return None where
    there is no interval.
    """
    if groups < FEWEST_GROUPS or not np.isfinite(values).all():
        return None
    ordered = np.sort(np.round(values, DECIMALS))
    below, last = int(np.count_nonzero(ordered <= 0)), len(values) - 1
    smallest = max(2 / (len(values) + 1), 2.0 ** (1 - groups))
    if below in (0, len(values)):
        return 1.0 if below else smallest
    # The level of 0 among the quantiles that `np.quantile` gives, which interpolates between two resamples.
    lower, upper = ordered[below - 1], ordered[below]
    quantile = float(special.ndtri((below - 1 - lower / (upper - lower)) / last))
    return min(1.0, max(smallest, 2 * float(special.stdtr(groups - 1, quantile / math.sqrt(groups / (groups - 1))))))
