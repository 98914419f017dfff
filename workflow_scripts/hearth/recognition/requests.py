"""Turn windows into requests to an engine, and the engine's completions into records of predictions."""

import math
from collections.abc import Sequence

from hearth.data.windows import Window, WindowInput
from hearth.engines.protocol import Completion, Decoding, Engine, ReasoningBlock, Request
from hearth.prompting.parsing import label_spans
from hearth.prompting.predictions import CompletionRecord
from hearth.prompting.prompts import Prompt, answer_schema, reasoning_tags, split_prompt, user_turns

# The tags around reasoning in the completions of a served model, whose server applies the chat template.
_SERVER_TAGS = ("<think>", "</think>")


def make_requests(
    prompt: Prompt, windows: Sequence[WindowInput], dataset: Sequence[Window], engine: Engine, decoding: Decoding
) -> tuple[str, list[Request]]:
    """Return a pair: the static prefix, and a request for every window in the order of `windows`.

    `dataset` has the windows of the dataset's train split, if the prompt shows some of them. Raises ValueError if
    prompt and decoding are incompatible, and for a window that occurs twice.
    """
    if decoding.constrained and prompt["reasoning"] == "inline":
        raise ValueError(
            "decoding: constrained needs reasoning `think` or `none`: no tag marks the end of inline reasoning"
        )
    block = None
    if prompt["reasoning"] == "think":
        block = ReasoningBlock(*(reasoning_tags(engine.tokenizer) if engine.tokenizer else _SERVER_TAGS))
    turns = user_turns(prompt, windows, dataset)
    prefixes: set[str] = set()
    requests: dict[str, Request] = {}
    for window in windows:
        key = window["window_id"]
        prefix, suffix = prompt["system"], turns[key]
        if engine.tokenizer:
            prefix, suffix = split_prompt(engine.tokenizer, prefix, suffix, prompt["reasoning"])
        if key in requests:
            raise ValueError(f"window {key} occurs twice")
        schema = answer_schema(prompt["labels"], len(window["events"])) if decoding.constrained else None
        prefixes.add(prefix)
        requests[key] = Request(key, suffix, schema, block)
    (prefix,) = prefixes
    return prefix, list(requests.values())


def make_record(completion: Completion, size: int, decoding: Decoding) -> CompletionRecord:
    """Return the record of a completion for a window of `size` events, with the keys that the decoding asks for."""
    record: CompletionRecord = {
        "text": completion.text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "seed": decoding.seed,
    }
    if completion.finish_reason == "unanswered":
        record["unanswered_reason"] = completion.unanswered_reason
    if decoding.reasoning_budget is not None:
        record["reasoning_forced"] = completion.reasoning_forced
    if decoding.confidence != "none":
        record["confidences"] = _confidences(completion, size)
    return record


def _confidences(completion: Completion, size: int) -> list[float | None]:
    """Return for each event the probability of its label's tokens and closing quote, given all text before them.

    The probability is None for an event without a label.
    """
    scored = completion.scored_tokens or ()
    starts = [0, *(token.end for token in scored)]
    tokens = [(start, token.end, token.log_probability) for start, token in zip(starts, scored, strict=False)]
    return [
        span and round(math.exp(sum(value for start, end, value in tokens if start < span[1] and span[0] < end)), 6)
        for span in label_spans(completion.text, size)
    ]
