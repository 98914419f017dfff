"""Ask shards of a server that follows each convention: right predictions or `unanswered`, never another status.

The engine is the real one, and so are the journal and the parser of predictions.
"""

import json
import re
import socket
import threading
import time
from email.utils import formatdate

import pytest
from chat_server import MODEL, RESET, Server, answer
from hearth.common.cli import UserError
from hearth.engines.openai import OpenAIEngine
from hearth.engines.protocol import Decoding
from hearth.recognition.shards import recognise_shard
from parse_predictions import parse_prediction
from window_factories import complete_window

LABELS = ["COOKING", "SLEEPING"]
SYSTEM = "Name the activity of every event. The labels are COOKING and SLEEPING."
EVENTS = [{"id": n, "time": f"12:00:0{n}", "description": "kitchen drawer OPEN"} for n in (1, 2)]
WINDOWS = [complete_window({"window_id": f"h/s/{n}", "events": EVENTS[: 1 + n % 2]}) for n in range(6)]
GREEDY = Decoding.greedy(60)
BUSY = 503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("hearth.engines.server_connection._FIRST_PAUSE", 0.001)
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def good(request):
    """Return the right answer to a request: its window's first event is COOKING, its second SLEEPING."""
    size = len(re.findall(r'"id": ?\d', request["messages"][-1]["content"]))
    return json.dumps([{"id": n, "activity": LABELS[n - 1]} for n in range(1, size + 1)])


def usage(prompt=300, completion=20):
    return {"prompt_tokens": prompt, "completion_tokens": completion}


def reply(request, finish_reason="stop", counts=None, content=good, **message):
    """Return a good answer; `content` and the fields of the message may be functions of the request."""
    filled = {key: value(request) if callable(value) else value for key, value in message.items()}
    text = content(request) if callable(content) else content
    return answer(text, finish_reason, **filled) | {"usage": counts or usage()}


def ask(server, folder, reasoning="none", decoding=GREEDY, share=0.0, **settings):
    options = {"interface": "vllm", "batch_size": 2, "timeout": 20, "retries": 2} | settings
    engine = OpenAIEngine(MODEL, server.url, **options)
    prompt = {"version": "p@0", "template": "p", "reasoning": reasoning, "labels": LABELS, "system": SYSTEM}
    return recognise_shard(WINDOWS, prompt, engine, decoding, {"model": "m"}, folder, (), share)


def parsed(predictions):
    return [
        parse_prediction(one, len(window["events"]), LABELS) for one, window in zip(predictions, WINDOWS, strict=True)
    ]


def check_all_right(predictions):
    for row, window in zip(parsed(predictions), WINDOWS, strict=True):
        assert (row["status"], row["labels"]) == ("ok", LABELS[: len(window["events"])]), row
        assert (row["lenient_status"], row["lenient_labels"]) == ("ok", row["labels"])


def parts(request):
    return [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "text", "text": good(request)},
    ]


