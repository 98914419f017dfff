"""Check how a server's answer is read, by the conventions of servers in docs/engines.md."""

import json
import math

import pytest
from hearth.engines.chat_answer import (
    ODDITIES,
    LoadingError,
    NoAnswerError,
    PromptTooLongError,
    RefusedPromptError,
    fewer_tokens_than_words,
    read_answer,
    unwrap,
)
from hearth.prompting.oddities import ODDITY_TEXTS
from hypothesis import given
from hypothesis import strategies as st

MODEL = "example/little"
GOOD = '[{"id": 1, "activity": "A"}]'
USAGE = {"prompt_tokens": 11, "completion_tokens": 7}


def body(content=GOOD, finish_reason="stop", usage=USAGE, model=MODEL, **message):
    choice = {
        "index": 0,
        "finish_reason": finish_reason,
        "message": {"role": "assistant", "content": content} | message,
    }
    return {"id": "1", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}


def read(document, thinking=False, max_tokens=40):
    return read_answer(json.dumps(document).encode(), MODEL, thinking, max_tokens)


THOUGHT = f"<think>Hm.</think>{GOOD}"


@pytest.mark.parametrize(
    "document",
    [
        body(reasoning_content="Hm."),
        body(reasoning="Hm."),
        body(thinking="Hm."),
        body(reasoning_details=[{"type": "reasoning.text", "text": "Hm."}]),
        body(reasoning={"content": "Hm."}),
        body(THOUGHT),
        body([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": GOOD}]),
        body([{"type": "reasoning", "summary": ["H", "m."]}, {"type": "output_text", "text": GOOD, "annotations": []}]),
        body([{"type": "thinking", "thinking": "Hm."}, GOOD]),
    ],
)
def test_reasoning_is_read_wherever_a_server_puts_it(document):
    answer = read(document, thinking=True)
    assert (answer.text, answer.finish_reason, answer.oddities) == (THOUGHT, "stop", ())
    assert read(document) == answer


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
@pytest.mark.parametrize("content", [None, "", "\n\n", []])
def test_without_a_thought_the_field_of_reasoning_is_the_answer(field, content):
    answer = read(body(content, **{field: GOOD}))
    assert (answer.text, answer.oddities) == (GOOD, ("answer_in_reasoning",))


def test_a_thought_that_was_cut_off_is_no_answer_although_none_was_asked_for():
    answer = read(body(None, "length", reasoning=f"Perhaps {GOOD}, or"))
    assert answer.text == f"<think>Perhaps {GOOD}, or"
    assert answer.finish_reason == "length"
    assert read(body(None, "stop", reasoning="Hm."), thinking=True).text == "<think>Hm.</think>"


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": GOOD}],
        [{"type": "output_text", "text": GOOD}],
        [{"type": "text", "text": {"value": GOOD, "annotations": []}}],
        [GOOD[:4], GOOD[4:]],
        [[{"type": "text", "text": GOOD[:4]}], [{"text": GOOD[4:]}]],
        {"type": "text", "text": GOOD},
        {"type": "message", "content": [{"type": "output_text", "text": GOOD}]},
    ],
)
def test_content_may_be_in_parts(content):
    assert read(body(content)).text == GOOD


def test_half_a_character_is_replaced():
    assert read(body(f"\ud83d {GOOD} \ud83c\udfe0")).text == f"\ufffd {GOOD} 🏠"


def test_a_refusal_is_the_models_text_and_the_older_api_has_no_message():
    refused = read(body(None, refusal="I cannot."))
    assert (refused.text, refused.oddities) == ("I cannot.", ("refusal",))
    assert read(body(GOOD, refusal=None)).oddities == read(body(GOOD, refusal="")).oddities == ()
    older = body() | {"choices": [{"text": GOOD, "finish_reason": "stop"}]}
    assert read(older).text == GOOD


@pytest.mark.parametrize("reason", ["stop", "STOP", "eos", "eos_token", "end_turn", "stop_sequence"])
def test_an_answer_that_is_complete(reason):
    answer = read(body(finish_reason=reason))
    assert (answer.finish_reason, answer.oddities, answer.unknown_reason) == ("stop", (), "")


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "model_length"])
def test_an_answer_that_was_cut_off(reason):
    assert read(body("[{", reason)).finish_reason == "length"


