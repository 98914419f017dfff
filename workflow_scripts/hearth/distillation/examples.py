"""A teacher's traces as training examples: the prompt of a window, then the text to learn, with an end of turn.

Prompt and completion are tokenised apart and joined, exactly as in recognition, so the student is
trained on the very tokens it will be shown. The loss falls on the completion only.
"""

import unicodedata
from collections import Counter
from dataclasses import dataclass

import torch

from hearth.common.files import digest
from hearth.data.complexity import ComplexityScale
from hearth.data.gold_labels import map_to_gold
from hearth.distillation import selection
from hearth.distillation.recipes import RECIPES
from hearth.prompting.prompts import split_prompt, user_turns

IGNORED = -100  # the label that cross-entropy skips


@dataclass(frozen=True)
class Example:
    """One window: token ids of the prompt after the static prefix, and of the completion."""

    window_id: str
    suffix_ids: list[int]
    completion_ids: list[int]


@dataclass(frozen=True)
class Examples:
    """A dataset for the Trainer; the static prefix is held once.

    `counts` accounts for every trace: traces == used + sum of left_out; truncated is the part of
    used that has no end of turn.
    """

    prefix_ids: list[int]
    items: list[Example]
    counts: dict

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        item = self.items[index]
        prompt = self.prefix_ids + item.suffix_ids
        return {
            "input_ids": prompt + item.completion_ids,
            "labels": [IGNORED] * len(prompt) + item.completion_ids,
        }

    def digest(self) -> str:
        """SHA-256 (hex) of all that is learned from: every token id, in order, and where the completions begin."""
        return digest([self.prefix_ids, [[item.suffix_ids, item.completion_ids] for item in self.items]])


def build_examples(
    traces: list[dict] | None,
    windows: list[dict],
    prompt: dict,
    tokenizer,
    recipe: str,
    settings: dict,
    parsed: list[dict] | None = None,
    audit: dict | None = None,
) -> Examples:
    """Make the training examples of a teacher's traces, in the order of the traces.

    Without traces (None), for a recipe that has no teacher, every train window counts as an empty one.
    `settings` gives max_length (tokens), truncated_traces, max_examples and seed; `parsed` has the
    labels read from the traces and `audit` what was found in them, for the recipes that need it. A
    trace that the teacher ended itself ends in the tokenizer's end of turn; one cut at the token limit
    (finish_reason "length") does not, so that nobody learns to stop in mid-sentence. Raises
    ValueError for traces that do not belong to the train windows, a tokenizer that does not give
    the text back, or when no example is left.
    """
    if recipe not in RECIPES:
        raise ValueError(f"recipe {recipe!r} is none of {', '.join(RECIPES)}")
    if traces is None:
        if RECIPES[recipe].taught:
            raise ValueError(f"recipe {recipe!r} needs --traces")
        traces = [
            {"window_id": window["window_id"], "text": "", "finish_reason": "stop"}
            for window in windows
            if window["split"] == "train"
        ]
    by_id = _train_windows(traces, windows)
    labels, marked = _read_by_recipe(recipe, traces, windows, parsed, audit)
    if tokenizer.eos_token_id is None:
        raise ValueError("the model's tokenizer has no end-of-turn token (eos_token): use an instruct model")
    left_out = Counter({"empty": 0, "truncated": 0, "too_long": 0, "over_max_examples": 0})
    prefix, prefix_ids = None, []
    turns = user_turns(prompt, [by_id[trace["window_id"]] for trace in traces], windows)
    items, unfinished = {}, set()
    for trace in traces:
        name, window = trace["window_id"], by_id[trace["window_id"]]
        compared = labels.get(name) and map_to_gold(window, labels[name])
        if reason := selection.unfit(recipe, compared, window["gold"]):
            left_out[reason] += 1
            continue
        target, finished = selection.target(recipe, trace, labels.get(name))
        if not target.strip():
            left_out["empty"] += 1
            continue
        if not finished and settings["truncated_traces"] == "drop":
            left_out["truncated"] += 1
            continue
        window_prefix, suffix = split_prompt(
            tokenizer, prompt["system"], turns[window["window_id"]], prompt["reasoning"]
        )
        if prefix is None:
            prefix, prefix_ids = window_prefix, _token_ids(tokenizer, window_prefix)
        assert window_prefix == prefix, "the static prefix varies between windows"
        example = Example(
            window_id=name,
            suffix_ids=_token_ids(tokenizer, suffix),
            completion_ids=_token_ids(tokenizer, target) + [tokenizer.eos_token_id] * finished,
        )
        _check_text(tokenizer, prefix_ids, example, prefix + suffix, target, finished)
        if len(prefix_ids) + len(example.suffix_ids) + len(example.completion_ids) > settings["max_length"]:
            left_out["too_long"] += 1
            continue
        items[name] = example
        if not finished:
            unfinished.add(name)
    selected, reasons = selection.select(recipe, list(items), marked, settings["seed"])
    used = selection.draw(selected, settings["max_examples"], settings["seed"])
    left_out.update(reasons + Counter(over_max_examples=len(selected) - len(used)))
    counts = {
        "traces": len(traces),
        "used": len(used),
        "truncated": sum(name in unfinished for name in used),
        "left_out": dict(left_out),
    }
    if not used:
        raise ValueError(f"no training example is left of {len(traces)} traces: {dict(left_out)}")
    return Examples(prefix_ids, [items[name] for name in used], counts)


