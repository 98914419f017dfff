"""Compute the loss of completions and its gradients in chunks of tokens.

The logits of a real vocabulary take more memory than all activations of a small student. They exist here only for one
chunk at a time: each chunk's gradient with respect to its hidden states is computed at once, and its logits are freed.
"""

import copy
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast

# Logits of one chunk: 128 MiB in float32, which is 220 tokens over a vocabulary of 151,936.
_LOGITS_PER_CHUNK = 1 << 25


@dataclass(frozen=True)
class Targets:
    """The tokens that a student is to predict, with all that their losses depend on.

    `ids` are token ids (int64) of shape (tokens,), `weights` their weights in the loss (float32) in the same shape;
    None for 1 each.
    """

    ids: torch.Tensor
    weights: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device) -> "Targets":
        """Return the same targets on a device."""
        return replace(self, **{name: value.to(device) for name, value in self._tensors().items()})

    def split(self, chunks: int) -> Iterator["Targets"]:
        """Yield the targets in `chunks` parts of about equally many tokens."""
        tensors = self._tensors()
        for parts in zip(*(value.tensor_split(chunks) for value in tensors.values()), strict=True):
            yield replace(self, **dict(zip(tensors, parts, strict=True)))

    def _tensors(self) -> dict[str, torch.Tensor]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


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


def chunked_loss(
    head: Head,
    hidden: torch.Tensor,
    targets: Targets,
    scale: torch.Tensor,
    parameters: Sequence[nn.Parameter] = (),
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Return the weighted sum of the losses of `targets` times `scale`, and its gradients.

    `hidden` has the shape (tokens, hidden size), `targets` as many tokens, and `scale` is a scalar.
    The loss is a float32 scalar (float64 for hidden states in float64). The gradients are those of `hidden`, in its
    shape and dtype, and those of `parameters`, the trainable weights of the head, in the loss's dtype.
    """
    chunks = -(-max(len(targets), 1) * head.vocabulary // _LOGITS_PER_CHUNK)
    dtype = torch.promote_types(hidden.dtype, torch.float32)
    loss, gradient = torch.zeros((), dtype=dtype, device=hidden.device), torch.empty_like(hidden)
    sums = [torch.zeros_like(weights, dtype=dtype) for weights in parameters]
    for part, target, out in zip(
        hidden.detach().tensor_split(chunks), targets.split(chunks), gradient.tensor_split(chunks), strict=True
    ):
        part.requires_grad_()
        with torch.enable_grad():
            logits = head.compute_logits(part).to(dtype)
            chunk = _summed_loss(logits, target) * scale
            del logits  # so that they are not kept until those of the next chunk have been computed
        of_part, *of_parameters = torch.autograd.grad(chunk, [part, *parameters], materialize_grads=True)
        out.copy_(of_part)
        loss += chunk.detach()
        for total, added in zip(sums, of_parameters, strict=True):
            total += added
    return loss, gradient, sums


def _summed_loss(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Return the weighted sum of the losses of tokens, whose logits have the shape (tokens, vocabulary)."""
    if targets.weights is None:
        return nn.functional.cross_entropy(logits, targets.ids, reduction="sum")
    losses = nn.functional.cross_entropy(logits, targets.ids, reduction="none")
    return (losses * targets.weights).sum()