@pytest.mark.parametrize("reason", [None, "", "whatever", 3, ["stop"], "tool_calls"])
def test_an_unknown_finish_reason_is_said_and_the_length_decides(reason):
    answer = read(body(finish_reason=reason))
    assert (answer.text, answer.finish_reason, answer.oddities) == (GOOD, "stop", ("no_finish_reason",))
    assert answer.unknown_reason == repr(reason)
    assert read(body("[{", reason), max_tokens=7).finish_reason == "length"
    missing = body()
    del missing["choices"][0]["finish_reason"]
    assert read(missing).oddities == ("no_finish_reason",)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (body('[{"id', "error"), "broke off the answer .*'error'"),
        (body("[", "abort"), "'abort'"),
        (body(GOOD, "cancelled"), "'cancelled'"),
        (body("", "insufficient_system_resource"), "insufficient_system_resource"),
        (body("", usage={"prompt_tokens": 0, "completion_tokens": 0}), "wrote nothing"),
        (body(None, usage=None), "wrote nothing"),
        (body(" \n", usage={}), "wrote nothing"),
        (body(None, "tool_calls", usage={}, tool_calls=[{"function": {}}]), "call of a tool"),
        (body("", "stop", tool_calls=[{"function": {"arguments": GOOD}}]), "call of a tool"),
        (body(None, "function_call", function_call={"arguments": GOOD}), "call of a tool"),
        ({"error": {"message": "Provider returned error", "code": 502}}, "error: Provider returned error"),
        ({"error": "oops"}, "error: oops"),
        (body() | {"error": {"message": "cut"}}, "error: cut"),
        (body() | {"choices": []}, "no chat completion with a choice"),
        (body() | {"choices": None}, "no chat completion with a choice"),
        (body() | {"choices": "rubbish " * 999}, "no chat completion with a choice"),
        (body() | {"choices": [None]}, "no chat completion with a choice"),
        (body() | {"choices": {"0": 1}}, "no chat completion with a choice"),
        ({}, "no chat completion with a choice"),
        ([1, 2], "no JSON object"),
        ("text", "no JSON object"),
        (body() | {"choices": [{"finish_reason": "stop"}]}, "no message"),
        (body() | {"choices": [{"finish_reason": "stop", "message": "text"}]}, "no message"),
        (body(7), "content .* is no text"),
        (body(True), "content .* is no text"),
        (body([{"type": "image_url", "image_url": "x"}]), "content .* is no text"),
        (body({"id": 1}), "content .* is no text"),
    ],
)
def test_what_the_model_did_not_write_is_no_answer(document, said):
    with pytest.raises(NoAnswerError, match=said) as failure:
        read(document)
    assert not isinstance(failure.value, RefusedPromptError)
    assert len(str(failure.value)) < 400


def nested(depth):
    parts = GOOD
    for _ in range(depth):
        parts = [parts]
    return parts


def test_parts_may_be_nested_but_not_without_an_end():
    assert read(body(nested(20))).text == GOOD
    for depth in (300, 900, 90_000):
        content = json.dumps(body("PARTS")).replace('"PARTS"', "[" * depth + "1" + "]" * depth)
        with pytest.raises(NoAnswerError):
            read_answer(content.encode(), MODEL, False, 40)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", GOOD, "stop", "error", "text"]),
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "thinking", "message", "error", "prompt_tokens", "model"]), each
        )
    ),
    max_leaves=8,
)


@given(
    choice=st.dictionaries(st.sampled_from(["message", "finish_reason", "text", "error"]), JSON_VALUES),
    message=st.dictionaries(st.sampled_from(["content", "reasoning", "refusal", "tool_calls"]), JSON_VALUES),
    usage=JSON_VALUES,
    thinking=st.booleans(),
)
def test_any_answer_has_text_and_whole_numbers_or_is_none(choice, message, usage, thinking):
    for choices in ([choice], [{"finish_reason": "stop", **choice, "message": message}]):
        try:
            answer = read({"choices": choices, "usage": usage, "model": usage}, thinking)
        except (NoAnswerError, LoadingError):
            continue
        assert type(answer.text) is str
        assert {type(answer.prompt_tokens), type(answer.completion_tokens)} <= {int, type(None)}
        assert answer.finish_reason in ("stop", "length")
        json.dumps(answer.text).encode()


def test_an_error_on_the_choice_is_no_answer():
    failed = body("")
    failed["choices"][0]["error"] = {"code": 502, "message": "Provider returned error"}
    with pytest.raises(NoAnswerError, match="Provider returned error"):
        read(failed)


