"""Read what a server with OpenAI's chat API answered: text, finish reason and token counts, of checked types.

Servers agree on little beside the field names. docs/engines.md lists the conventions that are read here, and what
becomes of each. An answer that the model did not write raises `NoAnswerError`; what is odd about an answer that it did
write is in `oddities`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from hearth.engines.chat_request import SCHEMA_KEY

# An answer that the server put into its field of reasoning; a prompt that has fewer tokens than words; no usable counts
# of tokens; no known finish reason; a model of another name; several answers to one request; a refusal in the field for
# it; no text, although tokens are counted.
Oddity = Literal[
    "answer_in_reasoning", "prompt_cut", "no_token_counts", "no_finish_reason", "other_model", "several_answers",
    "refusal", "no_text",
]  # fmt: skip
ODDITIES: tuple[Oddity, ...] = get_args(Oddity)

_NAMES = ("model", "provider", "system_fingerprint")
_REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
# Keys of the parts of a message that hold text, or parts again.
_TEXT_KEYS = ("text", "value", "content", "refusal")
_REASONING_KEYS = ("thinking", "reasoning", "summary", "text", "content")
_REASONING_TYPES = re.compile(r"think|reason", re.IGNORECASE)
_COMPLETE = {"stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token", "end", "complete", "completed"}
_CUT_OFF = {"length", "max_tokens", "max_output_tokens", "max_completion_tokens", "model_length", "limit", "truncated"}
_FAILED = re.compile(r"error|abort|cancel|fail|timeout|interrupt|insufficient|overload|malformed")
_WITHHELD = re.compile(r"filter|safety|recitation|refus|blocklist|prohibited|sensitive|spii|moderation")
_TOO_LONG = re.compile(
    r"context[ _]?(length|size|window)|max_model_len|(prompt|input)( is)? too (long|large)"
    r"|too many (input|prompt) tokens|inputs?`? tokens \+|(input|prompt)s?`? (length|size|tokens?)\b.{0,60}exceed"
    r"|must have (less|fewer) than \d+ tokens|maximum (input|prompt) (length|size)",
    re.IGNORECASE,
)
_RATE = re.compile(r"\bper[ -](second|minute|min|hour|day)\b|rate[ _]?limit|quota", re.IGNORECASE)
_FILTERED = re.compile(r"content[ _](filter|policy|management policy)|responsible ?ai", re.IGNORECASE)
_LOADING = re.compile(
    r"\bloading\b.{0,60}\bmodel|\bmodel\b.{0,80}\b(loading|being loaded|not (yet )?ready|not loaded yet)"
    r"|warming up|still (loading|starting)",
    re.IGNORECASE | re.DOTALL,
)
_LOADING_FAILED = re.compile(r"\b(fail|cannot|could not|unable)|error (while )?loading", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+|\d+")
_MAX_QUOTE = 200  # characters of a server's own words in a reason


class NoAnswerError(Exception):
    """The server sent something that the model did not write. Asking again may help."""


class RefusedPromptError(NoAnswerError):
    """The server does not let the model answer this prompt. Asking again does not help."""


class PromptTooLongError(RefusedPromptError):
    """The prompt does not fit the model's context."""


class LoadingError(Exception):
    """The server is there and still loads its model."""


@dataclass(frozen=True)
class ChatAnswer:
    """An answer of the model. Reasoning that the server returns apart from it is before it in `text`, in tags.

    Counts of tokens are None where the server does not say them. `answered_by` is the model's name, with the
    provider behind the server and the server's fingerprint where it says them; "" if it says none of them.
    """

    text: str
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None
    cached_tokens: int
    answered_by: str
    unknown_reason: str
    oddities: tuple[Oddity, ...]


def read_answer(content: bytes, model: str, thinking: bool, max_tokens: int) -> ChatAnswer:
    """Return the answer in the body of a response with status 200.

    `model` was asked, `thinking` says whether it was asked to reason, and `max_tokens` is the limit of its answer.
    Raises LoadingError or NoAnswerError if the body has no answer of the model.
    """
    body = read_body(content)
    try:
        return _read_completion(body, model, thinking, max_tokens)
    except RecursionError:
        raise NoAnswerError("the server's answer is nested too deeply") from None


