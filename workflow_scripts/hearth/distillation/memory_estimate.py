"""Estimate the memory of a training from the shape of its model, and the largest micro-batch that fits.

The factors are bytes in bfloat16 for each token and each value of a layer's width, for the layers of Qwen3 and Llama.
They come from counting the tensors of the trainer without their data (`tests/helpers/training_memory.py`), where
attention needs no mask in memory, as on a GPU. Light enough for `snakemake plan`: torch is not imported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hearth.distillation.settings import TrainingSettings
from hearth.models.measure import ModelShape

# Bytes beside those of a trainable weight: its sum of gradients, its copy in float32 and the moments of Adam.
_TRAINABLE_BYTES = 4 + 4 + 8
# Logits of a chunk of the loss, `loss.py`, and the bytes of each: the logit in 32 bit, its softmax and its gradient.
_CHUNK, _LOGIT_BYTES = 1 << 25, 12
# DeepSpeed's buckets of gradients.
_BUCKETS = 2 * 40e6
# Parameters that ZeRO-3 leaves gathered, since the backward pass soon uses them again: DeepSpeed's default of
# `stage3_max_reuse_distance` and `stage3_max_live_parameters`.
_GATHERED = 1e9
# Assumed: memory that the allocator holds in pieces too small to use.
_FRAGMENTED = 1.05


@dataclass(frozen=True)
class Longest:
    """Tokens of the longest example: those of the static prefix, and its own."""

    prefix: int
    own: int


def training_bytes(
    shape: ModelShape, settings: TrainingSettings, longest: Longest, micro_batch_size: int, value_bytes: int = 2
) -> float:
    """Return the peak memory in bytes that a training needs on each GPU beside the weights and CUDA's own memory.

    All examples count as long as the longest. `value_bytes` is 2 in bfloat16, 4 in float32.
    """
    prefix, own = (longest.prefix, longest.own) if settings["shared_prefix"] else (0, longest.prefix + longest.own)
    hidden, queries, keys = shape.hidden, shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    inner, tokens, seen = shape.intermediate, micro_batch_size * own, micro_batch_size * (prefix + own)
    # Bytes that a layer keeps for its backward pass, for each token of the examples and of the prefix.
    kept = 10 * hidden + 10 * queries + 4 * keys + 6 * inner + _adapter_bytes(shape, settings)
    # Keys and values are repeated for all query heads that share them.
    layer = tokens * kept + seen * 4 * queries
    # The prefix's keys and values: as computed, and in float32 a copy, its gradient and the sum of its gradients.
    states = prefix * 20 * keys
    if settings["gradient_checkpointing"]:
        graph = shape.layers * ((tokens + prefix) * 2 * hidden + states)
        # One layer at a time, with the gradients that its backward pass makes.
        working = max(layer + tokens * (5 * hidden + 5 * keys + 5 * inner) + seen * 3 * queries, prefix * kept)
    else:
        graph = shape.layers * (layer + prefix * kept + states)
        working = tokens * (11 * hidden + 2 * inner)
    loss = tokens * 4 * hidden + min(_CHUNK, tokens * shape.vocabulary) * _LOGIT_BYTES
    trainable = _trainable(shape, settings) * (_TRAINABLE_BYTES + value_bytes)
    return (graph + max(working, loss)) * value_bytes / 2 * _FRAGMENTED + trainable + _BUCKETS


def zero_stage(deepspeed: Mapping[str, Any]) -> int:
    """Return the stage of ZeRO in the configuration of DeepSpeed; from 3 on, the ranks share the weights."""
    stage: int = deepspeed.get("zero_optimization", {}).get("stage", 0)
    return stage


def settings_under(stage: int, settings: TrainingSettings) -> TrainingSettings:
    """Return the settings as a training under a stage of ZeRO follows them: ZeRO-3 cannot share the prefix."""
    return {**settings, "shared_prefix": settings["shared_prefix"] and stage < 3}


def weights_per_rank(shape: ModelShape, value_bytes: int, stage: int, ranks: int) -> float:
    """Return the bytes of weights on each GPU: all, or a rank's part and those that ZeRO-3 gathers at a time.

    At least one layer and the output head are gathered, because the head is used while a layer is there.
    """
    if stage < 3 or ranks == 1:
        return shape.parameters * value_bytes
    head = shape.embeddings / (1 if shape.tied else 2)
    layer = (shape.parameters - shape.embeddings) / shape.layers
    gathered = min(shape.parameters, max(_GATHERED, layer + head))
    return (shape.parameters / ranks + gathered) * value_bytes


def largest_micro_batch(
    shape: ModelShape, settings: TrainingSettings, longest: Longest, memory: float, most: int, value_bytes: int = 2
) -> int:
    """Return the largest micro-batch, up to `most`, that fits `memory` bytes beside weights; 0 if none does."""
    fitting = (
        size for size in range(most, 0, -1) if training_bytes(shape, settings, longest, size, value_bytes) <= memory
    )
    return next(fitting, 0)


def _matrices(shape: ModelShape) -> dict[str, tuple[int, int]]:
    """Return (inputs, outputs) of each linear layer of a block by its name in Qwen3 and Llama."""
    hidden, queries, keys = shape.hidden, shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    return {
        "q_proj": (hidden, queries),
        "k_proj": (hidden, keys),
        "v_proj": (hidden, keys),
        "o_proj": (queries, hidden),
        "gate_proj": (hidden, shape.intermediate),
        "up_proj": (hidden, shape.intermediate),
        "down_proj": (shape.intermediate, hidden),
    }


def _targets(shape: ModelShape, settings: TrainingSettings) -> list[tuple[int, int]]:
    """Return (inputs, outputs) of the matrices of a layer with adapters; all of them if one has another name."""
    matrices = _matrices(shape)
    named = [target.rpartition(".")[2] for target in settings["lora"]["target_modules"]]
    return [matrices[name] for name in named] if matrices.keys() >= set(named) else list(matrices.values())


def _trainable(shape: ModelShape, settings: TrainingSettings) -> int:
    per_layer = sum(inputs + outputs for inputs, outputs in _targets(shape, settings))
    return shape.layers * settings["lora"]["r"] * per_layer


def _adapter_bytes(shape: ModelShape, settings: TrainingSettings) -> int:
    """Return the bytes that a layer's adapters keep of a token, beside inputs that other parts keep as well.

    With dropout, each adapter keeps its own input and the mask of what is dropped.
    """
    targets = _targets(shape, settings)
    if settings["lora"]["dropout"]:
        return sum(3 * inputs for inputs, _ in targets)
    return 2 * shape.intermediate * any(inputs == shape.intermediate for inputs, _ in targets)
