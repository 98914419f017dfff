"""Check the engine for servers against a server in this file that answers, fails, hangs or sends invalid answers."""

import json
import logging
import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
from chat_server import MODEL, Server, answer, lowered
from hearth.common import files
from hearth.common.cli import UserError
from hearth.data.indexed_windows import write_windows
from hearth.engines.openai import OpenAIEngine
from hearth.engines.protocol import Decoding, ReasoningBlock, Request
from hearth.models.fetch import fetch_model
from repository import SCRIPTS
from window_factories import WINDOW_SETTINGS, complete_window

KEY = "sk-0123456789-secret"
REQUESTS = [Request(f"home/s{n}/{n}", f"window {n}") for n in range(6)]
SAMPLED = replace(Decoding.greedy(40), temperature=0.6, top_p=0.95, top_k=20, seed=3)
GREEDY = Decoding.greedy(40)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("hearth.engines.server_connection._FIRST_PAUSE", 0.001)
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def engine(server, retries=0, timeout=20.0, interface="vllm"):
    return OpenAIEngine(MODEL, server.url, interface, batch_size=3, timeout=timeout, retries=retries)


def completions(engine, decoding=GREEDY, requests=REQUESTS):
    return {
        completion.key: completion
        for batch in engine.complete("Name the activity.", requests, decoding)
        for completion in batch
    }


def test_a_request_has_the_turns_and_every_decoding_setting(server):
    completions(engine(server), SAMPLED, REQUESTS[:1])
    (request,) = server.requests
    seed = request.pop("seed")
    assert request == {
        "model": MODEL,
        "messages": [{"role": "system", "content": "Name the activity."}, {"role": "user", "content": "window 0"}],
        "temperature": 0.6,
        "top_p": 0.95,
        "max_tokens": 40,
        "top_k": 20,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "chat_template_kwargs": {"enable_thinking": False, "thinking": False},
    }
    assert 0 <= seed < 2**31


def test_a_request_of_the_published_interface_has_no_extensions(server):
    completions(engine(server, interface="openai"), GREEDY, REQUESTS[:1])
    assert set(server.requests[0]) == {"model", "messages", "temperature", "top_p", "max_tokens", "seed"}


def test_seeds_depend_on_the_request_and_the_run(server):
    completions(engine(server), SAMPLED)
    seeds = {request["messages"][1]["content"]: request["seed"] for request in server.requests}
    assert len(set(seeds.values())) == 6
    completions(engine(server), SAMPLED, REQUESTS[3:4])
    assert server.requests[-1]["seed"] == seeds["window 3"]
    completions(engine(server), replace(SAMPLED, seed=4), REQUESTS[3:4])
    assert server.requests[-1]["seed"] != seeds["window 3"]


def test_thinking_is_on_if_the_request_has_a_reasoning_block(server):
    completions(engine(server), GREEDY, [Request("a", "b", reasoning_block=ReasoningBlock("<think>", "</think>"))])
    assert server.requests[0]["chat_template_kwargs"] == {"enable_thinking": True, "thinking": True}


def test_a_server_gets_the_date_of_the_run(server):
    dated = OpenAIEngine("m", server.url, "vllm", batch_size=1, timeout=5, date="2031-12-05")
    completions(dated, GREEDY, [Request("a", "b")])
    assert server.requests[0]["chat_template_kwargs"]["date_string"] == "05 Dec 2031"


THINKING = [Request("home/s0/0", "b", reasoning_block=ReasoningBlock("<think>", "</think>"))]


def answer_with_reasoning(tokens):
    reply = answer("[]", reasoning="Hm.")
    reply["usage"]["completion_tokens_details"] = {"reasoning_tokens": tokens}
    return reply


@pytest.mark.parametrize(("tokens", "forced"), [(4, False), (5, True), (6, True)])
def test_a_reasoning_budget_is_sent_and_its_use_is_recorded(server, tokens, forced):
    server.replies = [answer_with_reasoning(tokens)]
    (completion,) = completions(engine(server), replace(GREEDY, reasoning_budget=5), THINKING).values()
    assert server.requests[0]["thinking_token_budget"] == 5
    assert completion.reasoning_forced is forced
    assert completion.text == "<think>Hm.</think>[]"


