"""A model's text to one label per event, and a status that says what went wrong.

Strict parsing is the number that stands for the paper's: malformed output and events without a
prediction count as wrong (section 3, step 5). Lenient parsing reads what a patient person could
still read; it is reported beside the strict number and never in its place. No text raises.
"""

import json
import re
from dataclasses import dataclass

STATUSES = ("ok", "malformed", "missing_events", "unknown_label", "unclosed_reasoning", "truncated")

_OPEN, _CLOSE = "<think>", "</think>"
_PAIR = re.compile(
    r"""["']?(?:event_)?id["']?\s*:\s*["']?(\d{1,9})["']?\s*,\s*(?:[^{}]*?,\s*)?"""
    r"""["']?(?:activity|label)["']?\s*:\s*["']((?:[^"'\\]|\\.)*)["']""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """What one completion says: its reasoning, one label (or None) per event, and its status."""

    reasoning: str
    labels: list[str | None]
    status: str


def parse(text: str, size: int, labels: tuple[str, ...], finish_reason: str) -> Answer:
    """Read a completion strictly.

    The answer is the last complete JSON list after the reasoning. It must hold objects with an integer
    "id" of the window (1..size), each once, and an "activity" spelled exactly as in `labels`.
    An event without an object, or with an unknown label, gets None; a list of any other form
    gives None for every event.
    """
    reasoning, answer = _split_reasoning(text)
    unread = [None] * size
    if answer is None:
        return Answer(reasoning, unread, "unclosed_reasoning")
    found = _last_json_list(answer)
    if found is None:
        return Answer(reasoning, unread, "truncated" if finish_reason == "length" else "malformed")
    value, start = found
    if not reasoning:
        reasoning = answer[:start].strip()
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

    Beyond `parse`: reasoning that never closes is searched too, id and label pairs are taken from
    broken JSON, a bare list of `size` labels counts in order, and labels match without regard to case,
    spaces and underscores.
    """
    strict = parse(text, size, labels, finish_reason)
    if strict.status == "ok":
        return strict
    answer = _split_reasoning(text)[1]
    answer = text if answer is None else answer
    spelling = {_plain(label): label for label in labels}
    given = {int(number): label for number, label in _PAIR.findall(answer)}
    found = _last_json_list(answer)
    if not given and found and len(found[0]) == size and all(isinstance(item, str) for item in found[0]):
        given = dict(enumerate(found[0], start=1))
    read = [spelling.get(_plain(given.get(number, ""))) for number in range(1, size + 1)]
    if not any(number in given for number in range(1, size + 1)):
        return Answer(strict.reasoning, read, strict.status)
    if any(number not in given for number in range(1, size + 1)):
        return Answer(strict.reasoning, read, "missing_events")
    return Answer(strict.reasoning, read, "ok" if None not in read else "unknown_label")


def _split_reasoning(text: str) -> tuple[str, str | None]:
    """(reasoning, answer); the answer is None when reasoning was opened and never closed.

    Some templates put the opening tag into the prompt, so only the closing one is required.
    """
    before, closed, after = text.rpartition(_CLOSE)
    if closed:
        return before.replace(_OPEN, "", 1).strip(), after
    if _OPEN in text:
        return text.partition(_OPEN)[2].strip(), None
    return "", text


def _last_json_list(text: str) -> tuple[list, int] | None:
    """The last complete JSON list in a text and where it starts; lists inside a list do not count."""
    decoder = json.JSONDecoder()
    found, position = None, text.find("[")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = position + 1
        else:
            found = value, position
        position = text.find("[", end)
    return found


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
