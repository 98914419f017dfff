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


class StateRecorder:
    """Collects the keys and values of each layer during one forward pass.

    transformers' key-value cache could not, because gradient checkpointing turns that cache off.
    """

    def __init__(self) -> None:
        self._states: States | None = {}

    def add(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """Record a layer, unless the pass is over: gradient checkpointing computes it again in the backward pass."""
        if self._states is not None:
            self._states[layer] = (key, value)

    def finish(self) -> States:
        """Return what was recorded, and forget it: the graph holds this object, and would keep itself alive by it."""
        states, self._states = self._states, None
        assert states is not None, "finished twice"
        return states


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
    recorder: StateRecorder | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Compute one layer's attention, of tensors with the shape (1, heads, tokens, head width).

    `segments` holds the numbers of tokens of the examples in the row; each example attends to `prefix` and to itself.
    `recorder` gets the layer's keys and values. Without segments, attention is computed as with plain SDPA.
    """
    if not segments:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    if recorder is not None:
        recorder.add(module.layer_idx, key, value)
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


def _lower_right_mask(queries: int, keys: int, device: torch.device) -> torch.Tensor | None:
    """Return the mask of attention in which the last query sees all keys, and each earlier query one key fewer."""
    if queries == 1:
        return None
    if device.type == "cuda":
        return causal_lower_right(queries, keys)  # without a mask in memory, in the kernels that know it
    return torch.ones(1, 1, queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


AttentionInterface.register(PACKED_ATTENTION, _attend)
