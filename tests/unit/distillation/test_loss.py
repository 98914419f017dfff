"""Compare the loss in chunks, and its gradients, with the loss that transformers computes from all logits."""

import pytest
import torch
from hearth.distillation import loss
from hearth.models.head import Head
from peft import LoraConfig, get_peft_model
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.modeling_outputs import BaseModelOutputWithPast

SIZES = {
    "vocab_size": 64,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "use_cache": False,
    "initializer_range": 0.5,
}


def make(architecture, configuration, **options):
    torch.manual_seed(0)
    return architecture(configuration(**SIZES | options)).eval()


MODELS = {
    "own head": lambda: make(Qwen3ForCausalLM, Qwen3Config, tie_word_embeddings=False),
    "head tied to the embeddings": lambda: make(Qwen3ForCausalLM, Qwen3Config, tie_word_embeddings=True),
    "padded vocabulary": lambda: make(Qwen3ForCausalLM, Qwen3Config, vocab_size=100),
    "capped logits": lambda: make(Gemma2ForCausalLM, Gemma2Config, final_logit_softcapping=2.0),
    "divided logits": lambda: make(GraniteForCausalLM, GraniteConfig, logits_scaling=4.0),
    "multiplied logits": lambda: make(CohereForCausalLM, CohereConfig, logit_scale=0.25),
}


@pytest.fixture(params=[1, 300, 2000])
def logits_per_chunk(request, monkeypatch):
    """Set the size of a chunk: one token, a few tokens, or all of them."""
    monkeypatch.setattr(loss, "LOGITS_PER_CHUNK", request.param)


def compare(model, dtype, parameters=(), weights=None):
    """Return the relative differences between loss in chunks and loss of all logits: of loss, and of each gradient."""
    model.to(dtype)
    torch.manual_seed(1)
    hidden = torch.randn(20, 16, dtype=dtype, requires_grad=True)
    targets, scale = torch.randint(64, (20,)), torch.tensor(1 / 37, dtype=torch.float64)
    value, gradient, of_parameters = loss.chunked_loss(
        Head(model), hidden, loss.Targets(targets, weights), scale, parameters
    )

    # All of the model's own code after the decoder, whose output a hook replaces.
    replaced = model.get_decoder().register_forward_hook(
        lambda module, arguments, output: BaseModelOutputWithPast(last_hidden_state=hidden[None])
    )
    outputs = model(input_ids=torch.zeros(1, 20, dtype=torch.long))
    replaced.remove()
    losses = torch.nn.functional.cross_entropy(outputs["logits"][0].to(dtype), targets, reduction="none")
    whole = (losses if weights is None else losses * weights).sum() / 37
    expected = torch.autograd.grad(whole, [hidden, *parameters])
    assert gradient.dtype == hidden.dtype
    return [
        float((one - other).norm() / other.norm())
        for one, other in zip([value, gradient, *of_parameters], [whole.detach(), *expected], strict=True)
    ]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-13)])
@pytest.mark.parametrize("name", MODELS)
def test_loss_and_gradient_equal_those_of_all_logits(name, dtype, tolerance, logits_per_chunk):
    assert max(compare(MODELS[name](), dtype)) < tolerance


def test_losses_of_weighted_tokens_count_by_their_weights(logits_per_chunk):
    weights = torch.linspace(0, 2, 20)
    assert max(compare(MODELS["own head"](), torch.float32, weights=weights)) < 1e-6


def test_an_adapter_on_the_head_gets_gradients(logits_per_chunk):
    base = MODELS["own head"]()
    student = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["lm_head"]))
    parameters = [weights for weights in student.parameters() if weights.requires_grad]
    torch.nn.init.normal_(parameters[1])
    assert len(parameters) == 2
    assert max(compare(student.get_base_model(), torch.float32, parameters)) < 1e-6


def test_no_tokens_have_no_loss():
    value, gradient, _ = loss.chunked_loss(
        Head(MODELS["own head"]()),
        torch.zeros(0, 16),
        loss.Targets(torch.zeros(0, dtype=torch.long)),
        torch.ones(()),
    )
    assert value == 0
    assert gradient.shape == (0, 16)


def test_hooks_of_the_head_do_not_run_for_each_chunk():
    model, called = MODELS["own head"](), []
    head = Head(model)
    for module in (model, model.lm_head):
        module.register_forward_hook(lambda *arguments: called.append(arguments))
    head.compute_logits(torch.zeros(2, 16))
    assert not called
