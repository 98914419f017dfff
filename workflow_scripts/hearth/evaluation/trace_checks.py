"""Check traces automatically, without their gold labels. A trace that fails a check is flagged.

A failed check is a hint, not a verdict: reasoning is free text, and may name a room to say that nobody is there.
`audit.py` measures how much less accurate the flagged traces are. Whatever the text of a trace, no check raises.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from hearth.data.windows import Window
from hearth.evaluation.trace_vocabulary import NameKind, Vocabulary, normalise, whole_word
from hearth.prompting.loops import LOOP_RATIO, TAIL_BYTES, ends_in_loop
from hearth.prompting.parsing import last_list
from hearth.prompting.predictions import ParsedPrediction
from hearth.prompting.prompts import Prompt
from hearth.prompting.reasoning_marks import split_reasoning

# A trace is flagged if more than this share of its letters are of scripts that neither prompt nor window uses.
FOREIGN_SHARE = 0.01
# Limits of the evidence kept for each failed check: number of findings, and characters of each.
MAX_FINDINGS, MAX_CHARACTERS = 5, 100

_ASCII_LETTER = re.compile("[A-Za-z]")
_TIME = re.compile(r"(?<![\d:.])(\d{1,2}:\d\d:\d\d)(?![\d:])")
_ORDER = re.compile(
    r"\bevent #?(?P<first>\d{1,3}) (?:(?:is|was|happens|happened|comes|came|occurs|occurred) )?(?:(?:just|right) )?"
    r"(?P<order>before|after) event #?(?P<second>\d{1,3})\b(?![^.!?\n]{0,200}\?)"
)


@dataclass(frozen=True)
class Trace:
    """A parsed prediction together with its window, its rendered prompt and the vocabulary of its home."""

    vocabulary: Vocabulary
    prompt: Prompt
    window: Window
    prediction: ParsedPrediction

    @property
    def reasoning(self) -> str:
        """The text before the answer."""
        return self.prediction["reasoning"]

    @property
    def labels(self) -> dict[int, str]:
        """The normalised labels that were parsed, by event number."""
        labels = enumerate(self.prediction["labels"], start=1)
        return {event: normalise(label) for event, label in labels if label is not None}

    @cached_property
    def answer(self) -> tuple[list[Any], str]:
        """The JSON list of the answer and the text after it; ([], "") without a list."""
        answer = split_reasoning(self.prediction["text"])[1]
        match = last_list(answer)
        return (match[0], answer[match[2] :]) if match else ([], "")

    @cached_property
    def mentions(self) -> dict[NameKind, set[str]]:
        """The normalised names that the reasoning mentions, by kind."""
        return self.vocabulary.mentions(self.reasoning)

    def mentions_outside_window(self, kind: NameKind) -> list[str]:
        """Return the names of a kind that the reasoning mentions and no event description contains."""
        descriptions = normalise("\n".join(event["description"] for event in self.window["events"]))
        return [name for name in self.mentions[kind] if not whole_word(name).search(descriptions)]


def _answer_incomplete(trace: Trace) -> list[str]:
    status = trace.prediction["status"]
    return [] if status in ("ok", "unknown_label") else [status]


def _label_unknown(trace: Trace) -> list[str]:
    labels = [item.get("activity") for item in trace.answer[0] if isinstance(item, dict)]
    return [label for label in labels if isinstance(label, str) and label not in trace.vocabulary.labels]


def _label_not_in_reasoning(trace: Trace) -> list[str]:
    if not trace.reasoning:
        return []
    return list(set(trace.labels.values()) - trace.mentions["label"])


def _label_contradicts_reasoning(trace: Trace) -> list[str]:
    labels = trace.labels
    stated = trace.vocabulary.event_labels(trace.reasoning)
    return [
        f"event {event}: {label}, answered {labels[event]}"
        for event, label in stated.items()
        if event in labels and label != labels[event]
    ]


def _sensor_not_in_window(trace: Trace) -> list[str]:
    return trace.mentions_outside_window("sensor")


def _room_not_in_window(trace: Trace) -> list[str]:
    return trace.mentions_outside_window("room")


def _time_not_in_window(trace: Trace) -> list[str]:
    times = {event["time"] for event in trace.window["events"]}
    return [time for time in _TIME.findall(trace.reasoning) if time.zfill(8) not in times]


def _order_reversed(trace: Trace) -> list[str]:
    times = {event["id"]: event["time"] for event in trace.window["events"]}
    reversed_statements = []
    for match in _ORDER.finditer(normalise(trace.reasoning)):
        first, second = int(match["first"]), int(match["second"])
        earlier, later = (first, second) if match["order"] == "before" else (second, first)
        # Events are numbered in time order; events of the same second may be stated in either order.
        if earlier > later and {earlier, later} <= times.keys() and times[earlier] != times[later]:
            reversed_statements.append(match[0])
    return reversed_statements


def _text_after_answer(trace: Trace) -> list[str]:
    # The closing ``` of a code block does not count as text.
    after = trace.answer[1].strip().removeprefix("```").strip()
    return [after] if after else []


def _foreign_script(trace: Trace) -> list[str]:
    text, descriptions = trace.prediction["text"], "".join(event["description"] for event in trace.window["events"])
    foreign = _scripts(text) - _scripts(trace.prompt["system"]) - _scripts(descriptions)
    if not foreign:
        return []
    letters = Counter(map(_script, filter(str.isalpha, text)))
    return list(foreign) if sum(letters[script] for script in foreign) > FOREIGN_SHARE * letters.total() else []


def _scripts(text: str) -> set[str]:
    """Return the scripts of a text's letters."""
    if text.isascii():
        return {"LATIN"} if _ASCII_LETTER.search(text) else set()
    return {_script(letter) for letter in set(text) if letter.isalpha()}


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """Return the first word of a letter's Unicode name, which is that of its script."""
    return unicodedata.name(letter, "?").split()[0]


