"""The divergence of a student's probabilities from the teacher's likeliest tokens and the rest of the vocabulary."""

import torch


def top_k_divergence(logits: torch.Tensor, top_ids: torch.Tensor, log_probabilities: torch.Tensor) -> torch.Tensor:
    """Return the Kullback-Leibler divergence of each token: of the teacher's likeliest tokens and of all others as one.

    `logits` are the student's, of shape (tokens, vocabulary) and in float32 or float64. `top_ids` (integers) and
    `log_probabilities` are the teacher's k likeliest tokens, both of shape (tokens, k). With p and q for teacher and
    student, r and s for what their k tokens leave of 1, the divergence is sum p (ln p - ln q) + r (ln r - ln s). With k
    = vocabulary it is the whole one. The result has the shape (tokens,).
    """
    top_ids, log_p = top_ids.long(), log_probabilities.to(logits.dtype)
    total, p = logits.logsumexp(dim=-1), log_p.exp()
    divergence = (p * (log_p - logits.gather(-1, top_ids) + total[:, None])).sum(dim=-1)
    if top_ids.shape[-1] == logits.shape[-1]:
        return divergence
    # Stored probabilities are rounded, and may sum to a little more than 1. As a sum over the other tokens, s is above
    # 0 also where 1 - sum q would be rounded to 0.
    rest = (1 - p.sum(dim=-1)).clamp(min=0)
    log_s = logits.scatter(-1, top_ids, -torch.inf).logsumexp(dim=-1) - total
    return divergence + torch.xlogy(rest, rest) - rest * log_s
