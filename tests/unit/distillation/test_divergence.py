"""Check the divergence from a teacher's likeliest tokens against whole divergences, cross-entropy and autograd."""

import numpy as np
import pytest
import torch
from hearth.common.log_probabilities import to_float16
from hearth.distillation import loss
from hearth.distillation.divergence import soft_losses
from hearth.models.head import Head
from torch.nn.functional import cross_entropy, kl_div
from transformers import Qwen3Config, Qwen3ForCausalLM

# Logits of a student and a teacher for three tokens, and the value of TRL 1.16.0 for them, computed once with
#   GKDTrainer.generalized_jsd_loss(student[None], teacher[None], labels=torch.zeros(1, 3).long(), beta=0)
# of trl.experimental.gkd, in float64. It is the mean over the tokens.
STUDENT = [[0.5, -1.0, 2.0, 0.0, 1.5], [3.0, 0.25, -0.5, 1.0, -2.0], [0.0, 0.0, 1.0, -1.0, 0.5]]
TEACHER = [[1.0, 0.0, 3.0, -1.0, 0.5], [2.0, 1.5, 0.0, -0.5, -1.0], [-1.0, 2.0, 0.5, 0.25, 0.0]]
TRL_VALUE = 0.4659507266384895


def top_k_divergence(logits, top_ids, log_probabilities):
    """Return the divergence alone."""
    count = len(logits)
    return soft_losses(logits, torch.zeros(count).long(), torch.ones(count), top_ids, log_probabilities)


def likeliest(logits, count):
    values, ids = logits.log_softmax(-1).topk(count)
    return ids, values


def whole(student, teacher):
    """Return the divergence of each token over the whole vocabulary."""
    divergence = kl_div(student.log_softmax(-1), teacher.log_softmax(-1), reduction="none", log_target=True)
    return divergence.sum(-1)


def draw(tokens=20, vocabulary=64, dtype=torch.float64, scale=3.0):
    torch.manual_seed(0)
    return (scale * torch.randn(tokens, vocabulary, dtype=dtype) for _ in range(2))


def test_with_the_whole_vocabulary_it_is_the_value_of_trl():
    student, teacher = (torch.tensor(rows, dtype=torch.float64) for rows in (STUDENT, TEACHER))
    value = top_k_divergence(student, *likeliest(teacher, 5)).mean()
    assert float(value) == pytest.approx(TRL_VALUE, abs=1e-14)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_with_the_whole_vocabulary_it_is_the_whole_divergence(dtype, tolerance):
    student, teacher = draw(dtype=dtype)
    torch.testing.assert_close(
        top_k_divergence(student, *likeliest(teacher, 64)), whole(student, teacher), atol=tolerance, rtol=tolerance
    )


def test_the_other_tokens_count_as_one():
    student, teacher = draw()
    ids, values = likeliest(teacher, 5)

    def merged(logits):
        probabilities = logits.softmax(-1)
        top = probabilities.gather(-1, ids)
        return torch.cat([top, 1 - top.sum(-1, keepdim=True)], dim=-1).log()

    expected = kl_div(merged(student), merged(teacher), reduction="none", log_target=True).sum(-1)
    found = top_k_divergence(student, ids, values)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    assert (found < whole(student, teacher)).all()  # merging tokens loses information
    assert (top_k_divergence(teacher, ids, values).abs() < 1e-12).all()


@pytest.mark.parametrize("count", [1, 4, 64])
def test_a_certain_teacher_gives_cross_entropy(count):
    student, _ = draw()
    student.requires_grad_()
    labels = torch.arange(20)
    ids = torch.stack([torch.roll(torch.arange(64), -int(label))[:count] for label in labels])
    values = torch.from_numpy(to_float16(np.array([[0.0] + [-np.inf] * (count - 1)] * 20)))
    expected = cross_entropy(student, labels, reduction="none")
    found = top_k_divergence(student, ids, values)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(found.sum(), student), torch.autograd.grad(expected.sum(), student), atol=1e-12, rtol=1e-12
    )


@pytest.mark.parametrize("count", [1, 5, 64])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_gradient_is_that_of_the_value(count, share):
    student, teacher = draw(tokens=6)
    ids, values = likeliest(teacher, count)
    labels, shares = torch.randint(64, (6,)), torch.full((6,), share)
    assert torch.autograd.gradcheck(
        lambda logits: soft_losses(logits, labels, shares, ids, values), student.requires_grad_()
    )


def test_extremes_give_finite_values_and_gradients():
    """A student that is certain of a wrong token, and stored probabilities whose sum is above 1."""
    logits = torch.tensor([[200.0, 0.0, 0.0, -50.0], [0.0, 200.0, 0.0, 0.0]], requires_grad=True)
    ids = torch.tensor([[1, 2], [1, 0]], dtype=torch.int32)
    values = torch.tensor([[-0.1, -3.0], [-0.0002, -8.0]], dtype=torch.float16)
    assert values[1].double().exp().sum() > 1
    divergence = top_k_divergence(logits, ids, values)
    (gradient,) = torch.autograd.grad(divergence.sum(), logits)
    assert divergence.isfinite().all()
    assert gradient.isfinite().all()
    # The tail of the first token is the student's certain one, which must lose probability.
    assert gradient[0, 0] > 0.9
    # 1 - sum q would be rounded to 0 here, and say nothing.
    certain = torch.tensor([[30.0, 0.0, 0.0]], requires_grad=True)
    part = top_k_divergence(certain, torch.tensor([[0]]), torch.tensor([[-1.0]]))
    r = 1 - np.exp(-1)  # of which the student gives 2 / (e^30 + 2)
    assert part.item() == pytest.approx(-np.exp(-1) + r * (np.log(r) + 30 - np.log(2)), rel=1e-4)
    assert float(torch.autograd.grad(part, certain)[0][0, 1]) == pytest.approx(-r / 2, rel=1e-4)


