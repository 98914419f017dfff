"""A model's text to one label per event, and a status that says what went wrong.

Strict parsing is the number that stands for the paper's: malformed output and events without a
prediction count as wrong (section 3, step 5). Lenient parsing reads what a patient person could
still read; it is reported beside the strict number and never in its place. No text raises.
"""

import json
import re
from dataclasses import dataclass
from typing import Literal, get_args

Status = Literal["ok", "malformed", "missing_events", "unknown_label", "unclosed_reasoning", "truncated"]
STATUSES: tuple[Status, ...] = get_args(Status)

_OPEN, _CLOSE = "<think>", "</think>"


def _list_pattern(depth: int) -> str:
    """A regular expression of JSON lists that nest at most `depth` deep.

    Nothing in it backtracks and depth is bounded, so that the time to search a text grows with its length only,
    whatever a model repeats; trying json's decoder at every bracket takes quadratic time.
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


# A list, objects in it, and lists and objects in those: an answer nests two deep.
_LIST = re.compile(_list_pattern(4))
_FENCE = re.compile(r"```\w*+$")
_PART = re.compile(
    r"""[{}]|\b(?:event_)?id["']?\s*+:\s*+["']?(?P<number>[0-9]{1,9})(?![0-9])"""
    r"""|\b(?:activity|label)["']?\s*+:\s*+(?P<label>"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """What one completion says: its reasoning, one label (or None) per event, and its status."""

    reasoning: str
    labels: list[str | None]
    status: Status


def parse(text: str, size: int, labels: tuple[str, ...], finish_reason: str) -> Answer:
    """Read a completion strictly.

    The answer is the last complete JSON list after the reasoning. It must hold objects with an integer
    "id" of the window (1..size), each once, and an "activity" spelled exactly as in `labels`.
    An event without an object, or with an unknown label, gets None; a list of any other form
    gives None for every event.
    """
    reasoning, answer = split_reasoning(text)
    unread = [None] * size
    if answer is None:
        return Answer(reasoning, unread, "unclosed_reasoning")
    found = last_list(answer)
    if found is None:
        return Answer(reasoning, unread, "truncated" if finish_reason == "length" else "malformed")
    value, start, _ = found
    if not reasoning:
        reasoning = _FENCE.sub("", answer[:start].strip()).strip()
    given = _by_id(value, size)
    if given is None:
        return Answer(reasoning, unread, "malformed")
    known = set(labels)
    read = [given[number] if given.get(number) in known else None for number in range(1, size + 1)]
    if len(given) < size:
        return Answer(reasoning, read, "missing_events")
    return Answer(reasoning, read, "ok" if None not in read else "unknown_label")


def parse_leniently(text: str, size: int, labels: tuple[str, ...], finish_reason: str) -> Answer:
    """Read a completion as a patient person would.

    Every label that `parse` reads stands. Beyond it, reasoning that never closes is searched too, id and
    label pairs are taken from broken JSON, a bare list of `size` labels counts in order, and labels match
    without regard to case, spaces and underscores.
    """
    strict = parse(text, size, labels, finish_reason)
    if strict.status == "ok":
        return strict
    answer = split_reasoning(text)[1]
    answer = text if answer is None else answer
    given = _pairs(answer)
    found = last_list(answer)
    if not given and found and len(found[0]) == size and all(isinstance(item, str) for item in found[0]):
        given = dict(enumerate(found[0], start=1))
    spelling = {_plain(label): label for label in labels} | {label: label for label in labels}
    read = list(strict.labels)
    for number, label in given.items():
        if 1 <= number <= size and read[number - 1] is None:
            read[number - 1] = spelling.get(label, spelling.get(_plain(label)))
    if None not in read:
        return Answer(strict.reasoning, read, "ok")
    numbers = set(range(1, size + 1))
    if strict.status == "unknown_label" or numbers <= given.keys():
        return Answer(strict.reasoning, read, "unknown_label")
    return Answer(strict.reasoning, read, strict.status if numbers.isdisjoint(given) else "missing_events")


def label_spans(text: str, size: int) -> list[tuple[int, int] | None]:
    """Where in a completion the label of each event is, closing quote included, as start and end; None without one.

    It is the answer that `parse` reads; whether a label is one of the home's is not asked.
    """
    answer = split_reasoning(text)[1]
    found = last_list(answer) if answer is not None else None
    given = _by_id(found[0], size) if found else None
    if given is None:
        return [None] * size
    first = len(text) - len(answer) + found[1]
    listed = text[first : first + found[2] - found[1]]
    places = _literals(listed)
    return [
        (first + places[number][0] + 1, first + places[number][1])
        if number in places and _unquoted(listed[slice(*places[number])]) == given.get(number)
        else None
        for number in range(1, size + 1)
    ]


def split_reasoning(text: str) -> tuple[str, str | None]:
    """(reasoning, answer); the answer is None when reasoning was opened and never closed.

    Some templates put the opening tag into the prompt, so only the closing one is required.
    """
    before, closed, after = text.rpartition(_CLOSE)
    if closed:
        return before.replace(_OPEN, "", 1).strip(), after
    if _OPEN in text:
        return text.partition(_OPEN)[2].strip(), None
    return "", text


def last_list(text: str) -> tuple[list, int, int] | None:
    """The last complete JSON list in a text, where it starts and ends; lists inside a list do not count."""
    lists = list(_LIST.finditer(text))
    if not lists:
        return None
    try:
        return json.loads(lists[-1][0]), *lists[-1].span()
    except ValueError:  # Python refuses integers of thousands of digits.
        return None


def _pairs(text: str) -> dict[int, str]:
    """Labels by event id from whatever looks like an id beside an activity."""
    return {number: _unquoted(text[start:end]) for number, (start, end) in _literals(text).items()}


def _literals(text: str) -> dict[int, tuple[int, int]]:
    """Where the quoted label of each event id is, as start and end; a brace ends what belongs together."""
    places, number, place = {}, None, None
    for part in _PART.finditer(text):
        if part["number"]:
            number = int(part["number"])
        elif part["label"]:
            place = part.span("label")
        else:
            number, place = None, None
        if number is not None and place is not None:
            places[number] = place
            number, place = None, None
    return places


def _unquoted(literal: str) -> str:
    try:
        return json.loads(literal)
    except ValueError:
        return literal[1:-1].replace("\\'", "'")


def _by_id(value: list, size: int) -> dict[int, object] | None:
    """Labels by event id, or None when the list is not of the asked form."""
    given = {}
    for item in value:
        number = item.get("id") if isinstance(item, dict) else None
        if type(number) is not int or not 1 <= number <= size or number in given:
            return None
        label = item.get("activity")
        given[number] = label if isinstance(label, str) else None
    return given


def _plain(label: str) -> str:
    return re.sub(r"[\s_]+", " ", label).strip().casefold()
