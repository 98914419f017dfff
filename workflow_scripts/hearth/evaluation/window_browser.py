"""The window browser of a run: a page that shows sampled windows with the answers of several recognisers side by side.

Windows and answers are untrusted text. The template escapes all of it, and the page's content security policy allows
only the one script of this project, by its digest, so no text of a home or a model can become a script.
"""

import base64
import hashlib
import heapq
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from hearth.data.gold_labels import map_to_gold
from hearth.data.windows import Window, iterate_windows
from hearth.evaluation.notes import dataset_name, name_stand_ins
from hearth.prompting.predictions import ParsedPrediction, iterate_parsed_predictions

# Windows of one home among which the sample is drawn; a limit, so that memory does not grow with the dataset.
CANDIDATES = 4000
# Largest size of the page in bytes. Texts of models are cut until it fits.
MAX_BYTES = 5_000_000
_LONGEST_TEXT = 24_000  # characters of an answer that are shown if the page has room


@dataclass(frozen=True)
class Answers:
    """A recogniser on a home: its role ("teacher"), its name, and the files of its parsed predictions."""

    role: str
    recogniser: str
    paths: Sequence[Path]


@dataclass(frozen=True)
class BrowsedWindow:
    """A sampled window: the answers of each recogniser in the order of their roles, and what the sample is drawn by."""

    window: Window
    answers: list[tuple[Answers, ParsedPrediction]]
    agreement: str

    @property
    def statuses(self) -> list[str]:
        """The distinct statuses of the answers."""
        return sorted({prediction["status"] for _, prediction in self.answers})

    @property
    def stratum(self) -> tuple[str, str]:
        """The agreement, and the first status that is not ok."""
        bad = (prediction["status"] for _, prediction in self.answers if prediction["status"] != "ok")
        return self.agreement, next(bad, "ok")

    @property
    def differ(self) -> bool:
        """Whether the answers differ in a label."""
        return any(prediction["labels"] != self.answers[0][1]["labels"] for _, prediction in self.answers)


def sample_windows(homes: Mapping[str, tuple[Path, Sequence[Answers]]], number: int, seed: int) -> list[BrowsedWindow]:
    """Draw at most `number` windows that all recognisers of their home have answered.

    `homes` maps each dataset to its windows.jsonl and its recognisers. Homes take turns, and in each its strata: equal
    agreement and status. The order within a stratum depends on the seed and the windows' ids only. Raises ValueError
    for a home without a window that all its recognisers have answered.
    """
    queues = [_strata(_browse(windows, answers, seed), seed) for windows, answers in homes.values()]
    turns = [window for turn in zip_longest(*queues) for window in turn if window]
    return turns[:number]


def _browse(windows: Path, recognisers: Sequence[Answers], seed: int) -> list[BrowsedWindow]:
    """Return the candidates of one home: the windows whose ids come first in the order of the seed."""
    first, *others = recognisers
    ids = (row["window_id"] for path in first.paths for row in iterate_parsed_predictions(path))
    chosen = set(heapq.nsmallest(CANDIDATES, ids, key=lambda name: _rank(seed, name)))
    predictions: dict[str, dict[str, ParsedPrediction]] = defaultdict(dict)
    for one in (first, *others):
        for path in one.paths:
            for row in iterate_parsed_predictions(path):
                if row["window_id"] in chosen:
                    predictions[row["window_id"]][one.role] = row
    found = []
    for window in iterate_windows(windows):
        of_window = predictions.get(window["window_id"], {})
        if len(of_window) == len(recognisers):
            answers = [(one, of_window[one.role]) for one in recognisers]
            found.append(BrowsedWindow(window, answers, _agreement(window, answers)))
    if not found:
        raise ValueError(f"{windows}: no window that {', '.join(one.recogniser for one in recognisers)} all answered")
    return found