@pytest.mark.parametrize("indices", [(0, 1), (1, 0), (None, None), ("1", "0")])
def test_of_several_choices_the_one_with_the_lowest_index_counts_and_that_is_said(indices):
    several = body(GOOD)
    choice = several["choices"][0]
    other = choice | {"message": {"role": "assistant", "content": "[]"}}
    first = indices == (1, 0)
    several["choices"] = [
        (other if first else choice) | {"index": indices[0]},
        (choice if first else other) | {"index": indices[1]},
    ]
    answer = read(several)
    assert (answer.text, answer.oddities) == (GOOD, ("several_answers",))


@pytest.mark.parametrize("content", [b"", b"<html>It works", b'{"choices": [{"mess', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_no_answer(content):
    with pytest.raises(NoAnswerError, match="no JSON; is base_url right"):
        read_answer(content, MODEL, False, 40)


@pytest.mark.parametrize("reason", ["content_filter", "SAFETY", "refusal", "RECITATION"])
def test_a_withheld_answer_is_not_asked_for_again(reason):
    with pytest.raises(RefusedPromptError, match="withheld"):
        read(body("[", reason))


def test_a_prompt_that_does_not_fit_is_told_from_other_errors_in_an_answer():
    with pytest.raises(PromptTooLongError, match="maximum context length"):
        read({"error": {"message": "This model's maximum context length is 2048 tokens."}})


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
        {"error": "Model example/little is currently loading", "estimated_time": 20},
        {"status": "loading model"},
        {"detail": "The model is not ready"},
        {"message": "warming up"},
    ],
)
def test_a_server_that_loads_is_recognised(document):
    with pytest.raises(LoadingError):
        read(document)


def test_a_server_that_could_not_load_is_not_waited_for():
    with pytest.raises(NoAnswerError, match="Failed"):
        read({"error": {"message": "Failed: error while loading the model"}})


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (USAGE, (11, 7)),
        ({"prompt_tokens": "11", "completion_tokens": 7.0}, (11, 7)),
        ({"prompt_tokens": 11}, (11, None)),
        ({"prompt_tokens": -1, "completion_tokens": True}, (None, None)),
        ({"prompt_tokens": 1.5, "completion_tokens": "many"}, (None, None)),
        ({"prompt_tokens": math.nan, "completion_tokens": [7]}, (None, None)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, (None, None)),
        ({"prompt_tokens": 2**40, "completion_tokens": "9" * 12}, (None, None)),
        (None, (None, None)),
        ("none", (None, None)),
        ([], (None, None)),
    ],
)
def test_counts_of_tokens_are_whole_numbers_or_unknown(usage, counts):
    answer = read(body(usage=usage))
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens) == (GOOD, *counts)
    assert answer.oddities == (("no_token_counts",) if None in counts else ())
    without = body()
    del without["usage"]
    assert read(without).oddities == ("no_token_counts",)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        (MODEL, False),
        ("little", False),
        ("/models/Little-2025-01-01.gguf", False),
        ("", False),
        (None, False),
        (3, False),
        ("large", True),
    ],
)
def test_an_answer_of_another_model_is_said(name, other):
    assert read(body(model=name)).oddities == (("other_model",) if other else ())


def test_a_prompt_has_a_token_for_every_word_and_number():
    prompt = 'Sensors of the kitchen, at 12:30: {"id": 1, "event": "drawer OPEN"}'
    assert fewer_tokens_than_words(prompt, 11)
    assert not fewer_tokens_than_words(prompt, 12)


def test_the_object_that_only_the_schema_asked_for_is_taken_off():
    assert unwrap(f'{{"events": {GOOD}}}') == GOOD
    assert unwrap(f'<think>{{"events": []}}</think>\n{{ "events" : {GOOD} }}\n') == (
        f'<think>{{"events": []}}</think>{GOOD}'
    )
    for text in (GOOD, '{"events": [', "I cannot.", f'{{"other": {GOOD}}}'):
        assert unwrap(text) == text


@pytest.mark.parametrize("content", ["", " \n", None, []])
def test_an_answer_without_text_for_which_tokens_are_counted_is_said(content):
    answer = read(body(content))
    assert (answer.text.strip(), answer.oddities) == ("", ("no_text",))


def test_every_oddity_has_words():
    assert ODDITY_TEXTS.keys() == {*ODDITIES, "reasoning_though_off"}
