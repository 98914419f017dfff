"""GPUs by their data sheets."""

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
# Assumed where a job's card is not known: neither the fastest nor the slowest.
UNKNOWN_CARD = CARDS["A100-80"]


def card_of(gpu_type: str) -> Card:
    """Return the card that a cluster's name of a GPU, such as "a100_80gb" or "nvidia_h100_pcie", most likely means.

    Of several memory sizes the smallest is taken unless the name says the larger. `UNKNOWN_CARD` for other names.
    """
    said = gpu_type.lower().replace("_", "-").replace("rtx-", "rtx")
    family = [name for name in CARDS if name.partition("-")[0].lower().removeprefix("rtx") in said]
    sized = [name for name in family if name.partition("-")[2] in said.replace("a100", "")]
    chosen = next(iter(sized or family), None)
    return CARDS[chosen] if chosen else UNKNOWN_CARD


def card_of_device(name: str, memory: int) -> Card:
    """Return the card that CUDA reports by this name and number of bytes of memory."""
    large = memory >= _LARGE and "a100" not in name.lower()
    sequences, batched_tokens = (1024, 16384) if large else (256, 8192)
    return replace(card_of(name), memory=memory, sequences=sequences, batched_tokens=batched_tokens)
