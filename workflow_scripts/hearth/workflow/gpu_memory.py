"""Compute the GPU memory that a model takes, and the number of windows that its key-value cache then holds.

vLLM takes a share of each GPU's memory. Weights, LoRA, activations and its own buffers come off that share; the rest is
the key-value cache. The prefix that all windows share is in the cache once. `docs/cards-and-cost.md` has the formulas.
"""

from dataclasses import dataclass

from hearth.models.measure import ModelShape
from hearth.workflow.cards import Card

# Default of vLLM 0.32's `gpu_memory_utilization`; a test compares it with the installed vLLM.
MEMORY_SHARE = 0.92
# Assumed, bytes: CUDA's context, kernels' workspaces and CUDA graphs of a process; buffers of NCCL where several GPUs
# share a model.
PROCESS_RESERVE, COMMUNICATION_RESERVE = 1.5e9, 0.8e9
# Weights of a quantised matrix that share a scale, and bytes of a weight with its part of scales and zero points.
GROUP = 128
_BYTES_PER_WEIGHT = {
    "fp32": 4.0,
    "fp16": 2.0,
    "bf16": 2.0,
    "fp8": 1 + 4 / GROUP**2,
    "int8": 1.0,
    "bitsandbytes": 0.5 + 4 / 64,
    "awq": 0.5 + 2.5 / GROUP,
    "gptq": 0.5 + 2.5 / GROUP,
}
UNQUANTISED = ("fp32", "fp16", "bf16")
# Bytes of a value of logits while a token is drawn: in 16 and in 32 bit, its probability, and a random number.
_SAMPLING_BYTES = 14


@dataclass(frozen=True)
class WindowTokens:
    """Tokens of a window: those of the static prefix, of the rest of the prompt, and of the answer."""

    prefix: float
    read: float
    written: float


@dataclass(frozen=True)
class EngineMemory:
    """The settings of vLLM that decide memory; 0 sequences or batched tokens mean vLLM's default on the card.

    `offloaded` counts the bytes of a GPU's weights that stay in main memory.
    """

    share: float = MEMORY_SHARE
    cache_value_bytes: float = 2
    sequences: int = 0
    batched_tokens: int = 0
    offloaded: float = 0
    lora_rank: int = 0


def weight_bytes(shape: ModelShape, weight_format: str) -> float:
    """Return the bytes of the weights in a format; those of the files if the model is stored in it.

    For another format they are calculated: quantisation leaves embeddings and output head in 16 bit.
    """
    if weight_format == shape.stored_as:
        return shape.weight_bytes
    matrices = shape.parameters - shape.embeddings
    return matrices * _BYTES_PER_WEIGHT[weight_format] + shape.embeddings * _embedding_bytes(weight_format)


def _embedding_bytes(weight_format: str) -> int:
    return 4 if weight_format == "fp32" else 2


def divides(shape: ModelShape, weight_format: str, tensor: int) -> bool:
    """Whether vLLM can split the model over `tensor` GPUs.

    Attention heads must divide evenly, and key-value heads too, or be repeated evenly. A quantised matrix is cut
    between groups of rows that share a scale.
    """
    piece = 1 if tensor == 1 or weight_format in UNQUANTISED else GROUP
    return (
        shape.heads % tensor == 0
        and (shape.kv_heads % tensor == 0 or tensor % shape.kv_heads == 0)
        and shape.intermediate % (tensor * piece) == 0
    )


def sharing_problem(shape: ModelShape, gpus: int, pipeline: int) -> str:
    """Return why `gpus` in `pipeline` groups cannot share the attention heads, and which numbers can; "" if none."""
    tensor = gpus // pipeline
    if shape.heads % tensor == 0:
        return ""
    possible = ", ".join(str(count * pipeline) for count in (1, 2, 4, 8) if shape.heads % count == 0)
    heads = f"{shape.heads} attention head{'s' if shape.heads > 1 else ''}"
    groups = f" in {pipeline} groups of layers" if pipeline > 1 else ""
    return f"gpus: {gpus}{groups} cannot share {heads}; use {possible}"


def cache_tokens(
    shape: ModelShape,
    weight_format: str,
    card: Card,
    gpus: int = 1,
    pipeline: int = 1,
    memory: EngineMemory = EngineMemory(),
) -> int:
    """Return the tokens that fit into the key-value cache on `gpus` cards; 0 if the weights do not fit.

    The model is split into `pipeline` groups of layers, and each layer over gpus / pipeline cards.
    """
    tensor = gpus // pipeline
    left = card.memory * memory.share - card_bytes(shape, weight_format, card, gpus, pipeline, memory)
    # A key-value head is never split: with more cards than heads, each card has a copy of one.
    share = max(1 / tensor, 1 / shape.kv_heads) / pipeline
    return max(0, int(left / (shape.cache_bytes(memory.cache_value_bytes) * share)))


def card_bytes(
    shape: ModelShape, weight_format: str, card: Card, gpus: int, pipeline: int, memory: EngineMemory
) -> float:
    """Return the bytes that one of `gpus` cards needs beside the key-value cache."""
    tensor = gpus // pipeline
    embeddings = shape.embeddings * _embedding_bytes(weight_format)
    matrices = weight_bytes(shape, weight_format) - embeddings
    # The first group of layers has the embeddings, the last the output head.
    ends = embeddings if shape.tied or pipeline == 1 else embeddings / 2
    reserve = PROCESS_RESERVE + (COMMUNICATION_RESERVE if gpus > 1 else 0)
    return (
        max(0, (matrices / pipeline + ends) / tensor - memory.offloaded)
        + _lora_bytes(shape, memory)
        + _activations(shape, card, tensor, memory)
        + reserve
    )


def _lora_bytes(shape: ModelShape, memory: EngineMemory) -> float:
    """Return the bytes that vLLM reserves for an adapter of all matrices of all layers."""
    attention = 2 * (shape.heads + shape.kv_heads) * shape.head_width
    return 2 * memory.lora_rank * shape.layers * (7 * shape.hidden + attention + 3 * shape.intermediate)


def _activations(shape: ModelShape, card: Card, tensor: int, memory: EngineMemory) -> float:
    """Return the bytes of the larger of a step's two peaks: the widest layer, and drawing tokens from logits."""
    tokens = memory.batched_tokens or card.batched_tokens
    layer = tokens * 2 * (4 * shape.hidden + 3 * shape.intermediate / tensor)
    return max(layer, (memory.sequences or card.sequences) * shape.vocabulary * _SAMPLING_BYTES)


def windows_in_cache(tokens: int, window: WindowTokens) -> int:
    """Return the number of windows whose prompts and answers fit into a cache of `tokens` tokens at the same time."""
    own = window.read + window.written
    return max(0, int((tokens - window.prefix) // own)) if own else 0
