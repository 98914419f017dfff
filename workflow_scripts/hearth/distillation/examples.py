"""Build training examples: each is the prompt of a window, then the text to learn for it and an end-of-turn token.

Prompt and completion are tokenised separately and joined, as in recognition, so that a student is trained on the same
tokens that recognition uses. Only the completion counts in the loss. Windows and traces are read one at a time, and
token ids are written to files, which all ranks read.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypedDict, TypeVar

from transformers import PreTrainedTokenizerBase

from hearth.common.files import digest, write_json
from hearth.common.records import read_record
from hearth.data.folds import iterate_split, read_split, read_splits, sessions_of_split
from hearth.data.windows import Window
from hearth.distillation.documents import AuditedTrace, ExampleCounts, iterate_audited_traces
from hearth.distillation.example_arrays import Example, ExampleArrays, TokenScratch
from hearth.distillation.recipes import Candidate, LeaveOutError, Recipe, Sources, Target, draw_windows, rank_windows
from hearth.distillation.settings import TrainingSettings
from hearth.models.tokens import encode, turn_end_token
from hearth.prompting.chat_templates import ChatPrompt, chat_prompt
from hearth.prompting.predictions import (
    ParsedPrediction,
    Prediction,
    align,
    iterate_parsed_predictions,
    iterate_predictions,
)
from hearth.prompting.prompts import Prompt, shows_similar_windows, user_turns
from hearth.prompting.reasoning_marks import THINK, split_reasoning

Row = TypeVar("Row", ParsedPrediction, AuditedTrace)

IGNORED = -100  # the label that cross-entropy skips
DOCUMENT = "examples.json"  # written last: a folder that has it is complete


class TokenLists(TypedDict):
    """One example for the Trainer: token ids and labels, equally long; the labels of prompt tokens are IGNORED."""

    input_ids: list[int]
    labels: list[int]


class ExamplesDocument(TypedDict):
    """The content of examples.json, beside the token ids of the examples."""

    prefix_ids: list[int]
    counts: ExampleCounts


@dataclass(frozen=True)
class Examples:
    """A dataset for the Trainer. `prefix_ids` is the static prefix with which every example begins, stored once."""

    prefix_ids: list[int]
    items: ExampleArrays
    counts: ExampleCounts

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> TokenLists:
        item = self.items[index]
        prompt = self.prefix_ids + item.suffix_ids
        return {
            "input_ids": prompt + item.completion_ids,
            "labels": [IGNORED] * len(prompt) + item.completion_ids,
        }

    def digest(self) -> str:
        """Return the SHA-256 (hex) of all token ids in order, with the boundary between prompt and completion."""
        return digest([self.prefix_ids, self.items.digest()])


class TrainingFiles(NamedTuple):
    """The files that examples are made from; `traces` is None for a recipe without a teacher.

    Examples are made of the windows of `split`, which is train<k>. Traces, `parsed` (parsed predictions) and `audit`
    cover those of `traces_split`, which holds all of them; only some recipes read one of the last two.
    """

    windows: Path
    splits: Path
    split: str
    traces_split: str = ""
    traces: Path | None = None
    parsed: Path | None = None
    audit: Path | None = None


def open_examples(folder: Path) -> Examples:
    """Return the examples that `write_examples` wrote into a folder; token ids are read when they are needed."""
    document = read_record(folder / DOCUMENT, ExamplesDocument)
    return Examples(document["prefix_ids"], ExampleArrays.open(folder), document["counts"])


def write_examples(
    folder: Path,
    files: TrainingFiles,
    prompt: Prompt,
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    settings: TrainingSettings,
) -> None:
    """Build the training examples of a recipe, in the order of the windows, and write them into a folder.

    Without traces, every train window counts as a trace. A completion that the teacher finished ends in the student's
    end-of-turn token. A completion that was cut at the token limit does not, so that no student learns to stop in
    mid-sentence. A window that the teacher was never able to answer (finish reason "unanswered") has no trace and is
    left out. No more windows are encoded than the recipe and `max_examples` need.

    Raises ValueError for traces that are not those of the train windows, for a missing document, for a tokenizer that
    does not decode to the original text, and when no example is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seed, limit = settings["seed"], settings["max_examples"]
    left_out = Counter({"empty": 0, "truncated": 0, "too_long": 0, "over_max_examples": 0})
    traces, usable, unended, flagged = 0, [], set(), set()
    for candidate in iterate_candidates(files, recipe):
        traces, window_id = traces + 1, candidate.window["window_id"]
        try:
            target = _usable_target(recipe, candidate, settings)
        except LeaveOutError as reason:
            left_out[str(reason)] += 1
            continue
        usable.append(window_id)
        if not target.ended:
            unended.add(window_id)
        if candidate.is_flagged:
            flagged.add(window_id)
    sources = Sources(partial(iterate_split, files.windows, files.splits, files.split), frozenset(flagged))
    encoder = _Encoder(tokenizer, prompt)
    scratch, numbers, too_long = TokenScratch(folder), dict[str, int](), list[int]()

    def encode(window_ids: Collection[str]) -> None:
        """Encode windows, and number those that are not too long by `numbers`."""
        wanted = set(window_ids)
        turn = _turns(prompt, files, wanted)
        for candidate in iterate_candidates(files, recipe):
            window_id = candidate.window["window_id"]
            if window_id not in wanted:
                continue
            example = encoder.encode(window_id, turn(candidate.window), recipe.target(candidate))
            if (length := encoder.length(example)) > settings["max_length"]:
                left_out["too_long"] += 1
                too_long.append(length)
            else:
                numbers[window_id] = len(numbers)
                scratch.append(example)

    # Apply max_examples after the recipe's selection, so that recipes that are compared get equally many windows.
    if limit is None or recipe.compares:
        encode(usable)
        selected = recipe.select([name for name in usable if name in numbers], sources, seed)
    else:
        selected = recipe.select(usable, sources, seed)
        ranked, tried = rank_windows(selected.window_ids, seed), 0
        while tried < len(ranked) and len(numbers) < limit:
            # Each pass reads all traces: at least a quarter more windows keep the passes few if most are too long.
            more = max(limit - len(numbers), tried // 4)
            encode(ranked[tried : tried + more])
            tried += more
    used = draw_windows([name for name in selected.window_ids if name in numbers], limit, seed)
    left_out.update(selected.left_out)
    left_out["over_max_examples"] = traces - len(used) - left_out.total()
    if not used:
        remedy = ""
        if too_long:
            remedy = (
                f"; raise students.training.max_length, which is {settings['max_length']}: the shortest example that "
                f"is too long has {min(too_long)} tokens, {len(encoder.prefix_ids)} of them in the static prefix"
            )
        raise ValueError(f"no training example is left of {traces} traces: {dict(left_out)}{remedy}")
    counts: ExampleCounts = {
        "traces": traces,
        "used": len(used),
        "truncated": sum(window_id in unended for window_id in used),
        "left_out": dict(left_out),
    }
    scratch.save(folder, [numbers[window_id] for window_id in used], used)
    write_json(folder / DOCUMENT, ExamplesDocument(prefix_ids=encoder.prefix_ids, counts=counts))


def iterate_candidates(files: TrainingFiles, recipe: Recipe) -> Iterator[Candidate]:
    """Yield every train window with its trace, and with what the recipe reads beside it.

    Raises ValueError if a document is missing or belongs to other windows or traces.
    """
    if files.traces is None:
        if recipe.needs_teacher:
            raise ValueError(f"recipe {recipe.name!r} needs --traces")
        windows = iterate_split(files.windows, files.splits, files.split)
        yield from (Candidate(window, _empty_trace(window)) for window in windows)
        return
    if recipe.reads and not getattr(files, recipe.reads):
        raise ValueError(f"recipe {recipe.name!r} needs --{recipe.reads}")
    parsed: Iterator[ParsedPrediction] = iter(())
    audited: Iterator[AuditedTrace] = iter(())
    if files.parsed and recipe.reads == "parsed":
        parsed = iterate_parsed_predictions(files.parsed)
    if files.audit and recipe.reads == "audit":
        audited = iterate_audited_traces(files.audit)
    trained = sessions_of_split(read_splits(files.splits), files.split)
    windows = iterate_split(files.windows, files.splits, files.traces_split)
    for window, trace in align(windows, iterate_predictions(files.traces), files.traces):
        labels, is_flagged = [], False
        if recipe.reads == "parsed":
            labels = _row_of(trace, parsed, "parsed")["labels"]
        # An audit has no row for a window without an answer; the parsed predictions have one.
        if recipe.reads == "audit" and trace["finish_reason"] != "unanswered":
            is_flagged = bool(_row_of(trace, audited, "audit")["flags"])
        if window["session"] in trained:
            yield Candidate(window, trace, labels, is_flagged)
    if next(parsed, None) or next(audited, None):
        raise ValueError(_OTHER_WINDOWS.format(recipe.reads))


_OTHER_WINDOWS = "--{} covers other windows than the traces: rebuild it from these traces"


def _row_of(trace: Prediction, rows: Iterator[Row], option: str) -> Row:
    """Return the next row of a document; raise ValueError unless it is that of the trace."""
    row = next(rows, None)
    if row is None or row["window_id"] != trace["window_id"]:
        raise ValueError(_OTHER_WINDOWS.format(option))
    return row


def _empty_trace(window: Window) -> Prediction:
    return {
        "window_id": window["window_id"],
        "text": "",
        "finish_reason": "stop",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "seed": 0,
    }


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


class _Encoder:
    """Tokenise the examples of one prompt. All of them begin with the same static prefix."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, prompt: Prompt):
        self._tokenizer = tokenizer
        self._parts = chat_prompt(tokenizer, prompt)
        self._end = turn_end_token(tokenizer)
        self.prefix_ids = encode(tokenizer, self._parts.prefix)

    def encode(self, window_id: str, turn: str, target: Target) -> Example:
        """Return the example of a window; `turn` is the text of the user's turn, `target` the text to learn.

        Raises ValueError if the token ids do not decode to the original text.
        """
        suffix = turn + self._parts.after
        text, end_ids = learned_text(target.text, self._parts), [self._end] * target.ended
        suffix_ids, text_ids = (encode(self._tokenizer, part, continues=True) for part in (suffix, text))
        example = Example(window_id, suffix_ids, text_ids + end_ids)
        end = self._tokenizer.convert_ids_to_tokens(self._end) * target.ended
        self._check_text(example, self._parts.prefix + suffix, text + end)
        return example

    def length(self, example: Example) -> int:
        """Return the number of tokens of an example, prefix included."""
        return len(self.prefix_ids) + len(example.suffix_ids) + len(example.completion_ids)

    def _check_text(self, example: Example, prompt: str, completion: str) -> None:
        """Raise ValueError unless the token ids decode to the prompt and the completion.

        Both texts are compared in Unicode's NFC, to which Qwen's tokenizer normalises its input.
        """
        ids = self.prefix_ids + example.suffix_ids + example.completion_ids
        text = unicodedata.normalize("NFC", self._tokenizer.decode(ids, clean_up_tokenization_spaces=False))
        if not text.startswith(unicodedata.normalize("NFC", prompt)):
            raise ValueError(f"window {example.window_id!r}: the tokenizer does not decode to the original prompt")
        if text != unicodedata.normalize("NFC", prompt + completion):
            raise ValueError(f"window {example.window_id!r}: the tokenizer does not decode to the original trace")


def learned_text(text: str, parts: ChatPrompt) -> str:
    """Return a trace as the student is to write it: with the marks of its chat template, after what its prompt opens.

    `text` has its reasoning in <think> tags, as all predictions have. It stays as it is for a student that does not
    reason, or whose template has these tags.
    """
    if parts.marks is None:
        return text
    opening, closing = parts.marks
    reasoning, answer, closed = split_reasoning(text, [THINK])
    if opening.strip() != THINK.opening and (reasoning or not closed):
        text = f"{opening}{reasoning}" + f"{closing}{answer.lstrip()}" * closed
    if not parts.opens_reasoning:
        return text
    if not text.lstrip().startswith(opening.strip()):
        return closing + text  # an answer without reasoning
    return text.lstrip().removeprefix(opening.strip()).removeprefix(opening[len(opening.rstrip()) :])
