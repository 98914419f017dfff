"""Scored text: the tokens of a completion, and their likeliest alternatives under another model."""

from typing import NamedTuple

import numpy as np


class ScoredText(NamedTuple):
    """The tokens of one window's completion and their likeliest alternatives; no token if there is no completion.

    `tokens` is int32 of shape (tokens,), `top_ids` int32 and `log_probabilities` float16 of shape (tokens, k), the
    likeliest token first.
    """

    window_id: str
    tokens: np.ndarray
    top_ids: np.ndarray
    log_probabilities: np.ndarray
