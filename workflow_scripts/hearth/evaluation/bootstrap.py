"""Bootstrap over the sessions of a test set: how often each resample contains each session, and intervals.

Events of one session depend on each other, so whole sessions are resampled, never events or windows.
"""

import zlib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from hearth.evaluation.score_document import Interval

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0
# Test sets of fewer sessions are called tiny.
TINY = 10

# Values are rounded to this many decimals, so that the order in which floats are added changes no value and no
# comparison of two values.
DECIMALS = 9

# Number of elements of a matrix over sessions that are float64 or int64 at the same time: 32 MB.
CHUNK = 2**22


@lru_cache(maxsize=16)
def session_weights(dataset: str, sessions: int) -> np.ndarray:
    """Draw how often each resample contains each session: whole numbers, an array of shape (RESAMPLES, sessions).

    `sessions` is the number of test sessions. All recognisers on `dataset` get the same resamples, so that their
    differences are paired. The resamples of two datasets are independent. Elements have the smallest type that holds
    them, usually one byte.
    """
    draw = np.random.default_rng([SEED, zlib.crc32(dataset.encode())])
    shares = np.full(sessions, 1 / sessions)
    parts = []
    for rows in chunks(RESAMPLES, sessions):
        weights = draw.multinomial(sessions, shares, rows.stop - rows.start)
        parts.append(weights.astype(np.min_scalar_type(weights.max())))
    return np.concatenate(parts)


def resampled_sums(dataset: str, counts: np.ndarray) -> np.ndarray:
    """Return the sums of `counts` over the sessions of each resample, float64 of shape (RESAMPLES, ...).

    `counts` holds whole numbers and has one row per session. The name `dataset` decides how sessions are resampled.
    """
    weights = session_weights(dataset, len(counts))
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


def percentile_interval(values: np.ndarray) -> Interval | None:
    """Return the bootstrap percentile interval of a number, given its values on all resamples.

    Return None if the number is undefined (not finite) on some resample. With a single session, every number is.
    """
    if not np.isfinite(values).all():
        return None
    tail = (1 - CONFIDENCE) / 2
    return [round(float(bound), DECIMALS) + 0.0 for bound in np.quantile(values, [tail, 1 - tail])]
