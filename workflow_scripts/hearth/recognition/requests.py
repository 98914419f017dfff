"""Turn windows into requests to an engine, and the engine's completions into records of predictions."""

import logging
import math
from collections.abc import Sequence

from hearth.data.windows import Window, WindowInput
from hearth.engines.protocol import Completion, Decoding, Engine, ReasoningBlock, Request
from hearth.prompting.chat_templates import ChatPrompt, chat_prompt
from hearth.prompting.parsing import label_spans
from hearth.prompting.predictions import CompletionRecord
from hearth.prompting.prompts import Prompt, answer_schema, user_turns
from hearth.prompting.reasoning_marks import THINK, ReasoningMarks, split_reasoning

log = logging.getLogger(__name__)

# The reasoning of a served model; its server's chat template is not known.
_SERVER_BLOCK = ReasoningBlock(*THINK)


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
    # A server applies the chat template itself.
    parts = ChatPrompt(prompt["system"], "", THINK if prompt["reasoning"] == "think" else None)
    if engine.tokenizer:
        parts = chat_prompt(engine.tokenizer, prompt)
        for change in parts.changes:
            log.info("chat template: %s", change)
    block = ReasoningBlock(*parts.marks) if parts.marks else None
    turns = user_turns(prompt, windows, dataset)
    requests: dict[str, Request] = {}
    for window in windows:
        key = window["window_id"]
        if key in requests:
            raise ValueError(f"window {key} occurs twice")
        schema = answer_schema(prompt["labels"], len(window["events"])) if decoding.constrained else None
        requests[key] = Request(key, turns[key] + parts.after, schema, block)
    return parts.prefix, list(requests.values())


def make_record(completion: Completion, request: Request, size: int, decoding: Decoding) -> CompletionRecord:
    """Return the record of a request's completion for a window of `size` events, with the keys of the decoding."""
    text = _with_think_tags(completion, request)
    record: CompletionRecord = {
        "text": text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "seed": decoding.seed,
    }
    if completion.finish_reason == "unanswered":
        record["unanswered_reason"] = completion.unanswered_reason
    oddities = set(completion.oddities)
    if request.reasoning_block is None and split_reasoning(text)[0]:
        oddities.add("reasoning_though_off")
    if oddities:
        record["oddities"] = sorted(oddities)
    if completion.answered_by:
        record["answered_by"] = completion.answered_by
    if decoding.reasoning_budget is not None:
        record["reasoning_forced"] = completion.reasoning_forced
    if decoding.confidence != "none":
        record["confidences"] = _confidences(completion, text, size)
    return record


def _with_think_tags(completion: Completion, request: Request) -> str:
    """Return the completion's text with its reasoning in <think> tags, whatever the marks of the model.

    Reasoning that the prompt has opened begins with the tag, too: without it, a text that was cut off in the reasoning
    could not be told from an answer. A server does not show its prompts: there, a text without any marks that was cut
    off is taken for reasoning.
    """
    text, block = completion.text, request.reasoning_block
    if block is None or completion.finish_reason == "unanswered":
        return text
    marks = ReasoningMarks(block.opening.strip(), block.closing.strip())
    unmarked = split_reasoning(text)[:2] == ("", text)
    hidden = block == _SERVER_BLOCK and completion.finish_reason == "length" and unmarked
    if hidden or request.suffix.rstrip().endswith(marks.opening):
        text = block.opening + text
    if marks == THINK or not any(mark in text for mark in marks):
        return text
    reasoning, answer, closed = split_reasoning(text, [marks])
    return f"{THINK.opening}{reasoning}{THINK.closing}{answer}" if closed else f"{THINK.opening}{reasoning}"


def _confidences(completion: Completion, text: str, size: int) -> list[float | None]:
    """Return for each event the probability of its label's tokens and closing quote, given all text before them.

    The probability is None for an event without a label. `text` is that of the record, which ends as the completion's.
    """
    scored, added = completion.scored_tokens or (), len(text) - len(completion.text)
    starts = [0, *(token.end for token in scored)]
    tokens = [
        (start + added, token.end + added, token.log_probability) for start, token in zip(starts, scored, strict=False)
    ]
    return [
        span and round(math.exp(sum(value for start, end, value in tokens if start < span[1] and span[0] < end)), 6)
        for span in label_spans(text, size)
    ]
