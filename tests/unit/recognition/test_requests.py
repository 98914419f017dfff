"""Recognise windows with tiny models that have the chat templates of many families, from the prompt to the labels."""

from dataclasses import replace

import pytest
from chat_families import TEMPLATES, make_family
from echo_engine import PROMPT, WINDOWS
from hearth.engines.protocol import Completion, Decoding, ReasoningBlock, Request, ScoredToken
from hearth.engines.tokens import decode
from hearth.engines.transformers import TransformersEngine
from hearth.models.tokens import encode, turn_end_token
from hearth.prompting.parsing import parse
from hearth.recognition.requests import make_record, make_requests
from hearth.recognition.shards import recognise_shard

SHARD = WINDOWS[:3]
GREEDY = Decoding.greedy(40)
WITHOUT_REASONING = ("parts-only", "qwen2.5", "llama3", "gemma2", "gemma3", "mistral-7b", "mistral-first")
TURN_ENDS = {
    **dict.fromkeys(
        ("all-at-once", "qwen3", "qwen3-thinking-2507", "qwen2.5", "smollm3", "musing", "parts-only"), "<|im_end|>"
    ),
    **dict.fromkeys(("r1-distil", "r1-distil-early", "deepseek-v3.1"), "<|end_of_sentence|>"),
    **dict.fromkeys(("mistral-7b", "mistral-first", "magistral"), "</s>"),
    **dict.fromkeys(("gemma2", "gemma3"), "<end_of_turn>"),
    "llama3": "<|eot_id|>",
    "gpt-oss": "<|return|>",
}


@pytest.fixture(scope="module", params=TEMPLATES)
def family(request, tmp_path_factory):
    """Return (name, engine) of a tiny model, once for each family."""
    folder = make_family(tmp_path_factory.mktemp("family"), request.param)
    return request.param, TransformersEngine(folder, None, "float32", "cpu", 4)


def modes(name):
    return ("inline", "none") if name in WITHOUT_REASONING else ("think", "inline", "none")


def test_prefix_and_suffix_have_the_tokens_of_the_whole_prompt(family):
    name, engine = family
    for reasoning in modes(name):
        prefix, requests = make_requests(PROMPT | {"reasoning": reasoning}, SHARD, (), engine, GREEDY)
        for request in requests:
            parts = encode(engine.tokenizer, prefix) + encode(engine.tokenizer, request.suffix)
            assert parts == encode(engine.tokenizer, prefix + request.suffix)
            assert decode(engine.tokenizer, parts) == prefix + request.suffix


def test_a_turn_ends_as_in_the_template(family):
    name, engine = family
    assert engine.tokenizer.convert_ids_to_tokens(turn_end_token(engine.tokenizer)) == TURN_ENDS[name]


def test_constrained_answers_are_read_with_and_without_reasoning(family, tmp_path):
    name, engine = family
    for reasoning in set(modes(name)) - {"inline"}:
        budget = 40 if reasoning == "think" else None
        decoding = replace(GREEDY, max_new_tokens=400, constrained=True, reasoning_budget=budget)
        prompt = PROMPT | {"reasoning": reasoning}
        predictions, _ = recognise_shard(SHARD, prompt, engine, decoding, {"model": name}, tmp_path / reasoning)
        for window, prediction in zip(SHARD, predictions, strict=True):
            answer = parse(prediction["text"], len(window["events"]), PROMPT["labels"], prediction["finish_reason"])
            assert answer.status == "ok"
            assert bool(answer.reasoning) == (reasoning == "think")
            assert prediction["text"].startswith("<think>") == (reasoning == "think")


def test_a_text_that_is_cut_in_the_reasoning_has_no_labels(family, tmp_path):
    """The budget is never reached, and the grammar waits for the end of the reasoning, which is opened by force."""
    name, engine = family
    if name in WITHOUT_REASONING:
        return
    decoding = replace(GREEDY, max_new_tokens=12, constrained=True)
    prompt = PROMPT | {"reasoning": "think"}
    predictions, _ = recognise_shard(SHARD, prompt, engine, decoding, {"model": name}, tmp_path)
    for prediction in predictions:
        answer = parse(prediction["text"], 3, PROMPT["labels"], prediction["finish_reason"])
        assert (prediction["finish_reason"], answer.status) == ("length", "unclosed_reasoning")


