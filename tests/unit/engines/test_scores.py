"""Compare scores of finished text with a plain forward pass over the whole text."""

import numpy as np
import pytest
import torch
from hearth.engines import transformers
from hearth.engines.protocol import ScoreRequest
from hearth.engines.transformers import TransformersEngine
from hearth.models.load import load_model, load_tokenizer
from hearth.models.tokens import encode

PREFIX = "<|im_start|>system\nName the activity behind every event. kitchen, living room<|im_end|>\n<|im_start|>user\n"


def requests(folder):
    tokenizer = load_tokenizer(folder)
    texts = ["<think>\nstove ", "living room door opened " * 30, "é", "kitchen induction stove turned OFF " * 7, ""]
    return [
        ScoreRequest(f"home/s/{n}", "door " * (n + 1), encode(tokenizer, text) + [tokenizer.eos_token_id] * (n % 2))
        for n, text in enumerate(texts * 2)
    ]


def plain(folder, request, count, prefix=PREFIX, adapter=None):
    """Return the likeliest tokens and their log-probabilities from one pass, without cache or padding."""
    tokenizer, model = load_tokenizer(folder), load_model(folder, adapter, "float32", "cpu")
    prompt = encode(tokenizer, prefix) + encode(tokenizer, request.suffix)
    with torch.no_grad():
        logits = model(torch.tensor([prompt + list(request.tokens)]), use_cache=False).logits[0, len(prompt) - 1 : -1]
    values, ids = logits.log_softmax(-1).topk(count)
    return ids.numpy(), values.numpy()


def scores(folder, batch_size, prefix=PREFIX, adapter=None, count=8):
    engine = TransformersEngine(folder, adapter, dtype="float32", device="cpu", batch_size=batch_size)
    batches = engine.score(prefix, requests(folder), count)
    return {one.key: one for batch in batches for one in batch}


@pytest.mark.parametrize("batch_size", ["auto", 1, 3])
@pytest.mark.parametrize("prefix", [PREFIX, ""])
def test_scores_equal_those_of_a_plain_pass(tiny_model, batch_size, prefix, monkeypatch):
    monkeypatch.setattr(transformers, "LOGITS_PER_CHUNK", 1500)  # 4 tokens
    found = scores(tiny_model, batch_size, prefix)
    wanted = [request for request in requests(tiny_model) if request.tokens]
    assert set(found) == {request.key for request in wanted}
    for request in wanted:
        ids, values = plain(tiny_model, request, 8, prefix)
        assert found[request.key].top_ids.dtype == np.int32
        np.testing.assert_array_equal(found[request.key].top_ids, ids)
        np.testing.assert_allclose(found[request.key].log_probabilities, values, atol=1e-4)


def test_scores_of_a_student(tiny_model, tiny_adapter):
    found = scores(tiny_model, 4, adapter=tiny_adapter)
    request = requests(tiny_model)[3]
    ids, values = plain(tiny_model, request, 8, adapter=tiny_adapter)
    np.testing.assert_array_equal(found[request.key].top_ids, ids)
    np.testing.assert_allclose(found[request.key].log_probabilities, values, atol=1e-4)
    assert not np.array_equal(found[request.key].top_ids, scores(tiny_model, 4)[request.key].top_ids)


def test_all_tokens_of_the_vocabulary_have_all_of_the_mass(tiny_model):
    vocabulary = load_model(tiny_model, None, "float32", "cpu").config.vocab_size
    for one in scores(tiny_model, 4, count=vocabulary).values():
        np.testing.assert_allclose(np.exp(one.log_probabilities).sum(axis=1), 1, atol=1e-5)
    with pytest.raises(ValueError, match=f"teacher_top_tokens is {vocabulary + 1}, but the teacher's vocabulary has"):
        scores(tiny_model, 4, count=vocabulary + 1)


def test_a_text_longer_than_the_context(tiny_model):
    engine = TransformersEngine(tiny_model, None, dtype="float32", device="cpu", batch_size=4)
    with pytest.raises(ValueError, match=r"long: prompt and completion have \d+ tokens, but the context"):
        list(engine.score(PREFIX, [ScoreRequest("long", "door", [5] * 2048)], 4))


def test_layers_with_a_sliding_window(tiny_model, monkeypatch):
    """One request at a time, prefix and prompt together."""
    monkeypatch.setattr(transformers.BatchedRows, "enable_attention", staticmethod(lambda model: False))
    request = requests(tiny_model)[3]
    ids, values = plain(tiny_model, request, 8)
    found = scores(tiny_model, 4)[request.key]
    np.testing.assert_array_equal(found.top_ids, ids)
    np.testing.assert_allclose(found.log_probabilities, values, atol=1e-4)
