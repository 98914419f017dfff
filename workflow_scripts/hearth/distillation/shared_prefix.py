"""Encode the static prefix once an optimiser step: all examples of the step attend to the same keys and values.

When a step begins, the prefix is encoded with gradients; the forward passes of the examples then process only the
examples' own tokens. All micro-batches but the last attend to detached copies of the prefix's keys and values, and
their gradients accumulate in the copies. The last micro-batch attends to the original keys and values, whose gradients
are increased by those of the copies. So a single backward pass goes through the prefix. Gradients equal those of
training without a shared prefix up to rounding; in bfloat16 they accumulate in float32.

LoRA dropout draws one mask for the prefix in each step and rank; without a shared prefix, every example draws its own.
The mask of each example has the same distribution, but the examples of a step share it on the tokens of the prefix.
"""

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from torch.nn.attention.bias import causal_lower_right
from transformers import AttentionInterface, DynamicCache, PreTrainedModel, Trainer
from transformers.cache_utils import DynamicLayer
from transformers.integrations import is_deepspeed_zero3_enabled
from transformers.integrations.sdpa_attention import sdpa_attention_forward

_ATTENTION = "shared_prefix_with_gradients"

States = dict[int, tuple[torch.Tensor, torch.Tensor]]  # keys and values by layer, each (1, heads, tokens, head width)


def unsupported_reason(student: PeftModel, prefix_ids: Sequence[int]) -> str:
    """Return a phrase that says why a student cannot be trained with the prefix encoded once a step; "" if it can."""
    if is_deepspeed_zero3_enabled():
        # ZeRO-3 gathers and releases weights in the order of one forward and one backward pass of the whole model.
        return "ZeRO-3 follows one pass through the whole model; use ZeRO-2"
    if not prefix_ids:
        return "the prompts have no static prefix"
    base = student.get_base_model()
    layers = DynamicCache(config=base.config).layers
    if not layers or any(type(layer) is not DynamicLayer for layer in layers) or not base._supports_attention_backend:
        return f"{base.config.model_type} has layers that do not attend to everything before them"
    return ""


class SharedPrefixTrainer(Trainer):
    """Train on examples that all begin with `prefix_ids`, batched by `collate`.

    `unsupported_reason` must return "" for the student. As in the plain Trainer, there is one backward pass for each
    micro-batch, so DeepSpeed accumulates and reduces gradients, and the Trainer normalises the loss, in the same way.
    """

    def __init__(self, *arguments: Any, prefix_ids: Sequence[int], **options: Any):
        super().__init__(*arguments, **options)
        self._base = self.model.get_base_model()  # includes the LoRA layers
        self._base.set_attn_implementation(_ATTENTION)
        self._prefix_ids = list(prefix_ids)
        self._prefix: _Prefix | None = None  # the encoded prefix of the current step

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the loss as Trainer.compute_loss does; `self._prefix` replaces the prefix's tokens in `inputs`."""
        device, before = inputs["input_ids"].device, len(self._prefix_ids)
        if self._prefix is None:
            self._prefix = _Prefix(_encode(self._base, self._prefix_ids, device))
        tokens = inputs["input_ids"][:, before:]
        own = {
            # No attention mask is needed: padding is on the right, and causal attention does not see later tokens.
            "input_ids": tokens,
            "position_ids": torch.arange(before, before + tokens.shape[1], device=device)[None],
            "labels": inputs["labels"],
            "logits_to_keep": inputs["logits_to_keep"],
        }
        if self.accelerator.sync_gradients:  # the last micro-batch of the step
            states, self._prefix = self._prefix.joined(), None
        else:
            states = self._prefix.detached()
        return super().compute_loss(model, own | {"prefix": states}, return_outputs, num_items_in_batch)


class _Prefix:
    """The keys and values of the static prefix, encoded for one optimiser step, and their detached copies."""

    def __init__(self, states: States):
        self._states = states
        self._copies: States = {}

    def detached(self) -> States:
        """Return copies of the prefix's keys and values outside the autograd graph; their gradients accumulate."""
        if not self._copies:
            self._copies = {
                layer: (self._copy(keys), self._copy(values)) for layer, (keys, values) in self._states.items()
            }
        return self._copies

    def joined(self) -> States:
        """Return the prefix's original keys and values, through which the backward pass reaches the adapter.

        In that pass, the gradients that have accumulated in the detached copies are added to those of the originals.
        """
        for layer, copies in self._copies.items():
            for state, copy in zip(self._states[layer], copies, strict=True):
                if copy.grad is not None:  # keys and values that do not depend on the adapter have no gradient
                    # Added by a hook and not as a term of the loss, so that the loss and its scale stay the same.
                    state.register_hook(lambda gradient, added=copy.grad: (gradient + added).to(gradient.dtype))
        return self._states

    @staticmethod
    def _copy(state: torch.Tensor) -> torch.Tensor:
        return state.detach().float().requires_grad_(state.requires_grad)


def _encode(base: PreTrainedModel, prefix_ids: list[int], device: torch.device) -> States:
    states: States = {}
    base.get_decoder()(input_ids=torch.tensor([prefix_ids], device=device), use_cache=False, encoded=states)
    return states


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    prefix: States | None = None,
    encoded: States | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Compute one layer's attention: of the prefix to itself, or of the examples to the prefix and to themselves.

    If `prefix` is None, the tokens are those of the prefix, and the layer's keys and values are stored in `encoded`.
    transformers' key-value cache could not hold them, because gradient checkpointing turns that cache off. Tensors have
    the shape (batch, heads, tokens, head width).
    """
    if prefix is None:
        assert encoded is not None
        # Keep the first keys and values: gradient checkpointing computes them again in the backward pass, and the
        # examples have attended to the first ones.
        encoded.setdefault(module.layer_idx, (key, value))
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    prefix_keys, prefix_values = prefix[module.layer_idx]
    key = torch.cat([prefix_keys.to(key.dtype).expand(len(key), -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_values.to(value.dtype).expand(len(value), -1, -1, -1), value], dim=2)
    causal = causal_lower_right(query.shape[2], key.shape[2])
    return sdpa_attention_forward(module, query, key, value, causal, **options)


AttentionInterface.register(_ATTENTION, _attend)
