"""Build training examples: each is the prompt of a window, then a text to learn for it and an end-of-turn token.

Only the completion counts in the loss. Windows and traces are read one at a time, and token ids are written to files,
which all ranks read. A student may learn from several datasets, each with a prompt of its own.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
from transformers import PreTrainedTokenizerBase

from hearth.common.files import digest, write_json
from hearth.common.records import read_record
from hearth.common.sums import sum_if_known
from hearth.distillation.balance import Balance, divide, own_limit, replayed_count
from hearth.distillation.documents import ExampleCounts, ExamplePart
from hearth.distillation.example_arrays import ExampleArrays, SoftTargets, TokenScratch
from hearth.distillation.example_parts import ExampleBuilder, Source
from hearth.distillation.settings import TrainingSettings
from hearth.distillation.soft_targets import top_tokens

IGNORED = -100  # the label that cross-entropy skips
DOCUMENT = "examples.json"  # written last: a folder that has it is complete


class TokenLists(TypedDict):
    """One example for the Trainer: token ids and labels, equally long; the labels of prompt tokens are IGNORED.

    `prefix` is the number of the static prefix with which it begins. `weights` are those of all tokens in the loss;
    None for 1 each. `soft` has the teacher's likeliest tokens in the place of each token of the completion, or is None.
    """

    input_ids: list[int]
    labels: list[int]
    prefix: int
    weights: list[float] | None
    soft: NotRequired[SoftTargets | None]


class ExamplesDocument(TypedDict):
    """The content of examples.json, beside the token ids of the examples.

    The examples of a part lie together. `prefixes` has the token ids of every static prefix.
    """

    prefixes: list[list[int]]
    in_turn: bool
    parts: list[ExamplePart]


@dataclass(frozen=True)
class Examples:
    """A dataset for the Trainer. `prefixes` are the static prefixes with which examples begin, each stored once.

    A window may have several examples. `in_turn`: whether an epoch has one of them, the next epoch the next one;
    otherwise every epoch has all.
    """

    prefixes: list[list[int]]
    items: ExampleArrays
    parts: list[ExamplePart] = field(default_factory=list)
    in_turn: bool = False

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> TokenLists:
        item = self.items[index]
        prompt = self.prefixes[item.prefix] + item.suffix_ids
        return {
            "input_ids": prompt + item.completion_ids,
            "labels": [IGNORED] * len(prompt) + item.completion_ids,
            "prefix": item.prefix,
            "weights": None if item.weights is None else [1.0] * len(prompt) + item.weights,
            "soft": item.soft,
        }

    @property
    def n_windows(self) -> int:
        """The number of windows; each optimiser step has as many of them as its batch size says."""
        return len(self.items.windows)

    def of_window(self, number: int, epoch: int) -> list[int]:
        """Return the numbers of the examples of a window that an epoch has; both are numbered from 0."""
        first, *after = map(int, self.items.windows[number : number + 2])
        examples = range(first, *(after or [len(self.items)]))
        return [examples[epoch % len(examples)]] if self.in_turn else list(examples)

    def lengths(self) -> np.ndarray:
        """Return the number of tokens of every example, static prefix included (int64)."""
        prefixes = np.array([len(prefix) for prefix in self.prefixes], dtype=np.int64)
        total: np.ndarray = self.items.lengths() + prefixes[self.items.prefixes]
        return total

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

    @property
    def teacher_tokens(self) -> int | None:
        """The number of tokens that the teacher wrote for the windows; None if a server did not say it."""
        return sum_if_known(part["trace_tokens"] for part in self.parts if not part["is_replayed"])

    @property
    def own_texts(self) -> dict[str, int]:
        """The numbers of windows by what became of the student's own text; empty without such text."""
        counts: Counter[str] = Counter()
        for part in self.parts:
            counts.update(part.get("own_texts", {}))
        return dict(counts)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of all token ids in order, with everything that decides their part in the loss."""
        runs = [(int(number), len(list(run))) for number, run in groupby(self.items.prefixes)]
        content = (
            [self.prefixes, runs, self.items.digest()] if len(runs) > 1 else [self.prefixes[0], self.items.digest()]
        )
        if self.n_windows < len(self):
            content += [self.items.windows.tolist(), self.in_turn]
        return digest(content)


def open_examples(folder: Path) -> Examples:
    """Return the examples that `write_examples` wrote into a folder; token ids are read when they are needed."""
    document = read_record(folder / DOCUMENT, ExamplesDocument)
    return Examples(document["prefixes"], ExampleArrays.open(folder), document["parts"], document["in_turn"])


def write_examples(
    folder: Path,
    sources: Sequence[Source],
    tokenizer: PreTrainedTokenizerBase,
    settings: TrainingSettings,
    balance: Balance = "size",
    replay: float = 0,
    vocabulary: int | None = None,
) -> None:
    """Build the training examples of all sources, each in the order of its windows, and write them into a folder.

    Without traces, every train window counts as a trace. A completion that the teacher finished ends in the student's
    end-of-turn token. A completion that was cut at the token limit does not, so that no student learns to stop in
    mid-sentence. A window that the teacher was never able to answer (finish reason "unanswered") has no trace and is
    left out. No more windows are encoded than the recipe and `max_examples` need.

    `max_examples` holds for the windows of all sources together. `balance` divides the windows among them. `replay` is
    the share of all windows that replayed sources give. `vocabulary` is the student's number of logits; None: unknown.

    Raises ValueError for traces that are not those of the train windows, for a missing document, for a tokenizer that
    does not decode to the original text, for log-probabilities that a student cannot learn (`soft_targets`), when a
    source that is not replayed has no example left, and when replayed sources have fewer examples than their share.
    """
    folder.mkdir(parents=True, exist_ok=True)
    limit, weighs = settings["max_examples"], any(source.recipe.weighs for source in sources)
    scratch = TokenScratch(folder, weighs, top_tokens(sources))
    prefixes: list[list[int]] = []
    parts = [
        ExampleBuilder(
            source, tokenizer, settings, scratch, prefixes, limit is not None or source.is_replayed, vocabulary
        )
        for source in sources
    ]
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
    for part in own:
        part.check_own_texts()
    scratch.save(folder, [(window_id, part.numbers[window_id]) for part in parts for window_id in part.used])
    document = ExamplesDocument(
        prefixes=prefixes,
        in_turn=any(source.recipe.in_turn for source in sources),
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