def _read_completion(body: dict[str, Any], model: str, thinking: bool, max_tokens: int) -> ChatAnswer:
    """Return the answer in the body of a response, see `read_answer`."""
    if error := body.get("error"):
        raise_for_message(error)
        raise NoAnswerError(f"the server answered with an error: {_quote(error)}")
    choices = body.get("choices")
    choices = choices if isinstance(choices, list) else []
    choice = _first(choices)
    if choice is None:
        raise_for_message(body)
        raise NoAnswerError(f"the server's answer is no chat completion with a choice: {_quote(body)}")
    reason = choice.get("finish_reason")
    named = reason.strip().lower() if isinstance(reason, str) else ""
    _check_finished(choice, named)
    answer, reasoning = _read_message(choice)
    prompt_tokens, completion_tokens, usage = _read_usage(body)
    if not answer.strip() and not reasoning.strip():
        _check_written(choice.get("message"), completion_tokens)
    is_known = named in _COMPLETE | _CUT_OFF
    length = named in _CUT_OFF or (not is_known and (completion_tokens or 0) >= max_tokens)
    text, is_field_the_answer = _compose(reasoning, answer, thinking, length)
    names = [value if isinstance(value := body.get(key), str) else "" for key in _NAMES]
    odd: dict[Oddity, bool] = {
        "answer_in_reasoning": is_field_the_answer,
        "no_token_counts": not (prompt_tokens and completion_tokens),
        "no_finish_reason": not is_known,
        "other_model": bool(names[0]) and not _same_model(names[0], model),
        "several_answers": len(choices) > 1,
        "refusal": bool(answer) and answer == _read_refusal(choice),
        "no_text": not text.strip(),
    }
    return ChatAnswer(
        text=_without_halves(text),
        finish_reason="length" if length else "stop",
        prompt_tokens=prompt_tokens or None,  # neither a prompt nor an answer has no token
        completion_tokens=completion_tokens or None,
        reasoning_tokens=_count(usage, "completion_tokens_details", "reasoning_tokens"),
        cached_tokens=_count(usage, "prompt_tokens_details", "cached_tokens") or 0,
        answered_by=" ".join(filter(None, names)),
        unknown_reason="" if is_known else repr(reason),
        oddities=tuple(name for name, is_odd in odd.items() if is_odd),
    )


def read_body(content: bytes) -> dict[str, Any]:
    """Return the JSON object that a server sent. Raises LoadingError, or NoAnswerError if it is none."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        quoted = _quote(content[:_MAX_QUOTE].decode(errors="replace"))
        raise_for_message(quoted)
        raise NoAnswerError(f"the server's answer is no JSON; is base_url right? {quoted}") from None
    if not isinstance(body, dict):
        raise NoAnswerError(f"the server's answer is no JSON object; is base_url right? {_quote(body)}")
    return body


def raise_for_message(message: object, details: str = "") -> None:
    """Raise the error that a server's message, with the `details` around it, stands for, if it is a known one."""
    text = f"{message} {details}"
    if _TOO_LONG.search(text) and not _RATE.search(text):
        raise PromptTooLongError(f"the server refuses the prompt: {_quote(message)}")
    if _FILTERED.search(text):
        raise RefusedPromptError(f"the server's filter refuses the prompt: {_quote(message)}")
    if _LOADING.search(text) and not _LOADING_FAILED.search(text):
        raise LoadingError(_quote(message))


def fewer_tokens_than_words(prompt: str, tokens: int) -> bool:
    """Whether `prompt` has more words and numbers than `tokens`: a usual tokenizer joins no words."""
    return tokens < sum(1 for _ in _WORD.finditer(prompt))


def unwrap(text: str) -> str:
    """Return an answer without the object around its list, which only the schema asked for; reasoning stays."""
    head, tag, tail = text.rpartition("</think>")
    match = re.fullmatch(rf'\s*\{{\s*"{SCHEMA_KEY}"\s*:\s*(\[.*\])\s*\}}\s*', tail, re.DOTALL)
    return head + tag + match[1] if match else text


def _first(choices: list[object]) -> dict[str, Any] | None:
    """Return the choice with the lowest index, of choices without one the first; None if there is no choice."""
    known = [choice for choice in choices if isinstance(choice, dict)]
    return min(known, key=lambda choice: index if type(index := choice.get("index")) is int else 0, default=None)