ANALYSIS, FINAL = "<|channel|>analysis<|message|>", "<|channel|>final<|message|>"
CONVENTIONS = {
    "plain": {},
    "reasoning_content": {"reasoning_content": "Hm."},
    "reasoning": {"reasoning": "Hm."},
    "thinking": {"thinking": "Hm."},
    "tags": {"content": lambda request: f"<think>\nHm.\n</think>\n\n{good(request)}"},
    "parts": {"content": parts},
    "other tags": {"content": lambda request: f"[THINK]Hm.[/THINK]{good(request)}"},
    "channels": {"content": lambda request: f"{ANALYSIS}Hm.<|end|><|start|>assistant{FINAL}{good(request)}"},
    "answer in reasoning_content": {"content": None, "reasoning_content": good},
    "answer in reasoning": {"content": "", "reasoning": good},
    "text parts": {"content": lambda request: [{"type": "text", "text": good(request)}]},
    "output_text": {"content": lambda request: [{"type": "output_text", "text": good(request)}]},
    "finish eos": {"finish_reason": "eos"},
    "finish null": {"finish_reason": None},
    "finish tool_calls": {"finish_reason": "tool_calls"},
    "no counts": {"counts": {"total_tokens": 3}},
    "negative counts": {"counts": usage(-1, -1)},
    "counts as text": {"counts": usage("300", "20")},
    "counts of 0": {"counts": usage(0, 0)},
}
WARNINGS = {
    "reasoning_content": "6 of 6 answers came with reasoning",
    "reasoning": "6 of 6 answers came with reasoning",
    "thinking": "6 of 6 answers came with reasoning",
    "tags": "6 of 6 answers came with reasoning",
    "parts": "6 of 6 answers came with reasoning",
    "other tags": "6 of 6 answers came with reasoning",
    "channels": "6 of 6 answers came with reasoning",
    "answer in reasoning_content": "6 of 6 answers were in the server's field for reasoning",
    "answer in reasoning": "6 of 6 answers were in the server's field for reasoning",
    "finish null": "6 of 6 answers came without a finish reason",
    "finish tool_calls": "6 of 6 answers came without a finish reason",
    "no counts": "6 of 6 answers came without usable counts",
    "negative counts": "6 of 6 answers came without usable counts",
    "counts of 0": "6 of 6 answers came without usable counts",
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_convention_ends_with_the_right_predictions_and_says_what_is_odd(server, tmp_path, caplog, name):
    server.replies = [lambda request: reply(request, **CONVENTIONS[name])]
    predictions, stats = ask(server, tmp_path)
    check_all_right(predictions)
    warnings = stats.get("warnings", [])
    assert [text for text in warnings if text.startswith(WARNINGS.get(name, "?"))] == warnings
    assert bool(warnings) == (name in WARNINGS)
    assert all(text in caplog.text for text in warnings)


@pytest.mark.parametrize("name", [name for name in CONVENTIONS if not name.startswith("answer in")])
def test_a_convention_is_read_with_thinking_too(server, tmp_path, name):
    server.replies = [lambda request: reply(request, **CONVENTIONS[name])]
    predictions, _ = ask(server, tmp_path, reasoning="think")
    check_all_right(predictions)


def test_answers_of_several_providers_are_said(server, tmp_path):
    server.replies = [lambda request: reply(request) | {"provider": "Novita" if len(server.requests) == 1 else "Other"}]
    predictions, stats = ask(server, tmp_path, batch_size=1)
    check_all_right(predictions)
    (warning,) = stats["warnings"]
    assert warning.endswith(f"5 from {MODEL} Other fp_1, 1 from {MODEL} Novita fp_1")
    assert stats["answered_by"] == [f"{MODEL} Novita fp_1", f"{MODEL} Other fp_1"]


NO_ANSWERS = {
    "error": lambda request: reply(request, "error", content="[{"),
    "abort": lambda request: reply(request, "abort"),
    "empty": lambda request: reply(request, content="", counts=usage(0, 0)),
    "error in 200": lambda request: {"error": {"message": "Provider returned error", "code": 502}},
    "error text": lambda request: {"error": "oops"},
    "no choices": lambda request: reply(request) | {"choices": []},
    "choices null": lambda request: reply(request) | {"choices": None},
    "list": lambda request: [1, 2],
    "page": lambda request: b"<html>It works",
    "half an answer": lambda request: b'{"id": "1", "choi',
    "number": lambda request: reply(request, content=7),
    "image": lambda request: reply(request, content=[{"type": "image_url"}]),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer_is_asked_for_again(server, tmp_path, name):
    server.replies = [NO_ANSWERS[name], NO_ANSWERS[name], reply]
    predictions, stats = ask(server, tmp_path, batch_size=1)
    check_all_right(predictions)
    assert len(server.requests) == 2 + len(WINDOWS)
    assert "warnings" not in stats


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_a_window_that_never_gets_an_answer_is_unanswered_and_all_others_are_right(server, tmp_path, name):
    def script(request):
        return NO_ANSWERS[name](request) if server.requests[0] == request else reply(request)

    server.replies = [script]
    predictions, _ = ask(server, tmp_path, share=0.2, retries=1)
    rows = parsed(predictions)
    (lost,) = [row for row in rows if row["status"] != "ok"]
    assert (lost["status"], lost["lenient_status"], lost["text"]) == ("unanswered", "unanswered", "")
    assert set(lost["labels"]) == {None}
    assert lost["unanswered_reason"]


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_a_shard_without_any_answer_fails_with_the_reason(server, tmp_path, name):
    server.replies = [NO_ANSWERS[name]]
    with pytest.raises(UserError, match=r"windows are unanswered.*: h/s/\d: the "):
        ask(server, tmp_path, share=0.999, retries=0)
    predictions, _ = ask(server, tmp_path, share=1, retries=0)
    assert {row["status"] for row in parsed(predictions)} == {"unanswered"}


@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_a_server_that_loads_is_waited_for(server, tmp_path, status):
    server.replies = [(status, BUSY[1])] * 5 + [reply]
    loading = iter([(status, BUSY[1])] * 5)
    listed = server.models
    server.models = lambda _: next(loading, listed)
    predictions, _ = ask(server, tmp_path, retries=0, wait=60)
    check_all_right(predictions)


def test_waiting_for_a_server_uses_up_no_tries(server, tmp_path):
    server.replies = [BUSY] * 5 + [NO_ANSWERS["abort"], BUSY, NO_ANSWERS["error"], reply]
    predictions, _ = ask(server, tmp_path, retries=2, wait=60, batch_size=1)
    check_all_right(predictions)


def test_waiting_for_a_server_that_loads_ends(server, tmp_path):
    server.replies = [BUSY]
    with pytest.raises(UserError, match=r"still loads its model .*raise engine.server_wait"):
        ask(server, tmp_path, retries=0, wait=0.1)


def test_a_server_that_starts_later_is_waited_for(server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    later = []

    def start():
        later.append(Server(port))
        later[0].replies = [reply]

    server.url = f"http://127.0.0.1:{port}/v1"
    timer = threading.Timer(0.5, start)
    timer.start()
    try:
        predictions, _ = ask(server, tmp_path, retries=0, wait=60)
        check_all_right(predictions)
    finally:
        timer.join()
        later[0].http.shutdown()
        later[0].http.server_close()


def test_a_connection_that_breaks_in_the_middle_of_an_answer(server, tmp_path):
    server.replies = [RESET, RESET, reply]
    predictions, _ = ask(server, tmp_path, batch_size=1)
    check_all_right(predictions)


@pytest.mark.parametrize("after", ["1", lambda: formatdate(time.time() + 2, usegmt=True)])
def test_a_server_that_is_asked_too_often_says_how_long_to_wait(server, tmp_path, after):
    told = after() if callable(after) else after
    server.replies = [(429, {"error": {"message": "slow down"}}, {"Retry-After": told}), reply]
    started = time.monotonic()
    predictions, _ = ask(server, tmp_path, batch_size=1, retries=0, wait=60)
    check_all_right(predictions)
    assert time.monotonic() - started > 0.9
    server.replies = [(429, {"error": {"message": "no credit", "code": "insufficient_quota"}})]
    with pytest.raises(UserError, match="no credit"):
        ask(server, tmp_path / "again", retries=0, wait=60)


def test_a_server_that_cuts_prompts_in_silence_is_said(server, tmp_path):
    server.replies = [lambda request: reply(request, counts=usage(12, 20))]
    predictions, stats = ask(server, tmp_path)
    assert stats["warnings"] == [
        next(text for text in stats["warnings"] if "fewer tokens than they have words" in text)
    ]
    assert {tuple(row["oddities"]) for row in parsed(predictions)} == {("prompt_cut",)}


def test_a_shard_without_one_readable_answer_is_said(server, tmp_path, caplog):
    server.replies = [lambda request: reply(request, content="I cannot tell.")]
    predictions, stats = ask(server, tmp_path)
    assert {row["status"] for row in parsed(predictions)} == {"malformed"}
    assert stats["warnings"] == ["not one of 6 answers could be read (6 malformed); look at some of them"]
    assert stats["warnings"][0] in caplog.text


def test_answers_that_are_mostly_cut_off_are_said(server, tmp_path):
    server.replies = [lambda request: reply(request, "length", content=None, reasoning="Hm, or")]
    predictions, stats = ask(server, tmp_path, reasoning="think")
    assert {row["status"] for row in parsed(predictions)} == {"unclosed_reasoning"}
    assert "6 of 6 answers were cut off at max_new_tokens" in stats["warnings"]


# --- the form of requests


def refuse(message, **error):
    return 400, {"error": {"message": message, "type": "invalid_request_error", **error}}


def without_max_tokens(request):
    if "max_tokens" in request:
        return refuse("Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.")
    return reply(request)


def only_objects(request):
    schema = request["response_format"]["json_schema"]["schema"]
    if schema["type"] != "object":
        return refuse(
            "Invalid schema for response_format 'answer': schema must be of 'type: \"object\"', got \"array\""
        )
    (key,) = schema["properties"]
    size = schema["properties"][key]["minItems"]
    assert schema["properties"][key]["items"]["properties"] == {
        "id": {"type": "integer", "enum": list(range(1, size + 1))},
        "activity": {"type": "string", "enum": LABELS},
    }
    return reply(request, content=lambda asked: json.dumps({key: json.loads(good(asked))}))


def without_false_items(request):
    schema = request["response_format"]["json_schema"]["schema"]
    if schema.get("items") is False:
        return refuse("JSON schema error at #/items: schema must be an object")
    assert schema["maxItems"] == schema["minItems"] == len(schema["prefixItems"])
    return reply(request)


def without_system(request):
    if len(request["messages"]) > 1:
        return refuse("System role not supported")
    assert request["messages"][0]["content"].startswith(SYSTEM)
    return reply(request)


@pytest.mark.parametrize(
    ("script", "constrained", "form"),
    [
        (without_max_tokens, False, "max_completion_tokens instead of max_tokens"),
        (only_objects, True, "the answer's list inside an object"),
        (without_false_items, True, "a schema whose list has a largest length"),
        (without_system, False, "the system's text before the user's, in one turn"),
    ],
)
def test_a_form_that_the_server_refuses_is_changed_and_said(server, tmp_path, caplog, script, constrained, form):
    server.replies = [script]
    decoding = Decoding(**{**GREEDY.__dict__, "constrained": constrained})
    predictions, stats = ask(server, tmp_path, decoding=decoding, interface="openai", batch_size=1)
    check_all_right(predictions)
    assert stats["request_form"] == [form]
    assert form in caplog.text
    assert len(server.requests) == 1 + len(WINDOWS)


def test_the_registry_says_which_fields_to_send(server, tmp_path):
    server.replies = [reply]
    omitted = ["temperature", "top_p", "seed", "chat_template_kwargs"]
    _, stats = ask(server, tmp_path, limit_field="max_completion_tokens", omitted=omitted)
    fields = server.requests[0].keys()
    assert fields == {"model", "messages", "max_completion_tokens", "top_k", "min_p", "repetition_penalty"}
    assert stats["options"] == {"omitted_fields": sorted(omitted)}


@pytest.mark.parametrize(
    ("field", "advice"),
    [
        ("temperature", "leave temperature to the server, add to omitted_fields of the model in the registry"),
        ("seed", "omitted_fields of the model in the registry"),
        ("min_p, top_k", "leave top_k, min_p to the server, .*or set `interface: openai`"),
        ("min_p", "omitted_fields .*or set `interface: openai`"),
        ("chat_template_kwargs", "omitted_fields .*or set `interface: openai`"),
        ("response_format", "set decoding.constrained to false"),
    ],
)
def test_a_field_that_the_server_refuses_is_an_error_with_the_remedy(server, tmp_path, field, advice):
    server.replies = [refuse(f"Unsupported value: '{field}' is not supported with this model.", param=field)]
    with pytest.raises(UserError, match=f"status 400.*{field}.*{advice}"):
        ask(server, tmp_path)


# --- resuming


def test_a_shard_that_ended_in_the_middle_resumes_byte_for_byte(server, tmp_path):
    def script(request):
        return reply(request, content=None, reasoning=good, counts=usage(None, None))

    server.replies = [script]
    whole, stats = ask(server, tmp_path / "whole")
    server.replies = [script, script, script, refuse("enough")]
    with pytest.raises(UserError, match="enough"):
        ask(server, tmp_path / "parts")
    server.replies = [script]
    resumed, resumed_stats = ask(server, tmp_path / "parts")
    assert json.dumps(resumed) == json.dumps(whole)
    assert resumed_stats["warnings"] == stats["warnings"]
    assert (stats["prompt_tokens"], stats["completion_tokens"]) == (None, None)
    assert len(server.requests) < 3 * len(WINDOWS)