@pytest.mark.parametrize("reply", [answer("[]"), answer_with_reasoning(99)])
def test_a_server_that_ignores_the_reasoning_budget_is_refused(server, reply):
    server.replies = [reply]
    with pytest.raises(UserError, match=r"home/s0/0: reasoning_budget is 5, and the server .*--reasoning-parser"):
        completions(engine(server), replace(GREEDY, reasoning_budget=5), THINKING)


def test_a_server_that_starts_later_is_waited_for(server):
    server.replies = [(503, {"error": {"message": "starting"}})] * 4 + [answer()]
    waiting = OpenAIEngine(MODEL, server.url, "vllm", batch_size=1, timeout=20, retries=0, wait=60)
    assert len(completions(waiting)) == 6


def test_waiting_for_a_server_is_bounded(server):
    server.replies = [(503, {"error": {"message": "starting"}})]
    waiting = OpenAIEngine(MODEL, server.url, "vllm", batch_size=1, timeout=20, retries=0, wait=1)
    with pytest.raises(UserError, match=r"server failed .status 503"):
        completions(waiting)
    assert len(server.requests) > 1


def test_a_constrained_request_carries_its_schema(server):
    schema = {"type": "array", "minItems": 1}
    constrained = replace(GREEDY, constrained=True)
    completions(engine(server), constrained, [Request("a", "b", json.dumps(schema))])
    response_format = server.requests[0]["response_format"]
    assert response_format == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": schema},
    }
    with pytest.raises(ValueError, match="a: constrained decoding needs a JSON schema"):
        completions(engine(server), constrained, [Request("a", "b")])


@pytest.mark.parametrize(
    ("reply", "text", "finish_reason"),
    [
        (answer("Well. []"), "Well. []", "stop"),
        (answer("<think>\nHm.\n</think>\n\n[]"), "<think>\nHm.\n</think>\n\n[]", "stop"),
        (answer("\n\n[]", reasoning_content="\nHm.\n"), "<think>\nHm.\n</think>\n\n[]", "stop"),
        (answer("[]", reasoning="Hm."), "<think>Hm.</think>[]", "stop"),
        (answer(None, "length", reasoning_content="Hm, or"), "<think>Hm, or", "length"),
        (answer(None, "stop", reasoning_content="[]"), "[]", "stop"),
        (answer("[{", "length"), "[{", "length"),
    ],
)
def test_text_and_finish_reason_of_what_servers_answer(server, reply, text, finish_reason):
    server.replies = [reply]
    (completion,) = completions(engine(server), requests=REQUESTS[:1]).values()
    assert (completion.text, completion.finish_reason) == (text, finish_reason)
    assert (completion.prompt_tokens, completion.completion_tokens) == (11, 7)


def test_at_most_batch_size_requests_run_at_a_time_and_each_is_answered_once(server):
    server.pause = 0.05
    server.replies = [lambda request: answer(request["messages"][1]["content"])]
    completed = completions(engine(server))
    assert {key: completion.text for key, completion in completed.items()} == {r.key: r.suffix for r in REQUESTS}
    assert len(server.requests) == 6
    assert server.busiest == 3


def test_the_key_goes_to_the_server_and_a_local_one_needs_none(server, monkeypatch):
    completions(engine(server), requests=REQUESTS[:1])
    monkeypatch.delenv("OPENAI_API_KEY")
    completions(engine(server), requests=REQUESTS[:1])
    assert [headers["authorization"] for headers in map(lowered, server.headers)] == [f"Bearer {KEY}", "Bearer none"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_temporary_failures_are_retried(server, status):
    server.replies = [(status, {"error": {"message": "busy"}}), (status, {"error": {"message": "busy"}}), answer()]
    assert len(completions(engine(server, retries=3))) == 6
    assert len(server.requests) == 8


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ((401, {"error": {"message": f"Incorrect API key: {KEY}"}}), "refuses the key of .*OPENAI_API_KEY"),
        ((403, {"error": {"message": "no"}}), "OPENAI_API_KEY"),
        ((429, {"error": {"message": f"quota of {KEY}"}}), r"status 429, 1 times over.*quota of \*\*\*"),
        ((500, {"error": {"message": "oops"}}), "server failed .status 500"),
        ((400, {"error": {"message": f"too long for {KEY}"}}), r"status 400.: .*too long for \*\*\*"),
        ((404, {"error": {"message": "no such model"}}), "status 404.*no such model"),
        ((400, {"detail": "no such thing"}), "status 400.*no such thing"),
        ((503, {"error": {"message": "Loading model"}}), "still loads its model .*Loading model.; raise .*server_wait"),
    ],
)
def test_every_failure_is_one_clear_line_without_the_key(server, caplog, reply, expected):
    caplog.set_level(logging.DEBUG)
    server.replies = [reply]
    with pytest.raises(UserError, match=expected) as failure:
        completions(engine(server), requests=REQUESTS[:1])
    message = str(failure.value)
    assert message.startswith(f"{server.url}: home/s0/0: ")
    assert len(message) < 700
    assert "\n" not in message
    assert KEY not in message + caplog.text


