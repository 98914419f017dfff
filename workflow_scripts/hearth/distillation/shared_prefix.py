"""Encode the static prefix once an optimiser step: all examples of the step attend to the same keys and values.

The prefix is encoded with gradients when a step begins; the examples bring only their own tokens. All micro-batches but
the last attend to detached copies of the prefix's keys and values, in which the gradients accumulate. The last one
attends to the keys and values themselves; the accumulated gradients are added there, so that one backward pass goes
through the prefix. Gradients equal those of the plain path up to rounding; in bfloat16 they accumulate in float32.

With LoRA dropout the prefix draws one mask for each step and rank; on the plain path every example draws its own. Each
example still trains under a mask of the same distribution, but the examples of a step share it on the prefix's tokens.
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
    """Return why a student cannot be trained with the static prefix encoded once a step; "" if it can."""
    if is_deepspeed_zero3_enabled():
        # Its hooks gather and release weights in the order of one forward and one backward pass of the whole model.
        return "ZeRO-3 follows one pass through the whole model; use ZeRO-2"
    if not prefix_ids:
        return "the prompts have none"
    base = student.get_base_model()
    layers = DynamicCache(config=base.config).layers
    if not layers or any(type(layer) is not DynamicLayer for layer in layers) or not base._supports_attention_backend:
        return f"{base.config.model_type} has layers that do not attend to everything before them"
    return ""


class SharedPrefixTrainer(Trainer):
    """A Trainer for examples that all begin with `prefix_ids`, batched by `collate`; see `unsupported_reason`.

    As on the plain path there is one backward pass a micro-batch, so DeepSpeed accumulates and reduces gradients, and
    the Trainer normalises the loss, as they do there.
    """

    def __init__(self, *arguments: Any, prefix_ids: Sequence[int], **options: Any):
        super().__init__(*arguments, **options)
        self._base = self.model.get_base_model()  # LoRA layers sit inside it
        self._base.set_attn_implementation(_ATTENTION)
        self._prefix_ids = list(prefix_ids)
        self._prefix: _Prefix | None = None  # of the current step

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """See Trainer; the prefix in `inputs` is skipped."""
        device, before = inputs["input_ids"].device, len(self._prefix_ids)
        if self._prefix is None:
            self._prefix = _Prefix(_encode(self._base, self._prefix_ids, device))
        tokens = inputs["input_ids"][:, before:]
        own = {
            # Padding is on the right, where causal attention does not look: no mask.
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
    """The encoded prefix of a step."""

    def __init__(self, states: States):
        self._states = states
        self._copies: States = {}

    def detached(self) -> States:
        """Return copies without a graph; gradients accumulate in them."""
        if not self._copies:
            self._copies = {
                layer: (self._copy(keys), self._copy(values)) for layer, (keys, values) in self._states.items()
            }
        return self._copies

    def joined(self) -> States:
        """Return the encoded prefix itself; the gradients accumulated in the copies are added to its gradients."""
        for layer, copies in self._copies.items():
            for state, copy in zip(self._states[layer], copies, strict=True):
                if copy.grad is not None:  # below the first adapter, states have no gradient
                    # A hook and not a term of the loss, so that the loss and its scale stay the same.
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
    """Compute the attention of the prefix to itself, or of the examples to the prefix and to themselves.

    Without `prefix`, store the layer's keys and values in `encoded`. A cache of transformers could not hold them:
    gradient checkpointing turns caches off. Tensors are (batch, heads, tokens, head width).
    """
    if prefix is None:
        assert encoded is not None
        # Checkpointing runs this again in the backward pass, with copies that no example may attend to.
        encoded.setdefault(module.layer_idx, (key, value))
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    prefix_keys, prefix_values = prefix[module.layer_idx]
    key = torch.cat([prefix_keys.to(key.dtype).expand(len(key), -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_values.to(value.dtype).expand(len(value), -1, -1, -1), value], dim=2)
    causal = causal_lower_right(query.shape[2], key.shape[2])
    return sdpa_attention_forward(module, query, key, value, causal, **options)


AttentionInterface.register(_ATTENTION, _attend)
