"""Compare vLLM's scores of finished text with those of the transformers engine, on a CPU in float32."""

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vLLM has an environment of its own: make test-vllm", allow_module_level=True)

from hearth.engines.protocol import ScoreRequest
from hearth.engines.transformers import TransformersEngine
from hearth.engines.vllm import VLLMEngine
from hearth.models.tokens import encode

PREFIX = "<|im_start|>system\nName the activity behind every event. kitchen, living room<|im_end|>\n<|im_start|>user\n"
TOP_TOKENS = 24  # more than vLLM reports by default


@pytest.fixture(scope="module")
def ours(tiny):
    return VLLMEngine(tiny, None, dtype="float32", device="cpu", batch_size=4, scores=True)


def scored(engine, requests):
    return {one.key: one for batch in engine.score(PREFIX, requests, TOP_TOKENS) for one in batch}


def make_requests(tokenizer):
    texts = ["<think>\nstove ", "living room door opened " * 30, "é", "kitchen stove turned OFF " * 7, ""]
    return [
        ScoreRequest(f"home/s/{n}", "door " * (n + 1), encode(tokenizer, text) + [tokenizer.eos_token_id] * (n % 2))
        for n, text in enumerate(texts * 2)
    ]


def test_scores_are_those_of_the_transformers_engine(ours, tiny):
    usual = TransformersEngine(tiny, None, dtype="float32", device="cpu", batch_size=4)
    requests = make_requests(usual.tokenizer)
    found, expected = scored(ours, requests), scored(usual, requests)
    assert found.keys() == expected.keys() == {request.key for request in requests if request.tokens}
    assert ours.vocabulary == usual.vocabulary
    alike, total = 0, 0
    for key, one in found.items():
        assert (one.top_ids.dtype, one.log_probabilities.dtype) == (np.int32, np.float32)
        assert one.top_ids.shape == expected[key].top_ids.shape
        np.testing.assert_allclose(one.log_probabilities, expected[key].log_probabilities, atol=1e-3)
        alike, total = alike + (one.top_ids == expected[key].top_ids).sum(), total + one.top_ids.size
    assert alike / total > 0.999  # rounding may exchange two tokens that are equally likely


def test_scores_do_not_depend_on_what_was_read_before(ours):
    requests = make_requests(ours.tokenizer)
    first, again = scored(ours, requests), scored(ours, requests[::-1])
    for key, one in first.items():
        np.testing.assert_allclose(one.log_probabilities, again[key].log_probabilities, atol=1e-4)


def test_a_text_longer_than_the_context_and_too_many_tokens(ours):
    with pytest.raises(ValueError, match="long: prompt and completion have"):
        list(ours.score(PREFIX, [ScoreRequest("long", "door", [5] * 100_000)], 4))
    with pytest.raises(ValueError, match="teacher_top_tokens is"):
        list(ours.score(PREFIX, [], 10**6))
