"""Build training examples: each is the prompt of a window, then the text to learn for it and an end-of-turn token.

Prompt and completion are tokenised separately and joined, as in recognition, so that a student is trained on the same
tokens that recognition uses. Only the completion counts in the loss.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict, TypeVar, assert_never

from transformers import PreTrainedTokenizerBase

from hearth.common.files import digest
from hearth.data.windows import Window
from hearth.distillation.documents import AuditedTrace, ExampleCounts
from hearth.distillation.recipes import LeaveOutError, Recipe, Sources, Target, draw_windows
from hearth.distillation.settings import TrainingSettings
from hearth.prompting.predictions import ParsedPrediction, Prediction
from hearth.prompting.prompts import Prompt, split_prompt, user_turns

IGNORED = -100  # the label that cross-entropy skips

Row = TypeVar("Row", ParsedPrediction, AuditedTrace)


@dataclass(frozen=True)
class Example:
    """Token ids of one window's example: `suffix_ids` is the prompt after the static prefix."""

    window_id: str
    suffix_ids: list[int]
    completion_ids: list[int]


class TokenLists(TypedDict):
    """One example for the Trainer: token ids and labels, equally long; the labels of prompt tokens are IGNORED."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Examples:
    """A dataset for the Trainer. `prefix_ids` is the static prefix with which every example begins, stored once."""

    prefix_ids: list[int]
    items: list[Example]
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
        return digest([self.prefix_ids, [[item.suffix_ids, item.completion_ids] for item in self.items]])


def build_examples(
    traces: Sequence[Prediction] | None,
    windows: Sequence[Window],
    prompt: Prompt,
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    settings: TrainingSettings,
    parsed: Sequence[ParsedPrediction] | None = None,
    audit: Sequence[AuditedTrace] | None = None,
) -> Examples:
    """Build the training examples of a recipe, in the order of the traces.

    `traces` is None for a recipe without a teacher: every train window counts as a trace. `parsed` and `audit` are
    needed only by the recipes that read them. A completion that the teacher finished ends in the tokenizer's
    end-of-turn token. A completion that was cut at the token limit does not, so that no student learns to stop in
    mid-sentence. A window that the teacher was never able to answer (finish reason "unanswered") has no trace and is
    left out.

    Raises ValueError for traces that do not belong to the train windows, for a missing document, for a tokenizer that
    does not decode to the original text, and when no example is left.
    """
    if traces is None:
        if recipe.needs_teacher:
            raise ValueError(f"recipe {recipe.name!r} needs --traces")
        traces = [_empty_trace(window) for window in windows if window["split"] == "train"]
    windows_by_id = {window["window_id"]: window for window in windows}
    _check_traces(traces, windows_by_id)
    sources = _read_sources(recipe, traces, windows_by_id, parsed, audit)
    if tokenizer.eos_token_id is None:
        raise ValueError("the model's tokenizer has no end-of-turn token (eos_token): use an instruct model")
    left_out = Counter({"empty": 0, "truncated": 0, "too_long": 0, "over_max_examples": 0})
    turns = user_turns(prompt, [windows_by_id[trace["window_id"]] for trace in traces], windows)
    encoder = _Encoder(tokenizer, prompt)
    examples: dict[str, Example] = {}
    unended = set()
    for trace in traces:
        window_id = trace["window_id"]
        try:
            if trace["finish_reason"] == "unanswered":
                raise LeaveOutError("unanswered")
            target = _usable_target(recipe, trace, sources, settings)
            example = encoder.encode(window_id, turns[window_id], target)
            if encoder.length(example) > settings["max_length"]:
                raise LeaveOutError("too_long")
        except LeaveOutError as reason:
            left_out[str(reason)] += 1
            continue
        examples[window_id] = example
        if not target.ended:
            unended.add(window_id)
    selected = recipe.select(list(examples), sources, settings["seed"])
    # Apply max_examples after the recipe's selection, so that recipes that are compared get equally many windows.
    used = draw_windows(selected.window_ids, settings["max_examples"], settings["seed"])
    left_out.update(selected.left_out + Counter(over_max_examples=len(selected.window_ids) - len(used)))
    if not used:
        raise ValueError(f"no training example is left of {len(traces)} traces: {dict(left_out)}")
    counts: ExampleCounts = {
        "traces": len(traces),
        "used": len(used),
        "truncated": sum(window_id in unended for window_id in used),
        "left_out": dict(left_out),
    }
    return Examples(encoder.prefix_ids, [examples[window_id] for window_id in used], counts)


def _empty_trace(window: Window) -> Prediction:
    return {
        "window_id": window["window_id"],
        "text": "",
        "finish_reason": "stop",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "seed": 0,
    }


def _check_traces(traces: Sequence[Prediction], windows: Mapping[str, Window]) -> None:
    """Raise ValueError unless each trace has a train window of its own, in a session without test windows."""
    tested = {window["session"] for window in windows.values() if window["split"] != "train"}
    seen = set()
    for trace in traces:
        name = trace["window_id"]
        if name not in windows:
            raise ValueError(f"trace of window {name!r}, which is not in the windows file: rebuild the traces")
        if windows[name]["split"] != "train":
            raise ValueError(f"trace of window {name!r}, which is in the {windows[name]['split']} split: train only")
        if windows[name]["session"] in tested:
            raise ValueError(f"trace of window {name!r}, whose session has test windows too: split by session")
        if name in seen:
            raise ValueError(f"two traces of window {name!r}")
        seen.add(name)


def _read_sources(
    recipe: Recipe,
    traces: Sequence[Prediction],
    windows: Mapping[str, Window],
    parsed: Sequence[ParsedPrediction] | None,
    audit: Sequence[AuditedTrace] | None,
) -> Sources:
    """Return the sources of a recipe.

    Raises ValueError if the document that the recipe reads (`parsed` or `audit`) is missing or belongs to other traces.
    """
    sources = Sources(windows, {trace["window_id"]: trace for trace in traces})
    match recipe.reads:
        case "":
            return sources
        case "parsed":
            rows = _rows_of_traces(recipe, parsed, traces)
            return replace(sources, parsed_labels={row["window_id"]: row["labels"] for row in rows})
        case "audit":
            audited = _rows_of_traces(recipe, audit, traces)
            return replace(sources, flagged=frozenset(row["window_id"] for row in audited if row["flags"]))
        case unknown:
            assert_never(unknown)


def _rows_of_traces(recipe: Recipe, rows: Sequence[Row] | None, traces: Sequence[Prediction]) -> Sequence[Row]:
    """Return `rows` unchanged: the entries of the document that the recipe reads.

    Raises ValueError if `rows` is None or covers other windows than `traces`.
    """
    if rows is None:
        raise ValueError(f"recipe {recipe.name!r} needs --{recipe.reads}")
    # An audit has no entry for a window without an answer; the parsed predictions have one.
    unanswered = {trace["window_id"] for trace in traces if trace["finish_reason"] == "unanswered"}
    answered = {trace["window_id"] for trace in traces} - unanswered
    if {row["window_id"] for row in rows} - unanswered != answered:
        raise ValueError(f"--{recipe.reads} covers other windows than the traces: rebuild it from these traces")
    return rows


def _usable_target(recipe: Recipe, trace: Prediction, sources: Sources, settings: TrainingSettings) -> Target:
    """Return the text to learn for a trace; raises LeaveOutError if the trace cannot be used."""
    target = recipe.target(trace, sources)
    if not target.text.strip():
        raise LeaveOutError("empty")
    if not target.ended and settings["truncated_traces"] == "drop":
        raise LeaveOutError("truncated")
    return target


class _Encoder:
    """Tokenise the examples of one prompt. All of them begin with the same static prefix."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, prompt: Prompt):
        self.prefix_ids: list[int] = []
        self._tokenizer, self._prompt = tokenizer, prompt
        self._prefix: str | None = None

    def encode(self, window_id: str, turn: str, target: Target) -> Example:
        """Return the example of a window; `turn` is the text of the user's turn, `target` the text to learn.

        Raises ValueError if the token ids do not decode to the original text.
        """
        prefix, suffix = split_prompt(self._tokenizer, self._prompt["system"], turn, self._prompt["reasoning"])
        if self._prefix is None:
            self._prefix, self.prefix_ids = prefix, self._token_ids(prefix)
        assert prefix == self._prefix, "the static prefix varies between windows"
        end_ids = [self._tokenizer.eos_token_id] * target.ended
        example = Example(window_id, self._token_ids(suffix), self._token_ids(target.text) + end_ids)
        self._check_text(example, prefix + suffix, target)
        return example

    def length(self, example: Example) -> int:
        """Return the number of tokens of an example, prefix included."""
        return len(self.prefix_ids) + len(example.suffix_ids) + len(example.completion_ids)

    def _token_ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def _check_text(self, example: Example, prompt: str, target: Target) -> None:
        """Raise ValueError unless the token ids decode to the prompt, the target, and its end of turn if it has one.

        Both texts are compared in Unicode's NFC, to which Qwen's tokenizer normalises its input.
        """
        ids = self.prefix_ids + example.suffix_ids + example.completion_ids
        text = unicodedata.normalize("NFC", self._tokenizer.decode(ids, clean_up_tokenization_spaces=False))
        if not text.startswith(unicodedata.normalize("NFC", prompt)):
            raise ValueError(f"window {example.window_id!r}: the tokenizer does not decode to the original prompt")
        if text != unicodedata.normalize("NFC", prompt + target.text + self._tokenizer.eos_token * target.ended):
            raise ValueError(f"window {example.window_id!r}: the tokenizer does not decode to the original trace")
