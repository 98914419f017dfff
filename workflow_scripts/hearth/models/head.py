"""The part of a language model after its decoder, for logits of a few positions at a time."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPast

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Logits of one chunk: 128 MiB in float32, which is 220 tokens over a vocabulary of 151,936.
LOGITS_PER_CHUNK = 1 << 25


class _Identity(nn.Module):
    """A decoder whose last hidden states are the embeddings that it is given."""

    def forward(self, inputs_embeds: torch.Tensor, **options: object) -> BaseModelOutputWithPast:
        return BaseModelOutputWithPast(last_hidden_state=inputs_embeds)


class Head:
    """The part of a model after its decoder: its own code and weights, whatever it does to the logits.

    Some models scale or cap their logits in `forward`; that code runs here too. Hooks of the model and of its output
    embeddings do not: those of ZeRO-3 would gather the weights for every chunk.
    """

    def __init__(self, model: PreTrainedModel):
        embeddings = copy.copy(model.get_output_embeddings())
        embeddings._forward_pre_hooks, embeddings._forward_hooks = OrderedDict(), OrderedDict()
        replaced = {model.get_decoder(): _Identity(), model.get_output_embeddings(): embeddings}
        self._model = copy.copy(model)
        self._model._modules = {name: replaced.get(module, module) for name, module in model._modules.items()}
        self.vocabulary: int = model.config.get_text_config().vocab_size

    def compute_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the logits, of shape (tokens, vocabulary), of hidden states of shape (tokens, hidden size)."""
        logits: torch.Tensor = self._model.forward(inputs_embeds=hidden[None], use_cache=False).logits
        return logits[0]
