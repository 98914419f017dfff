"""Sampling that is a function of (seed, key, step) and of nothing else.

Gumbel noise from a counter-based generator is added to the warped log-probabilities and the maximum
taken: that draws from the same distribution as sampling does, and a prompt's draws depend neither on
what else is in its batch nor on what was generated before. Philox4x32-10 (Salmon et al., Parallel
random numbers: as easy as 1, 2, 3, SC 2011) runs where the scores lie, in whole numbers, so CPU and GPU draw alike.
"""

import hashlib
from collections.abc import Sequence

import torch
from transformers import LogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from hearth.engines import Decoding

_MASK = 0xFFFFFFFF


def choose(
    scores: torch.Tensor, decoding: Decoding, seeds: Sequence[Sequence[int]], steps: Sequence[int]
) -> torch.Tensor:
    """The token that each row of `scores` (rows, vocabulary) comes to; the likeliest at temperature 0.

    `seeds` are the rows' `words`, `steps` how many tokens each has drawn before.
    """
    if decoding.temperature > 0:
        for warp in _warpers(decoding):
            scores = warp(None, scores)
        scores = with_noise(scores, seeds, steps)
    return scores.argmax(-1)


def with_noise(scores: torch.Tensor, seeds: Sequence[Sequence[int]], steps: Sequence[int]) -> torch.Tensor:
    """`scores` (rows, vocabulary) with standard Gumbel noise added to all above minus infinity."""
    rows, tokens = torch.nonzero(scores > -torch.inf, as_tuple=True)
    seed = torch.tensor(seeds, device=scores.device)[rows]
    step = torch.tensor(steps, device=scores.device)[rows]
    bits, *_ = philox((tokens, step, seed[:, 2], seed[:, 3]), (seed[:, 0], seed[:, 1]))
    uniform = (bits.double() + 0.5) / 2**32  # strictly between 0 and 1
    noisy = scores.clone()
    noisy[rows, tokens] += -torch.log(-torch.log(uniform)).to(scores.dtype)
    return noisy


def words(seed: int, key: str) -> list[int]:
    """Four 32-bit words that stand for (seed, key)."""
    digest = hashlib.sha256(f"{seed}\n{key}".encode("utf-8", "surrogatepass")).digest()
    return [int.from_bytes(digest[at : at + 4], "little") for at in range(0, 16, 4)]


def _warpers(decoding: Decoding) -> list[LogitsProcessor]:
    warpers: list[LogitsProcessor] = [TemperatureLogitsWarper(float(decoding.temperature))]
    if decoding.top_k > 0:
        warpers.append(TopKLogitsWarper(decoding.top_k))
    if decoding.top_p < 1:
        warpers.append(TopPLogitsWarper(float(decoding.top_p)))
    return warpers


def philox(counter: tuple[torch.Tensor, ...], key: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Philox4x32-10: four random 32-bit words for every four-word counter and two-word key, all held as int64."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        # A product may pass 2**63 and wrap to a negative int64; its bits are right, and the masks keep only bits.
        left, right = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (
            ((right >> 32) & _MASK) ^ c1 ^ k0,
            right & _MASK,
            ((left >> 32) & _MASK) ^ c3 ^ k1,
            left & _MASK,
        )
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return c0, c1, c2, c3