@pytest.mark.parametrize(
    ("status", "page"),
    [
        (422, {"error": "Input validation error: `inputs` must have less than 200 tokens. Given: 300"}),
        (
            400,
            [{"error": {"code": 400, "message": "The input token count (300) exceeds the maximum number of tokens"}}],
        ),
        (400, {"object": "error", "message": "The prompt length 300 exceeds the model's maximum"}),
        (413, {"error": {"message": "Request too large: tokens per minute (TPM): Limit 200, Requested 300"}}),
        (413, b"<html><h1>413 Request Entity Too Large</h1></html>"),
    ],
)
def test_a_prompt_that_is_too_long_in_the_words_of_another_server_is_unanswered(server, status, page):
    server.replies = [(status, page)]
    (refused,) = completions(engine(server), requests=REQUESTS[:1]).values()
    assert (refused.finish_reason, refused.text) == ("unanswered", "")
    assert "the server refuses the prompt" in refused.unanswered_reason


@pytest.mark.parametrize("message", ["Input tokens per minute exceeded", "input tokens exceed your rate limit"])
def test_an_account_s_limit_is_no_prompt_that_is_too_long(server, message):
    server.replies = [(403, {"error": {"message": message}})]
    with pytest.raises(UserError, match="status 403"):
        completions(engine(server), requests=REQUESTS[:1])


@pytest.mark.parametrize(
    "error",
    [
        {"message": "This model's maximum context length is 2048 tokens. However, you requested 9000 tokens"},
        {"message": "Input is too long.", "code": "context_length_exceeded"},
        {"message": "the request exceeds the available context size (2048)", "type": "exceed_context_size_error"},
    ],
)
def test_a_prompt_that_the_server_refuses_as_too_long_is_unanswered_and_all_others_are_answered(server, error):
    def reply(request):
        failing = request["messages"][1]["content"] == "window 1"
        return (400, {"error": error}) if failing else answer()

    server.replies = [reply]
    answers = {c.key: c for batch in engine(server).complete("s", REQUESTS, GREEDY) for c in batch}
    refused = answers.pop("home/s1/1")
    assert (refused.finish_reason, refused.text) == ("unanswered", "")
    assert error["message"] in refused.unanswered_reason
    assert [c.finish_reason for c in answers.values()] == ["stop"] * 5


def test_a_server_that_hangs_is_given_up(server):
    server.pause = 3.0
    with pytest.raises(UserError, match=r"no answer within 0.1 s, 2 times over"):
        completions(engine(server, retries=1, timeout=0.1), requests=REQUESTS[:1])


def test_a_server_that_is_not_there(server):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(UserError, match=r"cannot be reached .*; is the server running"):
        engine(server).load()
    with pytest.raises(UserError, match=r"cannot be reached"):
        completions(engine(server))


def test_requests_that_run_when_one_fails_are_kept(server):
    def reply(request):
        failing = request["messages"][1]["content"] == "window 1"
        return (400, {"error": {"message": "no"}}) if failing else answer()

    server.replies = [reply]
    batches, kept = engine(server).complete("s", REQUESTS, GREEDY), []
    with pytest.raises(UserError, match="home/s1/1"):
        kept.extend(completion.key for batch in batches for completion in batch)
    assert {"home/s0/0", "home/s2/2"} <= set(kept) <= {request.key for request in REQUESTS} - {"home/s1/1"}


def test_identity_describes_the_model_and_not_the_address_of_its_server(server):
    identity = engine(server).identity()
    assert identity["served"] == {"id": MODEL, "owned_by": "me"}
    assert identity["engine"] == "openai"
    assert str(server.http.server_port) not in json.dumps(identity)
    server.models = 404, {"error": {"message": "no such page"}}
    assert engine(server).identity()["served"] == {"id": MODEL}


