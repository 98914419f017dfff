"""Sample tokens as a function of (seed, key, step) only.

Gumbel noise from a counter-based generator is added to the warped logits, and the token with the largest sum is chosen.
Its distribution is the softmax of the warped logits. A prompt's draws depend neither on the rest of its batch nor on
earlier draws.
Philox4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011) runs in integers on the device of
the logits, so CPU and GPU draw alike.
"""

import hashlib
from collections.abc import Sequence

import torch
from transformers import LogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from hearth.engines.protocol import Decoding

_MASK = 0xFFFFFFFF


def choose_tokens(
    logits: torch.Tensor, decoding: Decoding, seeds: Sequence[Sequence[int]], steps: Sequence[int]
) -> torch.Tensor:
    """Choose a token for each row of `logits` (rows, vocabulary): sampled, or the likeliest at temperature 0.

    `seeds` has the `seed_words` of each row's sequence, `steps` the number of tokens that the sequence already has.
    """
    if decoding.temperature > 0:
        for warp in _warpers(decoding):
            logits = warp(None, logits)
        logits = add_gumbel_noise(logits, seeds, steps)
    return logits.argmax(-1)


def add_gumbel_noise(logits: torch.Tensor, seeds: Sequence[Sequence[int]], steps: Sequence[int]) -> torch.Tensor:
    """Return `logits` (rows, vocabulary) with standard Gumbel noise added wherever they are above minus infinity."""
    rows, tokens = torch.nonzero(logits > -torch.inf, as_tuple=True)
    seed = torch.tensor(seeds, device=logits.device)[rows]
    step = torch.tensor(steps, device=logits.device)[rows]
    bits, *_ = philox((tokens, step, seed[:, 2], seed[:, 3]), (seed[:, 0], seed[:, 1]))
    uniform = (bits.double() + 0.5) / 2**32  # strictly between 0 and 1
    noisy = logits.clone()
    noisy[rows, tokens] += -torch.log(-torch.log(uniform)).to(logits.dtype)
    return noisy


def seed_words(seed: int, key: str) -> list[int]:
    """Return four 32-bit words derived from (seed, key)."""
    digest = hashlib.sha256(f"{seed}\n{key}".encode("utf-8", "surrogatepass")).digest()
    return [int.from_bytes(digest[start : start + 4], "little") for start in range(0, 16, 4)]


def _warpers(decoding: Decoding) -> list[LogitsProcessor]:
    warpers: list[LogitsProcessor] = [TemperatureLogitsWarper(float(decoding.temperature))]
    if decoding.top_k > 0:
        warpers.append(TopKLogitsWarper(decoding.top_k))
    if decoding.top_p < 1:
        warpers.append(TopPLogitsWarper(float(decoding.top_p)))
    return warpers


def philox(counter: Sequence[torch.Tensor], key: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Philox4x32-10: return four random 32-bit words for every four-word counter and two-word key, all as int64."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        # A product may exceed 2**63 and wrap to a negative int64; its low bits, which the masks keep, are right.
        left, right = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (
            ((right >> 32) & _MASK) ^ c1 ^ k0,
            right & _MASK,
            ((left >> 32) & _MASK) ^ c3 ^ k1,
            left & _MASK,
        )
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return c0, c1, c2, c3
