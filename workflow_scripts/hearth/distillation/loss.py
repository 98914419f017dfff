"""Compute the cross-entropy of completions and its gradients in chunks of tokens.

The logits of a real vocabulary take more memory than all activations of a small student. They exist here only for one
chunk at a time: each chunk's gradient with respect to its hidden states is computed at once, and its logits are freed.
"""

import copy
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast

# Logits of one chunk: 128 MiB in float32, which is 220 tokens over a vocabulary of 151,936.
_LOGITS_PER_CHUNK = 1 << 25


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


def chunked_cross_entropy(
    head: Head,
    hidden: torch.Tensor,
    targets: torch.Tensor,
    scale: torch.Tensor,
    parameters: Sequence[nn.Parameter] = (),
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Return the summed cross-entropy of `targets` times `scale`, and its gradients.

    `hidden` has the shape (tokens, hidden size), `targets` holds token ids of shape (tokens,), and `scale` is a scalar.
    The loss is a float32 scalar (float64 for hidden states in float64). The gradients are those of `hidden`, in its
    shape and dtype, and those of `parameters`, the trainable weights of the head, in the loss's dtype.
    """
    chunks = -(-max(len(targets), 1) * head.vocabulary // _LOGITS_PER_CHUNK)
    dtype = torch.promote_types(hidden.dtype, torch.float32)
    loss, gradient = torch.zeros((), dtype=dtype, device=hidden.device), torch.empty_like(hidden)
    sums = [torch.zeros_like(weights, dtype=dtype) for weights in parameters]
    for part, target, out in zip(
        hidden.detach().tensor_split(chunks), targets.tensor_split(chunks), gradient.tensor_split(chunks), strict=True
    ):
        part.requires_grad_()
        with torch.enable_grad():
            logits = head.compute_logits(part).to(dtype)
            chunk = nn.functional.cross_entropy(logits, target, reduction="sum") * scale
            del logits  # so that they are not kept until those of the next chunk have been computed
        of_part, *of_parameters = torch.autograd.grad(chunk, [part, *parameters], materialize_grads=True)
        out.copy_(of_part)
        loss += chunk.detach()
        for total, added in zip(sums, of_parameters, strict=True):
            total += added
    return loss, gradient, sums