def _check_finished(choice: dict[str, Any], reason: str) -> None:
    """Raise NoAnswerError if the server says that it, and not the model, ended this answer."""
    if error := choice.get("error"):
        raise_for_message(error)
        raise NoAnswerError(f"the server answered with an error: {_quote(error)}")
    if _WITHHELD.search(reason):
        raise RefusedPromptError(f"the server withheld the answer (finish_reason {reason!r})")
    if _FAILED.search(reason):
        raise NoAnswerError(f"the server broke off the answer (finish_reason {reason!r})")


def _check_written(message: object, completion_tokens: int | None) -> None:
    """Raise NoAnswerError for a message without text, unless the server counts tokens that the model wrote."""
    if isinstance(message, dict) and (message.get("tool_calls") or message.get("function_call")):
        raise NoAnswerError(
            "the server turned the answer into a call of a tool; start it without its parser of tool calls"
        )
    if not completion_tokens:
        raise NoAnswerError("the server's answer is empty, and by its count the model wrote nothing")


def _read_message(choice: dict[str, Any]) -> tuple[str, str]:
    """Return a pair: the answer and the reasoning in a choice. Raises NoAnswerError if they are no text."""
    message = choice.get("message")
    if message is None and isinstance(choice.get("text"), str):  # the older API for completions
        message = {"content": choice["text"]}
    if not isinstance(message, dict):
        raise NoAnswerError(f"the server's answer has no message: {_quote(choice)}")
    answer, thought = _read_content(message.get("content"))
    answer = answer or _read_refusal(choice)
    for field in _REASONING_FIELDS:
        if not thought:
            thought = _read_reasoning(message.get(field))
    return answer, thought


def _read_refusal(choice: dict[str, Any]) -> str:
    """Return the model's words in the field for refusals; "" without one."""
    message = choice.get("message")
    refusal = message.get("refusal") if isinstance(message, dict) else None
    return refusal if isinstance(refusal, str) else ""


def _read_content(content: object) -> tuple[str, str]:
    """Return a pair: the text and the reasoning of a message's content: a text, a part, or a list of parts."""
    match content:
        case None:
            return "", ""
        case str():
            return content, ""
        case list():
            pairs = [_read_content(part) for part in content]
            return "".join(answer for answer, _ in pairs), "".join(thought for _, thought in pairs)
        case {"type": str(kind)} if _REASONING_TYPES.search(kind):
            return "", _read_reasoning(content)
        case dict():
            for key in _TEXT_KEYS:
                if isinstance(content.get(key), (str, list, dict)):
                    return _read_content(content[key])
    raise NoAnswerError(f"the content of the server's answer is no text: {_quote(content)}")


def _read_reasoning(value: object) -> str:
    """Return the text of a field of reasoning: a text, a part, or a list of parts; "" for anything else."""
    match value:
        case str():
            return value
        case list():
            return "".join(map(_read_reasoning, value))
        case dict():
            return next(filter(None, (_read_reasoning(value.get(key)) for key in _REASONING_KEYS)), "")
    return ""


def _compose(reasoning: str, answer: str, thinking: bool, length: bool) -> tuple[str, bool]:
    """Return a pair: the model's text, with the reasoning before the answer; whether the field of reasoning is it.

    Without an answer, reasoning that was not asked for is the answer, unless it was cut off: then it is a thought.
    """
    if not reasoning.strip():
        return answer, False
    if length and not answer.strip():
        return f"<think>{reasoning}", False
    if thinking or answer.strip():
        return f"<think>{reasoning}</think>{answer}", False
    return reasoning, True


def _without_halves(text: str) -> str:
    """Return a text that can be encoded: JSON may hold halves of surrogate pairs, which become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _read_usage(body: dict[str, Any]) -> tuple[int | None, int | None, dict[str, Any]]:
    """Return (prompt tokens, completion tokens, usage); None for a count that is missing or no whole number from 0."""
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"), usage


def _count(usage: dict[str, Any], *path: str) -> int | None:
    value: object = usage
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _same_model(name: str, asked: str) -> bool:
    """Whether a server may call the model that was asked so: names lack or have a path, a date or a suffix."""
    short, wanted = (text.lower().rstrip("/").rpartition("/")[2] for text in (name, asked))
    return short.startswith(wanted) or wanted.startswith(short)


def _quote(value: object) -> str:
    text = value.get("message") if isinstance(value, dict) and isinstance(value.get("message"), str) else value
    return " ".join(str(text).split())[:_MAX_QUOTE]