def collate(examples: list[dict[str, list[int]]], pad_id: int) -> dict[str, torch.Tensor | int]:
    """Pad a batch on the right: input_ids and attention_mask, int64 of (examples, longest).

    `labels` has only the last `logits_to_keep` positions, from the last of the shortest prompt on: logits of a whole
    prompt over a real vocabulary would take more memory than anything else, for a loss that does not count them.
    """
    shape = (len(examples), max(len(example["input_ids"]) for example in examples))
    labels = torch.full(shape, IGNORED)
    batch = {"input_ids": torch.full(shape, pad_id), "attention_mask": torch.zeros(shape, dtype=torch.long)}
    for row, example in enumerate(examples):
        length = len(example["input_ids"])
        batch["input_ids"][row, :length] = torch.tensor(example["input_ids"])
        batch["attention_mask"][row, :length] = 1
        labels[row, :length] = torch.tensor(example["labels"])
    first = int((labels != IGNORED).any(dim=0).int().argmax())
    # The position before the first label predicts it, so it is kept; its own label is never looked at.
    kept = shape[1] - max(first - 1, 0)
    return batch | {"labels": labels[:, -kept:], "logits_to_keep": kept}


def _train_windows(traces: list[dict], windows: list[dict]) -> dict[str, dict]:
    """The window of every trace by window_id, checked: known, of a session for training, one trace a window."""
    by_id = {window["window_id"]: window for window in windows}
    tested = {window["session"] for window in windows if window["split"] != "train"}
    seen = set()
    for number, trace in enumerate(traces, start=1):
        missing = {"window_id", "text", "finish_reason"} - trace.keys()
        if missing:
            raise ValueError(f"trace {number} has no {', '.join(sorted(missing))}")
        name = trace["window_id"]
        if name not in by_id:
            raise ValueError(f"trace of window {name!r}, which the windows file does not have: rebuild the traces")
        if by_id[name]["split"] != "train":
            raise ValueError(f"trace of window {name!r}, which is in the {by_id[name]['split']} split: train only")
        if by_id[name]["session"] in tested:
            raise ValueError(f"trace of window {name!r}, whose session has test windows too: split by session")
        if name in seen:
            raise ValueError(f"two traces of window {name!r}")
        if trace["finish_reason"] not in ("stop", "length"):
            raise ValueError(
                f"trace of window {name!r}: finish_reason {trace['finish_reason']!r} is not stop or length"
            )
        seen.add(name)
    return by_id


def _read_by_recipe(
    recipe: str, traces: list[dict], windows: list[dict], parsed: list[dict] | None, audit: dict | None
) -> tuple[dict[str, list], set[str]]:
    """(the labels to learn by window_id, the window_ids that the recipe tells apart), as far as a recipe needs them.

    Raises ValueError when what it needs is not given, or is not of these traces.
    """
    given = {"parsed": parsed, "audit": audit and audit["traces"]}
    needed = RECIPES[recipe].needs
    if needed:
        if given[needed] is None:
            raise ValueError(f"recipe {recipe!r} needs --{needed}")
        if {row["window_id"] for row in given[needed]} != {trace["window_id"] for trace in traces}:
            raise ValueError(f"--{needed} is of other windows than the traces: make it again from these traces")
    if needed == "parsed":
        return {row["window_id"]: row["labels"] for row in parsed}, set()
    if needed == "audit":
        return {}, {row["window_id"] for row in audit["traces"] if row["flags"]}
    if recipe == "gold-labels":
        return {window["window_id"]: window["gold"] for window in windows}, set()
    if recipe in ("simple", "complex"):
        scale = ComplexityScale(windows)
        return {}, {window["window_id"] for window in windows if scale.is_complex(window)}
    return {}, set()


def _token_ids(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def _check_text(tokenizer, prefix_ids: list[int], example: Example, prompt: str, target: str, finished: bool) -> None:
    """The token ids must read as the prompt, then the target, then the end of turn of a finished trace.

    Compared in Unicode's NFC, which Qwen's tokenizer applies to its input.
    """
    ids = prefix_ids + example.suffix_ids + example.completion_ids
    text = unicodedata.normalize("NFC", tokenizer.decode(ids, clean_up_tokenization_spaces=False))
    if not text.startswith(unicodedata.normalize("NFC", prompt)):
        raise ValueError(f"window {example.window_id!r}: the tokenizer does not give the prompt back as it was")
    if text != unicodedata.normalize("NFC", prompt + target + tokenizer.eos_token * finished):
        raise ValueError(f"window {example.window_id!r}: the tokenizer does not give the trace back as it was")