def _reasoning_empty(trace: Trace) -> list[str]:
    return ["no reasoning"] if trace.prompt["reasoning"] != "none" and not trace.reasoning.strip() else []


def _repetitive(trace: Trace) -> list[str]:
    return ["the end repeats itself"] if ends_in_loop(trace.prediction["text"]) else []


def _truncated(trace: Trace) -> list[str]:
    return ["cut off at the token limit"] if trace.prediction["finish_reason"] == "length" else []


def _reasoning_unclosed(trace: Trace) -> list[str]:
    return ["never closed"] if trace.prediction["status"] == "unclosed_reasoning" else []


@dataclass(frozen=True)
class Check:
    """A check of a trace: what a failure means, and a function that returns the findings (none: passed)."""

    meaning: str
    find: Callable[[Trace], list[str]]


CHECKS = {
    "answer_incomplete": Check("the answer does not label every event", _answer_incomplete),
    "label_unknown": Check("the answer has a label that is not in the home's label list", _label_unknown),
    "label_not_in_reasoning": Check(
        "the answer has a label that the reasoning does not mention", _label_not_in_reasoning
    ),
    "label_contradicts_reasoning": Check(
        "the reasoning gives an event another label than the answer", _label_contradicts_reasoning
    ),
    "sensor_not_in_window": Check(
        "the reasoning mentions a sensor of the home that is not in the window", _sensor_not_in_window
    ),
    "room_not_in_window": Check(
        "the reasoning mentions a room of the home that is not in the window", _room_not_in_window
    ),
    "time_not_in_window": Check(
        "the reasoning mentions a time (HH:mm:ss) at which no event of the window happened", _time_not_in_window
    ),
    "order_reversed": Check("the reasoning states two events in reverse order", _order_reversed),
    "text_after_answer": Check("text follows the answer", _text_after_answer),
    "foreign_script": Check(
        f"more than {100 * FOREIGN_SHARE:g} % of the letters are of a script that neither prompt nor window uses",
        _foreign_script,
    ),
    "reasoning_empty": Check("the prompt asks for reasoning and there is none", _reasoning_empty),
    "repetitive": Check(
        f"the text ends in a loop: its last {TAIL_BYTES} bytes compress to less than {100 * LOOP_RATIO:g} %",
        _repetitive,
    ),
    "truncated": Check("the text was cut off at the token limit", _truncated),
    "reasoning_unclosed": Check("the reasoning is never closed", _reasoning_unclosed),
}


def failed_checks(trace: Trace) -> dict[str, list[str]]:
    """Return a dict from each check that a trace fails to its findings.

    Findings are sorted, limited to `MAX_FINDINGS`, and shortened.
    """
    findings_by_check = {name: sorted(set(check.find(trace)))[:MAX_FINDINGS] for name, check in CHECKS.items()}
    return {name: list(map(_shortened, findings)) for name, findings in findings_by_check.items() if findings}


def _shortened(text: str) -> str:
    """Return the first `MAX_CHARACTERS` of a text, each lone surrogate replaced by a question mark.

    A JSON answer can contain lone surrogates as escapes; they cannot be written as UTF-8.
    """
    return text[:MAX_CHARACTERS].encode(errors="replace").decode()
