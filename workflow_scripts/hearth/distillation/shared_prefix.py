"""The static prefix once an optimizer step: every example of the step attends to the same keys and values of it.

The prefix is encoded with gradients when a step begins. The examples bring only their own tokens; those of all
micro-batches but the last attend to detached copies, where the gradients of the prefix add up, and those of the last
to the prefix itself. What has added up joins there, so that one backward pass goes through the prefix.
Gradients are those of the plain path, up to rounding, and in bfloat16 they add up in float32.

With LoRA dropout the prefix draws one mask a step and rank, where on the plain path every example draws its own. Each
example still learns under a mask of the same distribution, but on the tokens of the prefix those of a step share it.
"""

from collections.abc import Sequence

import torch
from torch.nn.attention.bias import causal_lower_right
from transformers import AttentionInterface, DynamicCache, Trainer
from transformers.cache_utils import DynamicLayer
from transformers.integrations import is_deepspeed_zero3_enabled
from transformers.integrations.sdpa_attention import sdpa_attention_forward

_ATTENTION = "shared_prefix_with_gradients"

States = dict[int, tuple[torch.Tensor, torch.Tensor]]  # keys and values by layer, each (1, heads, tokens, width)


def obstacle(student, prefix_ids: Sequence[int]) -> str:
    """Why a PEFT model cannot be trained with the static prefix encoded once a step; "" when it can."""
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
    """A Trainer for examples that all begin with `prefix_ids`, batched by `collate`; see `obstacle` for what it takes.

    There is one backward pass a micro-batch, as on the plain path, so DeepSpeed's accumulation and reduction of
    gradients, and the Trainer's normalisation of the loss, are what they are there.
    """

    def __init__(self, *arguments, prefix_ids: Sequence[int], **options):
        super().__init__(*arguments, **options)
        self._base = self.model.get_base_model()  # LoRA layers sit inside it
        self._base.set_attn_implementation(_ATTENTION)
        self._prefix_ids = list(prefix_ids)
        self._prefix: _Prefix | None = None  # of the step at hand

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """See Trainer; the prefix of `inputs` is not read again."""
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
        if self.accelerator.sync_gradients:  # the step's last
            states, self._prefix = self._prefix.joined(), None
        else:
            states = self._prefix.apart()
        return super().compute_loss(model, own | {"prefix": states}, return_outputs, num_items_in_batch)


class _Prefix:
    """An encoded prefix, as the examples of a step attend to it."""

    def __init__(self, states: States):
        self._states = states
        self._copies: States = {}

    def apart(self) -> States:
        """Copies without a graph; what flows back to them adds up."""
        if not self._copies:
            self._copies = {
                layer: tuple(state.detach().float().requires_grad_(state.requires_grad) for state in pair)
                for layer, pair in self._states.items()
            }
        return self._copies

    def joined(self) -> States:
        """The prefix itself; what has added up so far joins what flows back to it."""
        for layer, copies in self._copies.items():
            for state, copy in zip(self._states[layer], copies, strict=True):
                if copy.grad is not None:  # without an adapter below, the first layers' states have no gradient
                    # A hook and not a term of the loss: the loss and its scale stay out of it.
                    state.register_hook(lambda gradient, added=copy.grad: (gradient + added).to(gradient.dtype))
        return self._states


def _encode(base, prefix_ids: list[int], device: torch.device) -> States:
    states: States = {}
    base.get_decoder()(input_ids=torch.tensor([prefix_ids], device=device), use_cache=False, encoded=states)
    return states


def _attend(
    module, query, key, value, attention_mask, prefix: States | None = None, encoded: States | None = None, **options
):
    """Attention of the prefix to itself, its keys and values noted in `encoded`, or of examples to it and themselves.

    Not by a cache of transformers, which gradient checkpointing switches off.
    """
    if prefix is None:
        # Checkpointing comes here again in the backward pass, with copies that nobody may attend to.
        encoded.setdefault(module.layer_idx, (key, value))
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    first_keys, first_values = prefix[module.layer_idx]
    key = torch.cat([first_keys.to(key.dtype).expand(len(key), -1, -1, -1), key], dim=2)
    value = torch.cat([first_values.to(value.dtype).expand(len(value), -1, -1, -1), value], dim=2)
    causal = causal_lower_right(query.shape[2], key.shape[2])
    return sdpa_attention_forward(module, query, key, value, causal, **options)


AttentionInterface.register(_ATTENTION, _attend)
