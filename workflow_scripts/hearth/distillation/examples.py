"""Build training examples: each is the prompt of a window, then the text to learn for it and an end-of-turn token.

Only the completion counts in the loss. Windows and traces are read one at a time, and token ids are written to files,
which all ranks read. A student may learn from several datasets, each with a prompt of its own.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TypedDict

import numpy as np
from transformers import PreTrainedTokenizerBase

from hearth.common.files import digest, write_json
from hearth.common.records import read_record
from hearth.data.folds import iterate_split, read_split
from hearth.data.windows import Window
from hearth.distillation.balance import Balance, divide, own_limit, replayed_count
from hearth.distillation.candidates import TrainingFiles, iterate_candidates
from hearth.distillation.documents import ExampleCounts, ExamplePart
from hearth.distillation.encoding import Encoder
from hearth.distillation.example_arrays import ExampleArrays, TokenScratch
from hearth.distillation.recipes import (
    Candidate,
    LeaveOutError,
    Recipe,
    Selection,
    Sources,
    Target,
    draw_windows,
    rank_windows,
)
from hearth.distillation.settings import TrainingSettings
from hearth.prompting.prompts import Prompt, shows_similar_windows, user_turns

IGNORED = -100  # the label that cross-entropy skips
DOCUMENT = "examples.json"  # written last: a folder that has it is complete


class TokenLists(TypedDict):
    """One example for the Trainer: token ids and labels, equally long; the labels of prompt tokens are IGNORED.

    `prefix` is the number of the static prefix with which it begins.
    """

    input_ids: list[int]
    labels: list[int]
    prefix: int


class ExamplesDocument(TypedDict):
    """The content of examples.json, beside the token ids of the examples.

    The examples of a part lie together. `prefixes` has the token ids of every static prefix, and `prefix_of` the number
    of that of each part.
    """

    prefixes: list[list[int]]
    prefix_of: list[int]
    parts: list[ExamplePart]


@dataclass(frozen=True)
class Examples:
    """A dataset for the Trainer. `prefixes` are the static prefixes with which examples begin, each stored once.

    `runs` has, for every part of the examples in their order, the number of its prefix and that of its examples.
    """

    prefixes: list[list[int]]
    runs: list[tuple[int, int]]
    items: ExampleArrays
    parts: list[ExamplePart] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> TokenLists:
        item, number = self.items[index], self.prefix_number(index)
        prompt = self.prefixes[number] + item.suffix_ids
        return {
            "input_ids": prompt + item.completion_ids,
            "labels": [IGNORED] * len(prompt) + item.completion_ids,
            "prefix": number,
        }

    def lengths(self) -> np.ndarray:
        """Return the number of tokens of every example, static prefix included (int64)."""
        prefixes = [len(self.prefixes[number]) for number, count in self.runs for _ in range(count)]
        return self.items.lengths() + np.array(prefixes, dtype=np.int64)

    def prefix_number(self, index: int) -> int:
        """Return the number of the prefix with which an example begins."""
        ends = list(accumulate(count for _, count in self.runs))
        return self.runs[bisect_right(ends, range(len(self))[index])][0]

    @property
    def counts(self) -> ExampleCounts:
        """Return the counts of all parts together."""
        counts = [part["counts"] for part in self.parts]
        left_out: Counter[str] = Counter()
        for one in counts:
            for reason, number in one["left_out"].items():
                left_out[reason] += number
        return {
            "traces": sum(one["traces"] for one in counts),
            "used": sum(one["used"] for one in counts),
            "truncated": sum(one["truncated"] for one in counts),
            "left_out": dict(left_out),
        }

    def digest(self) -> str:
        """Return the SHA-256 (hex) of all token ids in order, with the boundary between prompt and completion."""
        if len(self.prefixes) == 1:
            return digest([self.prefixes[0], self.items.digest()])
        return digest([self.prefixes, self.runs, self.items.digest()])


@dataclass(frozen=True)
class Source:
    """The files, prompt and recipe of the examples of one dataset.

    `is_replayed`: whether the traces are those of the student's own base.
    """

    files: TrainingFiles
    prompt: Prompt
    recipe: Recipe
    is_replayed: bool = False


def open_examples(folder: Path) -> Examples:
    """Return the examples that `write_examples` wrote into a folder; token ids are read when they are needed."""
    document = read_record(folder / DOCUMENT, ExamplesDocument)
    runs = [
        (prefix, part["counts"]["used"]) for prefix, part in zip(document["prefix_of"], document["parts"], strict=True)
    ]
    return Examples(document["prefixes"], runs, ExampleArrays.open(folder), document["parts"])


def write_examples(
    folder: Path,
    sources: Sequence[Source],
    tokenizer: PreTrainedTokenizerBase,
    settings: TrainingSettings,
    balance: Balance = "size",
    replay: float = 0,
) -> None:
    """Build the training examples of all sources, each in the order of its windows, and write them into a folder.

    Without traces, every train window counts as a trace. A completion that the teacher finished ends in the student's
    end-of-turn token. A completion that was cut at the token limit does not, so that no student learns to stop in
    mid-sentence. A window that the teacher was never able to answer (finish reason "unanswered") has no trace and is
    left out. No more windows are encoded than the recipe and `max_examples` need.

    `max_examples` holds for all sources together. `balance` divides the examples among them. `replay` is the share of
    all examples that replayed sources give.

    Raises ValueError for traces that are not those of the train windows, for a missing document, for a tokenizer that
    does not decode to the original text, when a source that is not replayed has no example left, and when replayed
    sources have fewer examples than their share.
    """
    folder.mkdir(parents=True, exist_ok=True)
    limit, scratch = settings["max_examples"], TokenScratch(folder)
    parts = [_Part(source, tokenizer, settings, scratch, limit is not None or source.is_replayed) for source in sources]
    own = [part for part in parts if not part.source.is_replayed]
    again = [part for part in parts if part.source.is_replayed]
    counts: list[int] | list[None] = [None] * len(own)
    if limit is not None:
        counts = divide(own_limit(limit, replay), [part.available for part in own], balance)
    for part, count in zip(own, counts, strict=True):
        part.draw(count)
    if empty := [part for part in own if not part.used]:
        # If one has none, balance leaves none of the others either.
        raise ValueError(min(empty, key=lambda part: part.available).nothing_left())
    # Some may have too few examples that are not too long.
    drawn = zip(own, counts, strict=True)
    if balance == "home" and any(count is None or len(part.used) < count for part, count in drawn):
        fewest = min(len(part.used) for part in own)
        for part in own:
            part.cut(fewest)
    if again:
        others = sum(len(part.used) for part in own)
        if not (number := replayed_count(replay, others, limit)):
            raise ValueError(
                f"replay {replay:g} of {others} examples is less than half a trace, so none would be replayed; use a "
                "larger share or more examples"
            )
        for part, count in zip(again, divide(number, [part.available for part in again], balance), strict=True):
            part.draw(count)
        if (drawn_again := sum(len(part.used) for part in again)) < number:
            raise ValueError(_too_few_replayed(replay, number, others, drawn_again, [part.dataset for part in again]))
    prefixes: list[list[int]] = []
    for part in parts:
        if part.prefix_ids not in prefixes:
            prefixes.append(part.prefix_ids)
    used = [(part, window_id) for part in parts for window_id in part.used]
    scratch.save(folder, [part.numbers[window_id] for part, window_id in used], [window_id for _, window_id in used])
    document = ExamplesDocument(
        prefixes=prefixes,
        prefix_of=[prefixes.index(part.prefix_ids) for part in parts],
        parts=[part.document() for part in parts],
    )
    write_json(folder / DOCUMENT, document)


def _too_few_replayed(replay: float, number: int, others: int, available: int, datasets: Sequence[str]) -> str:
    """Return the message for a share of replayed traces that `datasets` do not have."""
    share = math.floor(100 * available / (available + others)) / 100
    return (
        f"replay {replay:g} asks for {number} replayed traces beside {others} others, but {', '.join(datasets)} give"
        f" {available} that can be used; use a replay of at most {share:g}, or more sessions or datasets in replay_on"
    )


class _Part:
    """The examples of one source: which windows have a usable target, which are selected, and which are drawn.

    `available` is the number of windows that may be drawn, `used` are the drawn ones in the order of the windows.
    """

    def __init__(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        settings: TrainingSettings,
        scratch: TokenScratch,
        limited: bool,
    ):
        self.source, self._settings, self._scratch = source, settings, scratch
        self._encoder = Encoder(tokenizer, source.prompt)
        self.prefix_ids = self._encoder.prefix_ids
        self.left_out = Counter({"empty": 0, "truncated": 0, "too_long": 0, "over_max_examples": 0})
        self.numbers: dict[str, int] = {}
        self.used: list[str] = []
        self.dataset, self._traces, self._too_long = "", 0, list[int]()
        self._unended: set[str] = set()
        usable, flagged = self._find_usable()
        files = source.files
        sources = Sources(partial(iterate_split, files.windows, files.splits, files.split), frozenset(flagged))
        # Apply max_examples after the recipe's selection, so that recipes that are compared get equally many windows.
        self._is_encoded = not limited or source.recipe.compares
        if self._is_encoded:
            self._encode(usable)
            usable = [name for name in usable if name in self.numbers]
        self._selected: Selection = source.recipe.select(usable, sources, settings["seed"])
        self.available = len(self._selected.window_ids)

    def draw(self, limit: int | None) -> None:
        """Use at most `limit` of the selected windows that are not too long; None means all."""
        seed, selected = self._settings["seed"], self._selected.window_ids
        if not self._is_encoded:
            ranked, tried = rank_windows(selected, seed), 0
            while tried < len(ranked) and (limit is None or len(self.numbers) < limit):
                # Each pass reads all traces: at least a quarter more windows keep the passes few if most are too long.
                more = len(ranked) if limit is None else max(limit - len(self.numbers), tried // 4)
                self._encode(ranked[tried : tried + more])
                tried += more
        self.used = draw_windows([name for name in selected if name in self.numbers], limit, seed)

    def cut(self, limit: int) -> None:
        """Use at most `limit` of the windows that are drawn, so that no dataset gives more than another."""
        if len(self.used) > limit:
            self.left_out["over_other_datasets"] = len(self.used) - limit
        self.used = draw_windows(self.used, limit, self._settings["seed"])

    def document(self) -> ExamplePart:
        """Return the dataset of the examples and their counts."""
        left_out = Counter(self.left_out)
        left_out.update(self._selected.left_out)
        reason = "over_replay" if self.source.is_replayed else "over_max_examples"
        left_out[reason] = self._traces - len(self.used) - left_out.total()
        counts: ExampleCounts = {
            "traces": self._traces,
            "used": len(self.used),
            "truncated": sum(window_id in self._unended for window_id in self.used),
            "left_out": dict(left_out),
        }
        return {"dataset": self.dataset, "is_replayed": self.source.is_replayed, "counts": counts}

    def nothing_left(self) -> str:
        """Return the message of an error: no example of the source is left."""
        document, remedy = self.document(), ""
        if self._too_long:
            remedy = (
                f"; raise students.training.max_length, which is {self._settings['max_length']}: the shortest example "
                f"that is too long has {min(self._too_long)} tokens, {len(self.prefix_ids)} of them in the static "
                "prefix"
            )
        elif self.available:
            remedy = (
                "; a larger students.training.max_examples (or of its group), or balance: home, leaves it some of all "
                "examples"
            )
        left_out = document["counts"]["left_out"]
        return f"{self.dataset}: no training example is left of {self._traces} traces: {left_out}{remedy}"

    def _find_usable(self) -> tuple[list[str], set[str]]:
        """Return a pair: the windows that have a usable target, and those of them that are flagged."""
        usable, flagged = [], set()
        for candidate in iterate_candidates(self.source.files, self.source.recipe):
            self._traces, window_id = self._traces + 1, candidate.window["window_id"]
            self.dataset = candidate.window["dataset"]
            try:
                target = _usable_target(self.source.recipe, candidate, self._settings)
            except LeaveOutError as reason:
                self.left_out[str(reason)] += 1
                continue
            usable.append(window_id)
            if not target.ended:
                self._unended.add(window_id)
            if candidate.is_flagged:
                flagged.add(window_id)
        return usable, flagged

    def _encode(self, window_ids: Collection[str]) -> None:
        """Encode windows; number those that are not too long, in the scratch file, by `numbers`."""
        wanted, recipe = set(window_ids), self.source.recipe
        turn = _turns(self.source.prompt, self.source.files, wanted)
        for candidate in iterate_candidates(self.source.files, recipe):
            window_id = candidate.window["window_id"]
            if window_id not in wanted:
                continue
            example = self._encoder.encode(window_id, turn(candidate.window), recipe.target(candidate))
            if (length := self._encoder.length(example)) > self._settings["max_length"]:
                self.left_out["too_long"] += 1
                self._too_long.append(length)
            else:
                self.numbers[window_id] = self._scratch.append(example)


def _usable_target(recipe: Recipe, candidate: Candidate, settings: TrainingSettings) -> Target:
    """Return the text to learn for a window; raises LeaveOutError if its trace cannot be used."""
    if candidate.trace["finish_reason"] == "unanswered":
        raise LeaveOutError("unanswered")
    target = recipe.target(candidate)
    if not target.text.strip():
        raise LeaveOutError("empty")
    if not target.ended and settings["truncated_traces"] == "drop":
        raise LeaveOutError("truncated")
    return target


def _turns(prompt: Prompt, files: TrainingFiles, wanted: Collection[str]) -> Callable[[Window], str]:
    """Return a function from each window of `wanted` to the user's turn.

    All train windows are in memory if the prompt shows similar windows.
    """
    if not shows_similar_windows(prompt):
        return lambda window: user_turns(prompt, [window], ())[window["window_id"]]
    windows = read_split(files.windows, files.splits, files.split)
    turns = user_turns(prompt, [window for window in windows if window["window_id"] in wanted], windows)
    return lambda window: turns[window["window_id"]]
