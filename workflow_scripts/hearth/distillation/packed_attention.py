"""Attend within each of the examples that lie one behind the other in a row, and from all of them to a shared prefix.

No layer computes padding, and attention is computed for each example alone.
"""

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from torch.nn.attention.bias import causal_lower_right
from transformers import AttentionInterface, DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward

PACKED_ATTENTION = "packed_with_shared_prefix"

States = dict[int, tuple[torch.Tensor, torch.Tensor]]  # keys and values by layer, each (1, heads, tokens, head width)


def unsupported_reason(student: PeftModel) -> str:
    """Return a phrase that says why examples of a student cannot lie in one row; "" if they can."""
    base = student.get_base_model()
    layers = DynamicCache(config=base.config).layers
    if not layers or any(type(layer) is not DynamicLayer for layer in layers) or not base._supports_attention_backend:
        return f"{base.config.model_type} has layers that do not attend to everything before them"
    return ""


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    segments: Sequence[int] = (),
    prefix: States | None = None,
    encoded: States | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Compute one layer's attention, of tensors with the shape (1, heads, tokens, head width).

    `segments` holds the numbers of tokens of the examples in the row; each example attends to `prefix` and to itself.
    If `encoded` is given, the layer's keys and values are stored in it: transformers' key-value cache could not hold
    them, because gradient checkpointing turns that cache off. Models with other inputs run as with plain SDPA.
    """
    if not segments:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    if encoded is not None:
        # Keep the first keys and values: gradient checkpointing computes them again in the backward pass, and the
        # examples have attended to the first ones.
        encoded.setdefault(module.layer_idx, (key, value))
    outputs = []
    for own_query, own_key, own_value in zip(
        *(states.split(list(segments), dim=2) for states in (query, key, value)), strict=True
    ):
        mask = None
        if prefix is not None:
            keys, values = prefix[module.layer_idx]
            own_key = torch.cat([keys.to(own_key.dtype), own_key], dim=2)
            own_value = torch.cat([values.to(own_value.dtype), own_value], dim=2)
            mask = _lower_right_mask(own_query.shape[2], own_key.shape[2], query.device)
        outputs.append(sdpa_attention_forward(module, own_query, own_key, own_value, mask, **options)[0])
    return torch.cat(outputs, dim=1), None


def _lower_right_mask(queries: int, keys: int, device: torch.device) -> torch.Tensor:
    """Return the mask of attention in which the last query sees all keys, and each earlier query one key fewer."""
    if device.type == "cuda":
        return causal_lower_right(queries, keys)  # without a mask in memory, in the kernels that know it
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


AttentionInterface.register(PACKED_ATTENTION, _attend)