# Texts of models, and the texts of their predictions

HARMONY = ReasoningBlock("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>")


@pytest.mark.parametrize(
    ("block", "after", "text", "expected"),
    [
        (None, "", "<think>Why.</think>[1]", "<think>Why.</think>[1]"),
        (("<think>\n", "\n</think>\n\n"), "", "<think>\nWhy.\n</think>\n\n[1]", "<think>\nWhy.\n</think>\n\n[1]"),
        (("<think>\n", "\n</think>\n\n"), "<think>\n", "Why.\n</think>\n\n[1]", "<think>\nWhy.\n</think>\n\n[1]"),
        (("<think>\n", "\n</think>\n\n"), "<think>\n", "Maybe [1]", "<think>\nMaybe [1]"),
        (("<think>", "</think>"), "<think>", "", "<think>"),
        (("[THINK]", "[/THINK]"), "", "[THINK]Why.[/THINK][1]", "<think>Why.</think>[1]"),
        (("[THINK]", "[/THINK]"), "", "[THINK]Maybe [1]", "<think>Maybe [1]"),
        (("[THINK]", "[/THINK]"), "", "[1]", "[1]"),
        (("<muse>", "</muse>"), "<muse>", "Maybe [1]", "<think>Maybe [1]"),
        (HARMONY, "", f"{HARMONY.opening}Why.{HARMONY.closing}[1]", "<think>Why.</think>[1]"),
        (HARMONY, "", f"{HARMONY.opening}Maybe [1]", "<think>Maybe [1]"),
    ],
)  # fmt: skip
def test_predictions_have_reasoning_in_think_tags(block, after, text, expected):
    block = block if block is None or isinstance(block, ReasoningBlock) else ReasoningBlock(*block)
    request = Request("a", f"events{after}", reasoning_block=block)
    record = make_record(Completion("a", text, "stop", 1, 1), request, 1, GREEDY)
    assert record["text"] == expected


@pytest.mark.parametrize(
    ("text", "finish_reason", "expected"),
    [
        ("Maybe [1], or", "length", "<think>Maybe [1], or"),
        ("Why.</think>[1", "length", "Why.</think>[1"),
        ("[THINK]Why.[/THINK][1", "length", "[THINK]Why.[/THINK][1"),
        ("<think>Maybe [1]", "length", "<think>Maybe [1]"),
        ("[1]", "stop", "[1]"),
    ],
)
def test_a_cut_text_of_a_server_that_hides_its_prompt_is_reasoning(text, finish_reason, expected):
    request = Request("a", "events", reasoning_block=ReasoningBlock("<think>", "</think>"))
    assert make_record(Completion("a", text, finish_reason, 1, 1), request, 1, GREEDY)["text"] == expected
    plain = Request("a", "events")
    assert make_record(Completion("a", text, finish_reason, 1, 1), plain, 1, GREEDY)["text"] == text


def test_confidences_are_those_of_the_labels_whatever_the_marks():
    answer = '[{"id": 1, "activity": "COOKING"}]'
    start = answer.index("COOKING")
    expected = None
    for block, after, before in ((None, "", ""), (ReasoningBlock("<muse>\n", "</muse>"), "<muse>\n", "Why.</muse>")):
        text = before + answer
        ends = [len(before) + start, len(before) + start + len("COOKING"), len(text)]
        tokens = tuple(ScoredToken(end, value) for end, value in zip(ends, (-9.0, -0.5, -0.25), strict=True))
        completion = Completion("a", text, "stop", 1, 3, scored_tokens=tokens)
        request = Request("a", f"events{after}", reasoning_block=block)
        record = make_record(completion, request, 1, replace(GREEDY, confidence="tokens"))
        expected = expected or record["confidences"]
        assert record["confidences"] == expected == [0.472367]


def test_an_unanswered_window_has_no_text():
    request = Request("a", "events<think>", reasoning_block=ReasoningBlock("<think>", "</think>"))
    assert make_record(Completion.unanswered("a", "too long"), request, 1, GREEDY)["text"] == ""
