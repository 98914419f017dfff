"""GPUs by their data sheets."""

import re
from dataclasses import dataclass, replace

GIB = 2**30
# From this memory on, vLLM has larger defaults on all cards but an A100.
_LARGE = 70 * GIB


@dataclass(frozen=True)
class Card:
    """A GPU: usable bytes of memory, dense operations per second in bfloat16 and FP8, bytes per second of bandwidth.

    `memory` is what CUDA reports as total, which is less than the number in the card's name promises. `fp8` is that of
    bfloat16 where the hardware has no FP8 arithmetic: vLLM then computes in bfloat16 on FP8 weights. `sequences` is the
    number of sequences that vLLM runs at a time there by default (`EngineArgs.get_batch_defaults`, offline), and
    `batched_tokens` the number of tokens in one of its steps.
    """

    memory: float
    bf16: float
    fp8: float
    bandwidth: float
    sequences: int = 256
    batched_tokens: int = 8192


CARDS = {
    "A100-40": Card(39.4 * GIB, 312e12, 312e12, 1.555e12),
    "A100-80": Card(79.2 * GIB, 312e12, 312e12, 2.039e12),
    "L40S-48": Card(44.4 * GIB, 362e12, 733e12, 0.864e12),
    "RTX4090-24": Card(23.6 * GIB, 165e12, 330e12, 1.008e12),
    "H100-80": Card(79.2 * GIB, 989e12, 1979e12, 3.35e12, 1024, 16384),
    "H200-141": Card(139.8 * GIB, 989e12, 1979e12, 4.8e12, 1024, 16384),
}
# Cards that a cluster's name may mean, which are no columns of the plan's tables. Speeds are those of data sheets.
OTHER_CARDS = {
    "RTX3090-24": Card(23.6 * GIB, 71e12, 71e12, 0.936e12),
    "A5000-24": Card(23.6 * GIB, 111e12, 111e12, 0.768e12),
    "A10-24": Card(22.0 * GIB, 125e12, 125e12, 0.6e12),
    "L4-24": Card(22.0 * GIB, 121e12, 242e12, 0.3e12),
    "A6000-48": Card(47.4 * GIB, 155e12, 155e12, 0.768e12),
    "A40-48": Card(44.4 * GIB, 150e12, 150e12, 0.696e12),
}
# Assumed where a job's card is not known: neither the fastest nor the slowest.
UNKNOWN_CARD = CARDS["A100-80"]


def find_card(gpu_type: str) -> str | None:
    """Return the card that a cluster's name of a GPU, such as "a100_80gb" or "nvidia_h100_pcie", most likely means.

    It is a key of `CARDS` or `OTHER_CARDS`. Of several memory sizes the smallest is taken unless the name says the
    larger. None for other names.
    """
    said = re.sub("rtx[-_ ]?", "", gpu_type.lower())
    families = {name: name.partition("-")[0].lower().removeprefix("rtx") for name in (*CARDS, *OTHER_CARDS)}
    # "a10" is neither in "a100" nor in "ga10".
    family = [name for name, model in families.items() if re.search(rf"(?<![a-z0-9]){model}(?![0-9])", said)]
    sized = [name for name in family if name.partition("-")[2] in said.replace("a100", "")]
    return next(iter(sized or family), None)


def card_of(gpu_type: str) -> Card:
    """Return the card that `find_card` finds for a cluster's name of a GPU; `UNKNOWN_CARD` for other names."""
    return (CARDS | OTHER_CARDS).get(find_card(gpu_type) or "", UNKNOWN_CARD)


def card_of_device(name: str, memory: int) -> Card:
    """Return the card that CUDA reports by this name and number of bytes of memory."""
    large = memory >= _LARGE and "a100" not in name.lower()
    sequences, batched_tokens = (1024, 16384) if large else (256, 8192)
    return replace(card_of(name), memory=memory, sequences=sequences, batched_tokens=batched_tokens)
