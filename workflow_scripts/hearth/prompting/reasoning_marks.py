"""Find the reasoning in a completion by the marks around it: those of a chat template, and those that models use."""

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple


class ReasoningMarks(NamedTuple):
    """The texts that open and close reasoning."""

    opening: str
    closing: str


# The marks in predictions, whatever a model's own are.
THINK = ReasoningMarks("<think>", "</think>")

KNOWN_MARKS = (
    THINK,
    ReasoningMarks("[THINK]", "[/THINK]"),
    ReasoningMarks("<thinking>", "</thinking>"),
    ReasoningMarks("<thought>", "</thought>"),
    ReasoningMarks("<reasoning>", "</reasoning>"),
    ReasoningMarks("<seed:think>", "</seed:think>"),
    ReasoningMarks("◁think▷", "◁/think▷"),
    ReasoningMarks("<|START_THINKING|>", "<|END_THINKING|>"),
    ReasoningMarks("<|begin_of_thought|>", "<|end_of_thought|>"),
    ReasoningMarks("<|inner_prefix|>", "<|inner_suffix|>"),
    ReasoningMarks("<|channel>thought", "<channel|>"),
    ReasoningMarks("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)

# The channels of harmony, the format of gpt-oss. Servers that drop special tokens leave the channels' names alone.
_HARMONY_OPENING = r"<\|channel\|>(?:analysis|commentary)[^<\n]{0,80}<\|message\|>|\A(?-i:analysis(?=[A-Z]))"
_HARMONY_CLOSING = (
    r"(?:<\|end\|>\s{0,2})?(?:<\|start\|>assistant)?"
    r"<\|channel\|>final\b[^<\n]{0,80}(?:<\|constrain\|>\w{0,20})?<\|message\|>"
    r"|assistantfinal"
)


def split_reasoning(text: str, marks: Sequence[ReasoningMarks] = KNOWN_MARKS) -> tuple[str, str, bool]:
    """Split a completion into (reasoning, answer, closed); `closed` is false for a text that ends inside reasoning.

    The answer follows the last closing mark, which needs no opening one: the prompt may have opened the reasoning. It
    ends where reasoning opens again. If nothing but blanks follows the last reasoning that is closed, and reasoning
    opens again, the text ends inside it. The case of marks does not matter. Takes time proportional to the text.
    """
    found = list(_pattern(tuple(marks)).finditer(text))
    closing = next((mark for mark in reversed(found) if mark.lastgroup == "closing"), None)
    end = closing.end() if closing else 0
    reopening = next((mark for mark in found if mark.lastgroup == "opening" and mark.start() >= end), None)
    if closing is None:
        return (text[reopening.end() :].strip(), "", False) if reopening else ("", text, True)
    opening = next((mark for mark in found if mark.lastgroup == "opening"), None)
    reasoning = text[: closing.start()]
    if opening and opening.start() < closing.start():
        reasoning = text[: opening.start()] + text[opening.end() : closing.start()]
    if reopening is None:
        return reasoning.strip(), text[end:], True
    answer = text[end : reopening.start()]
    if answer.strip():
        return reasoning.strip(), answer, True
    return f"{reasoning.strip()}\n{text[reopening.end() :].strip()}".strip(), "", False


def closing_ends(text: str, marks: Sequence[ReasoningMarks] = KNOWN_MARKS) -> list[int]:
    """Return the positions after all closing marks. The answer begins at the last one, without one at 0."""
    return [mark.end() for mark in _pattern(tuple(marks)).finditer(text) if mark.lastgroup == "closing"]


@functools.cache
def _pattern(marks: tuple[ReasoningMarks, ...]) -> re.Pattern[str]:
    """Return a pattern that finds marks, longest first, in the groups `opening` and `closing`."""
    openings, closings = (
        sorted({re.escape(mark) for mark in kind}, key=len, reverse=True) for kind in zip(*marks, strict=True)
    )
    if marks == KNOWN_MARKS:
        openings, closings = [_HARMONY_OPENING, *openings], [_HARMONY_CLOSING, *closings]
    return re.compile(f"(?P<closing>{'|'.join(closings)})|(?P<opening>{'|'.join(openings)})", re.IGNORECASE)
