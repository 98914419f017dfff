"""Parse a model's text into one label per event, and a status that says what went wrong.

Scores by strict parsing correspond to the paper's: malformed output and events without a prediction count as wrong
(section 3, step 5). Lenient parsing also reads what a patient person could still read. Scores by lenient parsing are
reported beside the strict ones and never replace them. No text raises an error.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from hearth.prompting.answer_forms import read_answer
from hearth.prompting.answer_labels import Labels
from hearth.prompting.reasoning_marks import closing_ends, split_reasoning

# The last one is of windows that no model has answered: nothing of it is the model's doing.
Status = Literal["ok", "malformed", "missing_events", "unknown_label", "unclosed_reasoning", "truncated", "unanswered"]
STATUSES: tuple[Status, ...] = get_args(Status)


def _list_pattern(depth: int) -> str:
    """Return a regular expression for JSON lists nested at most `depth` deep.

    It never backtracks, and its depth is bounded, so searching a text takes time proportional to its length, whatever
    a model repeats. Trying json's decoder at every bracket would take quadratic time.
    """
    blank = r"[ \t\n\r]*+"
    string = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
    scalar = rf"{string}|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+|true|false|null"
    value, pattern = rf"(?>{scalar})", ""
    for _ in range(depth):
        pattern = rf"\[{blank}(?:{value}{blank}(?:,{blank}(?!\])|(?=\])))*+\]"
        entries = rf"\{{{blank}(?:{string}{blank}:{blank}{value}{blank}(?:,{blank}(?!\}})|(?=\}})))*+\}}"
        value = rf"(?>{scalar}|{pattern}|{entries})"
    return pattern


# An answer is nested two deep: a list of objects. Four levels leave room for lists and objects inside those.
_LIST = re.compile(_list_pattern(4))
_ENDS_IN_BRACKET = re.compile(r"[\]}]\s*+(?:```\s*+)?\Z")
_FENCE = re.compile(r"```\w*+$")
_PART = re.compile(
    r"""[{}]|\b(?:event_)?id["']?\s*+:\s*+["']?(?P<number>[0-9]{1,9})(?![0-9])"""
    r"""|\b(?:activity|label)["']?\s*+:\s*+(?P<label>"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """A parsed completion: its reasoning, one label (or None) per event, and its status."""

    reasoning: str
    labels: list[str | None]
    status: Status


def parse(text: str, size: int, labels: Collection[str], finish_reason: str) -> Answer:
    """Parse a completion strictly.

    `size` is the number of the window's events, `labels` are the labels of the home. The answer is the last complete
    JSON list after the reasoning. Each element must be an object with an integer "id", from 1 to `size`, that no other
    element has; otherwise every event gets None. The label of an event is the "activity" of the object with its id,
    spelled exactly as in `labels`. An event without an object, or with an unknown label, gets None.
    """
    no_labels: list[str | None] = [None] * size
    if finish_reason == "unanswered":
        return Answer("", no_labels, "unanswered")
    reasoning, answer, closed = split_reasoning(text)
    if not closed:
        return Answer(reasoning, no_labels, "unclosed_reasoning")
    match = last_list(answer)
    if match is None:
        return Answer(reasoning, no_labels, "truncated" if finish_reason == "length" else "malformed")
    value, start, _ = match
    if not reasoning:
        reasoning = _FENCE.sub("", answer[:start].strip()).strip()
    by_id = _labels_by_id(value, size)
    if by_id is None:
        return Answer(reasoning, no_labels, "malformed")
    known = set(labels)
    parsed = [label if (label := by_id.get(number)) in known else None for number in range(1, size + 1)]
    if len(by_id) < size:
        return Answer(reasoning, parsed, "missing_events")
    return Answer(reasoning, parsed, "ok" if None not in parsed else "unknown_label")


def parse_leniently(
    text: str, size: int, labels: Collection[str], finish_reason: str, aliases: Mapping[str, str] | None = None
) -> Answer:
    """Parse a completion as a patient person would; the first arguments are those of `parse`.

    Labels from strict parsing are kept. For events without one, this function reads every form of answer that
    `hearth.prompting.answer_forms` lists. In reasoning that never closes it reads an answer only if the text ends with
    it, and not at the limit of tokens: anything else is a draft. Case, width, blanks and punctuation of labels are
    ignored (`normalise_label`). `aliases` maps other spellings to labels of the home.
    """
    strict = parse(text, size, labels, finish_reason)
    if strict.status in ("ok", "unanswered"):
        return strict
    by_id = _read_leniently(text, size, Labels(labels, aliases or {}), cut=finish_reason == "length")
    parsed = [by_id.get(number) if label is None else label for number, label in enumerate(strict.labels, start=1)]
    if None not in parsed:
        return Answer(strict.reasoning, parsed, "ok")
    if strict.status == "unknown_label" or len(by_id) == size:
        return Answer(strict.reasoning, parsed, "unknown_label")
    return Answer(strict.reasoning, parsed, "missing_events" if by_id else strict.status)


def _read_leniently(text: str, size: int, labels: Labels, cut: bool) -> dict[int, str | None]:
    """Return a dict from event number to label, of the answer that follows the reasoning of `text`."""
    reasoning, answer, closed = split_reasoning(text)
    if not closed:  # A draft inside a thought is no answer; a list that ends the text is one.
        return read_answer(reasoning, size, labels, lines=False) if not cut and _ENDS_IN_BRACKET.search(text) else {}
    by_id = read_answer(answer, size, labels, cut=cut)
    if not by_id and len(ends := closing_ends(text)) > 1:
        by_id = read_answer(text[ends[0] :], size, labels, cut=cut)  # The answer itself mentions the closing mark.
    return by_id


def label_spans(text: str, size: int) -> list[tuple[int, int] | None]:
    """Return for each event the position (start, end) of its label in the completion `text`; None without a label.

    A position includes the closing quote. The labels are those of the answer that `parse` reads, whether or not the
    home has them.
    """
    match = last_list(split_reasoning(text)[1])
    by_id = _labels_by_id(match[0], size) if match else None
    if match is None or by_id is None:
        return [None] * size
    offset = max(closing_ends(text), default=0) + match[1]
    listed = text[offset : offset + match[2] - match[1]]
    literals = _find_literals(listed)
    return [
        (offset + literals[number][0] + 1, offset + literals[number][1])
        if number in literals and _unquote(listed[slice(*literals[number])]) == by_id.get(number)
        else None
        for number in range(1, size + 1)
    ]


def last_list(text: str) -> tuple[list[Any], int, int] | None:
    """Return the last complete JSON list in `text` and the positions of its start and end; None without a list.

    Lists inside a list do not count.
    """
    lists = list(_LIST.finditer(text))
    if not lists:
        return None
    try:
        return json.loads(lists[-1][0]), *lists[-1].span()
    except ValueError:  # Python refuses integers of thousands of digits.
        return None


def _find_literals(text: str) -> dict[int, tuple[int, int]]:
    """Return a dict from event id to the position (start, end) of the quoted label beside it in `text`.

    A brace separates the pair of one event from that of the next.
    """
    literals: dict[int, tuple[int, int]] = {}
    number: int | None = None
    span: tuple[int, int] | None = None
    for part in _PART.finditer(text):
        if part["number"]:
            number = int(part["number"])
        elif part["label"]:
            span = part.span("label")
        else:
            number, span = None, None
        if number is not None and span is not None:
            literals[number] = span
            number, span = None, None
    return literals


def _unquote(literal: str) -> str:
    try:
        return json.loads(literal)
    except ValueError:
        return literal[1:-1].replace("\\'", "'")


def _labels_by_id(value: list[Any], size: int) -> dict[int, str | None] | None:
    """Return a dict from event id to label; None unless every item of `value` is an object with its own id, 1..size."""
    labels: dict[int, str | None] = {}
    for item in value:
        number = item.get("id") if isinstance(item, dict) else None
        if type(number) is not int or not 1 <= number <= size or number in labels:
            return None
        label = item.get("activity")
        labels[number] = label if isinstance(label, str) else None
    return labels
