"""Compare the formats of an exported student (adapter, merged model, GGUF file) on the same windows, event by event."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict, TypeVar

from hearth.data.windows import Window
from hearth.prompting.parsing import Status, parse
from hearth.prompting.predictions import Prediction

_Item = TypeVar("_Item")


class FormatParity(TypedDict):
    """The answers of one format and, for all formats but the adapter, their agreement with the adapter's answers.

    `status` maps each status to its number of windows. `agreement` is the share of events that both formats give the
    same label or both leave without a label. `same_text` is the number of windows with exactly the adapter's text.
    `prompts`, present only for GGUF files, says how llama.cpp was given its prompts: as "text" or as "token ids".
    """

    status: dict[str, int]
    agreement: NotRequired[float]
    same_text: NotRequired[int]
    prompts: NotRequired[str]


class Parity(TypedDict):
    """The document parity.json, as `check_export.py` writes it; `gguf` is absent if the export has no GGUF file."""

    student: str
    dataset: str
    windows: int
    events: int
    decoding: dict[str, float]
    adapter: FormatParity
    merged: FormatParity
    gguf: NotRequired[FormatParity]


@dataclass(frozen=True)
class ParsedAnswer:
    """The text of one prediction and its labels and status (strict parsing)."""

    text: str
    labels: list[str | None]
    status: Status


def sample_evenly(windows: Sequence[_Item], count: int) -> list[_Item]:
    """Return at most `count` of the windows, evenly spaced, in their order."""
    if count >= len(windows):
        return list(windows)
    return [windows[position * len(windows) // count] for position in range(count)]


def parse_answers(
    windows: Sequence[Window], predictions: Sequence[Prediction], labels: Sequence[str]
) -> list[ParsedAnswer]:
    """Parse the prediction of each window strictly; `labels` is the home's label list."""
    answers = []
    for window, prediction in zip(windows, predictions, strict=True):
        parsed = parse(prediction["text"], len(window["events"]), tuple(labels), prediction["finish_reason"])
        answers.append(ParsedAnswer(prediction["text"], parsed.labels, parsed.status))
    return answers


def compare_formats(answers_by_format: Mapping[str, Sequence[ParsedAnswer]]) -> dict[str, FormatParity]:
    """Return a dict from format to its parity. The first format, the adapter, is the reference for the others."""
    reference = next(iter(answers_by_format.values()))
    parities: dict[str, FormatParity] = {}
    for name, answers in answers_by_format.items():
        parities[name] = {"status": dict(Counter(answer.status for answer in answers))}
        if answers is reference:
            continue
        pairs = list(zip(answers, reference, strict=True))
        equal = [
            label == expected
            for answer, other in pairs
            for label, expected in zip(answer.labels, other.labels, strict=True)
        ]
        parities[name]["agreement"] = round(sum(equal) / len(equal), 4)
        parities[name]["same_text"] = sum(answer.text == other.text for answer, other in pairs)
    return parities