def _strata(windows: Iterable[BrowsedWindow], seed: int) -> list[BrowsedWindow]:
    """Return the windows of one home in the order of the sample: one of each stratum after the other."""
    strata: dict[tuple[str, str], list[BrowsedWindow]] = defaultdict(list)
    for one in sorted(windows, key=lambda one: _rank(seed, one.window["window_id"])):
        strata[one.stratum].append(one)
    ordered = [strata[key] for key in sorted(strata)]
    return [one for turn in zip_longest(*ordered) for one in turn if one]


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def _agreement(window: Window, answers: Sequence[tuple[Answers, ParsedPrediction]]) -> str:
    """Return in words which of the first two recognisers is right more often, or that all are always right."""
    right = [sum(_right(window, prediction)) for _, prediction in answers]
    if min(right) == len(window["gold"]):
        return "all labels right"
    if len(right) == 1:
        return "some labels wrong"
    first, second = (one.role for one, _ in answers[:2])
    if right[0] == right[1]:
        return f"{first} and {second} equally often right"
    return (
        f"{first} right more often than {second}" if right[0] > right[1] else f"{second} right more often than {first}"
    )


def _right(window: Window, prediction: ParsedPrediction) -> list[bool]:
    labels = map_to_gold(window, prediction["labels"])
    return [label == gold for label, gold in zip(labels, window["gold"], strict=True)]


def render_browser(
    windows: Sequence[BrowsedWindow],
    simulated: Sequence[str],
    tiny: Sequence[str],
    seed: int,
    template: str,
    script: str,
) -> str:
    """Return the page as HTML, of at most `MAX_BYTES` bytes.

    `simulated` and `tiny` name the simulated datasets and the tiny models of the run. `template` is the text of the
    Jinja template, `script` that of the page's script. Raises ValueError if the page is too large even without the
    texts of the models.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(template)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    shown = {
        "homes": {name: dataset_name(name, simulated) for name in _distinct(one.window["dataset"] for one in windows)},
        "labels": sorted({label for one in windows for label in _labels(one)}),
        "statuses": _distinct(status for one in windows for status in one.statuses),
        "agreements": sorted({one.agreement for one in windows}),
    }
    limit = _LONGEST_TEXT
    while True:
        text = page.render(
            **shown,
            windows=[_view(one, limit) for one in windows],
            warnings=name_stand_ins(simulated, tiny),
            seed=seed,
            script=Markup(script),  # noqa: S704 - a file of this project
            script_digest=digest,
        )
        if len(text.encode()) <= MAX_BYTES:
            return text
        if not limit:
            raise ValueError(f"the page of {len(windows)} windows has more than {MAX_BYTES} bytes; show fewer windows")
        limit //= 2


def _view(one: BrowsedWindow, limit: int) -> dict[str, object]:
    """Return what the template shows of a window; texts of models are cut to `limit` characters."""
    window = one.window
    marks = [_right(window, prediction) for _, prediction in one.answers]
    return {
        "id": window["window_id"],
        "dataset": window["dataset"],
        "agreement": one.agreement,
        "differ": one.differ,
        "facts": json.dumps(
            {
                "home": window["dataset"],
                "agreement": one.agreement,
                "statuses": one.statuses,
                "labels": _labels(one),
                "differ": one.differ,
            }
        ),
        "recognisers": [
            {
                "role": recogniser.role,
                "name": recogniser.recogniser,
                "status": prediction["status"],
                "right": sum(right),
                "reasoning": _cut(prediction["reasoning"], limit),
                "text": _cut(prediction["text"], limit),
            }
            for (recogniser, prediction), right in zip(one.answers, marks, strict=True)
        ],
        "events": [
            {
                "id": event["id"],
                "time": event["time"],
                "description": event["description"],
                "residents": ", ".join(window["residents"][position]),
                "gold": " or ".join(window.get("gold_any", [[gold] for gold in window["gold"]])[position]),
                "answers": [
                    (prediction["labels"][position], right[position])
                    for (_, prediction), right in zip(one.answers, marks, strict=True)
                ],
            }
            for position, (event, gold) in enumerate(zip(window["events"], window["gold"], strict=True))
        ],
    }


def _labels(one: BrowsedWindow) -> list[str]:
    """Return the labels of a window, right or predicted, each once."""
    predicted = (label for _, prediction in one.answers for label in prediction["labels"] if label is not None)
    return _distinct([*one.window["gold"], *predicted])


def _cut(text: str, limit: int) -> str:
    left_out = len(text) - limit
    return text if left_out <= 0 else f"{text[:limit]}\n[{left_out} more characters are in the predictions' file]"


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