def test_cost_names_the_model_that_answered(server):
    asking = engine(server)
    completions(asking)
    assert asking.cost()["answered_by"] == [f"{MODEL} fp_1"]


def test_a_model_that_the_server_does_not_have_is_named_beside_those_it_has(server):
    server.models["data"][0]["id"] = "other"
    with pytest.raises(UserError, match=f"has no model '{MODEL}', it has: other"):
        engine(server).load()


@pytest.mark.parametrize("rubbish", [b"<html>", [1], {"data": None}, {}])
def test_an_invalid_list_of_models_is_an_error(server, rubbish):
    server.models = rubbish
    with pytest.raises(UserError, match=r"/models: this is no list of models|has no model"):
        engine(server).load()


@pytest.mark.parametrize(
    ("interface", "decoding", "setting"),
    [
        ("openai", {"reasoning_budget": 5}, "reasoning_budget"),
        ("vllm", {"confidence": "tokens"}, "confidence"),
        ("openai", {"top_k": 20}, "top_k"),
    ],
)
def test_an_unsupported_decoding_is_refused_before_any_request(server, interface, decoding, setting):
    wanted = replace(GREEDY, **decoding)
    with pytest.raises(UserError, match=f"decoding: {setting} is not possible with the served model {MODEL}"):
        completions(engine(server, interface=interface), wanted)
    assert server.requests == []


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://h/v1", "http://user:pass@h/v1", "http://h/v1?key=pass"])
def test_an_invalid_url_or_one_with_a_secret_is_refused_and_not_repeated(url):
    with pytest.raises(UserError, match="base_url of the model m must be") as failure:
        OpenAIEngine("m", url, "vllm", batch_size=3, timeout=20)
    assert "pass@" not in str(failure.value)
    assert "key=pass" not in str(failure.value)


# --- the program


def command(folder, url, name, **options):
    values = {
        "model": folder / "served", "windows": folder / "windows.jsonl", "index": folder / "index.json",
        "split": "all", "shard": "00000-00007", "prompt": folder / "prompt.json",
        "decoding": json.dumps(asdict(GREEDY)), "engine": "openai", "batch-size": 2,
        "base-url": url, "timeout": 20, "work": folder / "work", "out": folder / f"{name}.jsonl",
        "stats": folder / f"{name}.stats.json",
    } | options  # fmt: skip
    flags = [part for key, value in values.items() for part in (f"--{key}", str(value))]
    return [sys.executable, str(SCRIPTS / "recognise.py"), *flags]


def test_a_shard_that_failed_half_way_resumes(server, tmp_path):
    spec = {"source": "served", "served_model": MODEL, "interface": "vllm"}
    fetch_model("little", spec, tmp_path / "fetching", tmp_path / "served")
    events = [{"id": 1, "time": "12:00:00", "description": "door"}]
    windows = [complete_window({"window_id": f"h/s/{n}", "events": events}) for n in range(8)]
    write_windows(tmp_path / "windows.jsonl", tmp_path / "index.json", windows, WINDOW_SETTINGS)
    prompt = {"version": "p@0", "template": "p", "reasoning": "none", "labels": ["A"], "system": "S."}
    files.write_json(tmp_path / "prompt.json", prompt)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    server.replies = [answer(), answer(), answer(), answer(), answer(), (400, {"error": {"message": "enough"}})]
    failed = subprocess.run(command(tmp_path, server.url, "out"), env=environment, capture_output=True, text=True)
    assert failed.returncode == 1
    assert f"error: {server.url}: h/s/" in failed.stderr
    assert "enough" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert KEY not in failed.stderr

    answered = len(server.requests)
    server.replies = [answer("[1]")]
    subprocess.run(command(tmp_path, server.url, "out"), env=environment, capture_output=True, check=True)
    predictions = files.read_json_lines(tmp_path / "out.jsonl")
    assert [row["window_id"] for row in predictions] == [window["window_id"] for window in windows]
    assert [row["text"] for row in predictions].count("[]") == 5
    assert len(server.requests) - answered == 3
    stats = files.read_json(tmp_path / "out.stats.json")
    assert (stats["engine"], stats["prompt_tokens"], stats["dtype"]) == ("openai", 88, "as served")
    assert KEY not in (tmp_path / "out.stats.json").read_text()