def make_model(dtype):
    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "head_dim": 8}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "initializer_range": 0.5}
    return Qwen3ForCausalLM(Qwen3Config(**sizes, **heads)).to(dtype)


def soft_targets(share=0.5, tokens=20, count=6, weighted=True):
    torch.manual_seed(1)
    ids, values = likeliest(3 * torch.randn(tokens, 64, dtype=torch.float64), count)
    shares = torch.full((tokens,), share)
    shares[:3] = 0  # tokens of another example, without the teacher's probabilities
    weights = torch.rand(tokens) if weighted else None
    return loss.Targets(torch.randint(64, (tokens,)), weights, shares, ids.int(), values.half())


def expected_loss(logits, targets):
    """Return the loss of all tokens from all logits at once, by the definition."""
    q = logits.softmax(-1)
    top_q, p = q.gather(-1, targets.top_ids.long()), targets.log_probabilities.to(logits.dtype).exp()
    r, s = (1 - p.sum(-1)).clamp(min=0), 1 - top_q.sum(-1)
    divergence = (p * (p.log() - top_q.log())).sum(-1) + torch.where(r > 0, r * (r.log() - s.log()), 0)
    share = targets.soft_shares.to(logits.dtype)
    losses = (1 - share) * cross_entropy(logits, targets.ids, reduction="none") + share * divergence
    return (losses * (1 if targets.weights is None else targets.weights)).sum()


@pytest.mark.parametrize("logits_per_chunk", [1, 300, 2000])
@pytest.mark.parametrize("weighted", [True, False])
def test_loss_in_chunks_and_its_gradients_equal_those_of_the_definition(logits_per_chunk, weighted, monkeypatch):
    monkeypatch.setattr(loss, "LOGITS_PER_CHUNK", logits_per_chunk)
    model, targets = make_model(torch.float64), soft_targets(weighted=weighted)
    head, hidden = Head(model), torch.randn(20, 16, dtype=torch.float64, requires_grad=True)
    parameters = list(model.get_output_embeddings().parameters())
    value, gradient, of_head = loss.chunked_loss(head, hidden, targets, torch.tensor(0.5), parameters)
    expected = 0.5 * expected_loss(head.compute_logits(hidden), targets)
    gradients = torch.autograd.grad(expected, [hidden, *parameters])
    for one, other in zip([value, gradient, *of_head], [expected.detach(), *gradients], strict=True):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=1e-10)


def test_gradients_in_bfloat16_are_near_those_in_float64():
    targets = soft_targets()
    hidden = torch.randn(20, 16, dtype=torch.float64).bfloat16()
    gradients = []
    for dtype in (torch.bfloat16, torch.float64):
        head = Head(make_model(torch.bfloat16).to(dtype))
        value, gradient, _ = loss.chunked_loss(head, hidden.to(dtype), targets, torch.tensor(0.5))
        assert value.dtype == torch.promote_types(dtype, torch.float32)
        gradients.append(gradient.double())
    assert float((gradients[0] - gradients[1]).norm() / gradients[1].norm()) < 0.02


def test_without_a_share_the_loss_is_cross_entropy():
    head, hidden = Head(make_model(torch.float64)), torch.randn(20, 16, dtype=torch.float64)
    targets = soft_targets(share=0.0)
    plain = loss.Targets(targets.ids, targets.weights)
    for one, other in zip(
        loss.chunked_loss(head, hidden, targets, torch.ones(()))[:2],
        loss.chunked_loss(head, hidden, plain, torch.ones(()))[:2],
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


def test_a_planted_teacher_is_recovered_from_its_probabilities_but_not_from_one_sample_of_each():
    """Eight contexts whose next token the teacher draws from known probabilities; a student sees one draw of each."""
    torch.manual_seed(2)
    contexts, vocabulary = 8, 12
    planted = (1.5 * torch.randn(contexts, vocabulary, dtype=torch.float64)).softmax(-1)
    sampled = torch.multinomial(planted, 1)[:, 0]
    values, ids = planted.log().topk(8)
    distances = {}
    for share in (0.0, 1.0):
        student = torch.zeros(contexts, vocabulary, dtype=torch.float64, requires_grad=True)
        optimiser = torch.optim.Adam([student], lr=0.1)
        for _ in range(400):
            shares = torch.full((contexts,), share)
            loss_of_step = soft_losses(student, sampled, shares, ids, values).sum()
            optimiser.zero_grad()
            loss_of_step.backward()
            optimiser.step()
        distances[share] = float((student.detach().softmax(-1).gather(-1, ids) - planted.gather(-1, ids)).abs().max())
    assert distances[1.0] < 0.001
    assert distances[0.0] > 0.5
