"""Losses of tokens whose place the teacher gave probabilities for: cross-entropy mixed with a divergence.

Gradients are computed beside the values, so that one array of the size of the logits serves both.
"""

import torch
from torch.autograd.function import FunctionCtx, once_differentiable


def soft_losses(
    logits: torch.Tensor,
    ids: torch.Tensor,
    shares: torch.Tensor,
    top_ids: torch.Tensor,
    log_probabilities: torch.Tensor,
) -> torch.Tensor:
    """Return the loss of each token: cross-entropy, and for its share the divergence from the teacher's probabilities.

    `logits` are the student's, of shape (tokens, vocabulary) and in float32 or float64. `ids` are the tokens to predict
    and `shares` the shares of the divergence, of shape (tokens,). `top_ids` and `log_probabilities`, of shape (tokens,
    k), are the teacher's k likeliest tokens; all others count as one. With p and q for teacher and student, r and s for
    what their k tokens leave of 1, the divergence is sum p (ln p - ln q) + r (ln r - ln s); with k = vocabulary, it is
    the Kullback-Leibler divergence of the whole vocabulary. The result has the shape (tokens,).
    """
    dtype = logits.dtype
    losses: torch.Tensor = _SoftLosses.apply(
        logits, ids[:, None], shares.to(dtype)[:, None], top_ids.long(), log_probabilities.to(dtype)
    )
    return losses


class _SoftLosses(torch.autograd.Function):
    """Compute the losses and their gradient. All tensors have the tokens in their first dimension, of two."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        logits: torch.Tensor,
        ids: torch.Tensor,
        share: torch.Tensor,
        top_ids: torch.Tensor,
        log_p: torch.Tensor,
    ) -> torch.Tensor:
        p, array = log_p.exp(), logits.log_softmax(dim=-1)
        cross_entropy, top_log_q = -array.gather(-1, ids), array.gather(-1, top_ids)
        # Stored probabilities are rounded, and may sum to a little more than 1.
        mass = p.sum(dim=-1, keepdim=True)
        r, s = (1 - mass).clamp(min=0), torch.ones_like(mass)
        array.exp_().scatter_(-1, top_ids, 0)  # q of the other tokens
        if top_ids.shape[-1] == logits.shape[-1]:
            r = torch.zeros_like(mass)
        else:  # 1 - sum q would be rounded to 0 where the student is certain
            s = array.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(array.dtype).tiny)
        divergence = (p * (log_p - top_log_q)).sum(dim=-1, keepdim=True) + torch.xlogy(r, r) - r * s.log()
        # The gradient: q, as often as probability is asked for, less what is asked for.
        asked = torch.lerp(torch.ones_like(mass), mass + r, share)
        array.mul_(asked - share * r / s).scatter_(-1, top_ids, asked * top_log_q.exp() - share * p)
        array.scatter_(-1, ids, array.gather(-1, ids) - (1 - share))
        ctx.save_for_backward(array)
        return torch.lerp(cross_entropy, divergence, share)[:, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, factors: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * factors[:, None], None, None, None, None
