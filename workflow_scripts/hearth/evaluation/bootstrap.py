"""Bootstrap over the sessions of a test set: how often each resample contains each session, and intervals.

Events of one session depend on each other, so whole sessions are resampled, never events or windows.
"""

import zlib
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


@lru_cache(maxsize=64)
def session_weights(dataset: str, sessions: int) -> np.ndarray:
    """Draw how often each resample contains each session: an array (float64) of shape (RESAMPLES, sessions).

    `sessions` is the number of test sessions. All recognisers on `dataset` get the same resamples, so that their
    differences are paired. The resamples of two datasets are independent.
    """
    draw = np.random.default_rng([SEED, zlib.crc32(dataset.encode())])
    return draw.multinomial(sessions, np.full(sessions, 1 / sessions), size=RESAMPLES).astype(float)


def percentile_interval(values: np.ndarray) -> Interval | None:
    """Return the bootstrap percentile interval of a number, given its values on all resamples.

    Return None if the number is undefined (not finite) on some resample. With a single session, every number is.
    """
    if not np.isfinite(values).all():
        return None
    tail = (1 - CONFIDENCE) / 2
    return [round(float(bound), DECIMALS) + 0.0 for bound in np.quantile(values, [tail, 1 - tail])]
