"""Compute the loss of completions and its gradients in chunks of tokens.

The logits of a real vocabulary take more memory than all activations of a small student. They exist here only for one
chunk at a time: each chunk's gradient with respect to its hidden states is computed at once, and its logits are freed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import nn

from hearth.distillation.divergence import soft_losses
from hearth.models.head import LOGITS_PER_CHUNK, Head


@dataclass(frozen=True)
class Targets:
    """The tokens that a student is to predict, with all that their losses depend on.

    `ids` are token ids (int64) of shape (tokens,), `weights` their weights in the loss (float32) in the same shape;
    None for 1 each. `soft_shares` (float32, in the same shape) are the shares of the losses that are the divergence
    from the teacher; the rest is cross-entropy. None stands for 0 each; otherwise `top_ids` (int32) and
    `log_probabilities` (float16), of shape (tokens, k), are the teacher's likeliest tokens.
    """

    ids: torch.Tensor
    weights: torch.Tensor | None = None
    soft_shares: torch.Tensor | None = None
    top_ids: torch.Tensor | None = None
    log_probabilities: torch.Tensor | None = None

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
    chunks = -(-max(len(targets), 1) * head.vocabulary // LOGITS_PER_CHUNK)
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
    if targets.soft_shares is not None:
        assert targets.top_ids is not None
        assert targets.log_probabilities is not None
        soft = targets.soft_shares, targets.top_ids, targets.log_probabilities
        losses = soft_losses(logits, targets.ids, *soft)
    elif targets.weights is None:
        return nn.functional.cross_entropy(logits, targets.ids, reduction="sum")
    else:
        losses = nn.functional.cross_entropy(logits, targets.ids, reduction="none")
    return losses.sum() if targets.weights is None else (losses * targets.weights).sum()
