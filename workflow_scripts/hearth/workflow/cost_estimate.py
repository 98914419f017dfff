"""Estimate windows, tokens and GPU-hours of every recogniser and training before a run.

Hours follow from the GPUs' data sheets and from two assumed utilisations (`docs/cluster.md` has the formula). They are
rough: they tell an afternoon from a month.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypedDict

from tabulate import tabulate

from hearth.common.files import read_json
from hearth.common.job_stats import read_job_stats
from hearth.data.windows import Window, read_windows
from hearth.models.load import load_tokenizer
from hearth.models.snapshot import read_snapshot
from hearth.prompting.prompts import Prompt, read_prompt, split_prompt, user_turns

BYTES_PER_VALUE = 2  # bfloat16, for weights and for the key-value cache
# Assumed utilisation of a GPU's arithmetic while it reads a prompt, and of its memory bandwidth while it generates.
FLOPS_UTILISATION, BANDWIDTH_UTILISATION = 0.5, 0.8
# Batch size assumed for `engine.batch_size: auto`, which fills the GPU's memory.
AUTO_BATCH_SIZE = 64
# Number of windows whose prompts are tokenised, to estimate the mean number of tokens over all windows.
SAMPLED_WINDOWS = 200


class PlannedLoad(TypedDict):
    """Planned recognition of one split of one dataset by one language model. `prompt` is the path of the prompt."""

    recogniser: str
    model: str
    dataset: str
    split: Literal["train", "test"]
    prompt: str
    max_new_tokens: int


class PlannedTraining(TypedDict):
    """A planned training. `teacher` is "" for a student without a teacher; `max_examples` None means all traces."""

    student: str
    model: str
    teacher: str
    dataset: str
    max_examples: int | None
    prompt: str
    max_new_tokens: int


class PlannedWork(TypedDict):
    """All recognition and training of a run that needs a language model."""

    loads: list[PlannedLoad]
    trainings: list[PlannedTraining]
    batch_size: int | Literal["auto"]
    epochs: float


@dataclass(frozen=True)
class Card:
    """A GPU by its data sheet: dense bfloat16 operations per second, and bytes per second of memory bandwidth."""

    flops: float
    bandwidth: float


CARDS = {"A100": Card(312e12, 2.04e12), "H100": Card(989e12, 3.35e12), "H200": Card(989e12, 4.8e12)}


@dataclass(frozen=True)
class Size:
    """A model's number of parameters, and the size of its key-value cache in bytes per token."""

    parameters: int
    cache: int


@dataclass(frozen=True)
class Load:
    """Number of windows of one split of one dataset for one recogniser, with mean numbers of tokens per window.

    `prefix` counts the tokens of the static prefix, `read` those of the rest of the prompt, `written` those of the
    answer. If `at_most` is true, no shard is finished yet, and `written` is the longest possible answer.
    """

    recogniser: str
    windows: int
    prefix: int
    read: float
    written: float
    at_most: bool


def read_size(folder: Path) -> Size | None:
    """Return the size of a fetched model; None for a served model, which uses no GPU of the run."""
    snapshot = read_snapshot(folder)
    if "served" in snapshot:
        return None
    config: Any = read_json(Path(folder) / "config.json")
    config = config.get("text_config", config)  # multimodal models nest the language model's settings
    heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    # Only the size of a served model may be unknown.
    return Size(snapshot["parameters"] or 0, 2 * config["num_hidden_layers"] * heads * width * BYTES_PER_VALUE)


def count_prompt_tokens(
    folder: Path, prompt: Prompt, windows: list[Window], dataset: list[Window]
) -> tuple[int, float]:
    """Return (tokens of the static prefix, mean tokens of the rest) of a model's prompts for `windows`.

    At most `SAMPLED_WINDOWS` prompts are tokenised, for windows spread evenly. `dataset` holds all windows of the
    dataset, because a prompt may show some of them as few-shot examples.
    """
    tokenizer = load_tokenizer(folder)
    sample = windows[:: -(-len(windows) // SAMPLED_WINDOWS)]
    turns = user_turns(prompt, sample, dataset)
    parts = [
        split_prompt(tokenizer, prompt["system"], turns[window["window_id"]], prompt["reasoning"]) for window in sample
    ]
    prefix = len(_ids(tokenizer, parts[0][0]))
    return prefix, sum(len(_ids(tokenizer, suffix)) for _, suffix in parts) / len(parts)


def written_tokens(stats: Iterable[Path]) -> float | None:
    """Return the mean number of generated tokens per window over finished shards; None if no shard is finished.

    `stats` are the stats files of the shards.
    """
    shards = [read_job_stats(path) for path in stats]
    windows = sum(shard["windows"] for shard in shards)
    return sum(shard["completion_tokens"] for shard in shards) / windows if windows else None


def recognition_hours(load: Load, size: Size, batch: int, card: Card) -> float:
    """Return the GPU-hours that a load takes on a card in batches of `batch` windows.

    Generating one token for every window of a batch reads all weights once.
    """
    reading = 2 * size.parameters * load.read / (card.flops * FLOPS_UTILISATION)
    # While a token is generated, half of the answer is in the cache on average.
    context = load.prefix + load.read + load.written / 2
    moved = size.parameters * BYTES_PER_VALUE / batch + context * size.cache
    writing = load.written * moved / (card.bandwidth * BANDWIDTH_UTILISATION)
    return load.windows * (reading + writing) / 3600


def training_hours(load: Load, size: Size, epochs: float, card: Card) -> float:
    """Return the GPU-hours of a LoRA training on the traces of a load.

    LoRA freezes the weights, so the backward pass computes gradients of activations only, and costs as much as the
    forward pass.
    """
    tokens = load.windows * (load.prefix + load.read + load.written)
    return 4 * size.parameters * tokens * epochs / (card.flops * FLOPS_UTILISATION) / 3600


def estimate_work(work: PlannedWork, results: Path) -> str:
    """Return the estimate of `work` as a text table.

    `results` is the results folder of the run; it must hold the models, prompts and windows that `work` names.
    """
    models = {load["recogniser"]: load["model"] for load in work["loads"]}
    models |= {training["student"]: training["model"] for training in work["trainings"]}
    sizes = {name: read_size(results / "models" / model) for name, model in models.items()}
    batch = AUTO_BATCH_SIZE if work["batch_size"] == "auto" else work["batch_size"]
    loads = _measure_loads(work["loads"], {name for name, size in sizes.items() if size}, results)
    rows: list[tuple[str, list[Load], list[float] | None]] = []
    for name in dict.fromkeys(load["recogniser"] for load in work["loads"]):
        own = [load for load in loads.values() if load.recogniser == name]
        size = sizes[name]
        hours = (
            [sum(recognition_hours(load, size, batch, card) for load in own) for card in CARDS.values()]
            if size
            else None
        )
        rows.append((f"recognise {name}", own, hours))
    for training in work["trainings"]:
        size, place = sizes[training["student"]], (training["teacher"], training["dataset"], "train")
        traces = loads[place] if training["teacher"] else _load_without_teacher(training, bool(size), results)
        examples = replace(traces, windows=min(traces.windows, training["max_examples"] or traces.windows))
        hours = [training_hours(examples, size, work["epochs"], card) for card in CARDS.values()] if size else None
        rows.append((f"distil {training['student']}", [examples], hours))
    return render_estimate(rows)


def render_estimate(rows: Sequence[tuple[str, list[Load], list[float] | None]]) -> str:
    """Return a text table of `rows` with a total; `<=` marks an upper limit.

    Each row is (description of the work, its loads, GPU-hours for each of `CARDS` or None for a served model).
    """
    lines = []
    for work, loads, hours in rows:
        read = sum(load.windows * load.read for load in loads)
        written = sum(load.windows * load.written for load in loads)
        limit = "<= " if any(load.at_most for load in loads) else ""
        cells = map(_format_hours, hours or [])
        windows = sum(load.windows for load in loads)
        lines.append([work, windows, _format_millions(read), limit + _format_millions(written), *cells])
    total = [sum(hours[place] for _, _, hours in rows if hours) for place in range(len(CARDS))]
    lines.append(["all", "", "", "", *map(_format_hours, total)])
    headings = ["work", "windows", "M tokens read", "M tokens written", *(f"{card} hours" for card in CARDS)]
    return tabulate(lines, headings, colalign=("left", *["right"] * (len(headings) - 1)), disable_numparse=True)


def _load_without_teacher(training: PlannedTraining, tokenised: bool, results: Path) -> Load:
    """Return the load of a student without a teacher: the train split, as if the student had labelled it itself."""
    own: PlannedLoad = {
        "recogniser": training["student"],
        "model": training["model"],
        "dataset": training["dataset"],
        "split": "train",
        "prompt": training["prompt"],
        "max_new_tokens": training["max_new_tokens"],
    }
    (load,) = _measure_loads([own], {training["student"]} if tokenised else set(), results).values()
    return load


def _measure_loads(
    planned: Iterable[PlannedLoad], tokenised: set[str], results: Path
) -> dict[tuple[str, str, str], Load]:
    """Return a dict from (recogniser, dataset, split) to its load.

    Prompt tokens are counted for the recognisers named in `tokenised`; for others they are 0.
    """

    @cache
    def windows(dataset: str) -> list[Window]:
        return read_windows(results / "datasets" / dataset / "windows.jsonl")

    @cache
    def split_windows(dataset: str, split: str) -> list[Window]:
        return [window for window in windows(dataset) if window["split"] == split]

    @cache
    def prompt_tokens(model: str, prompt: str, dataset: str, split: str) -> tuple[int, float]:
        return count_prompt_tokens(
            results / "models" / model, read_prompt(Path(prompt)), split_windows(dataset, split), windows(dataset)
        )

    loads: dict[tuple[str, str, str], Load] = {}
    for one in planned:
        name, dataset, split = one["recogniser"], one["dataset"], one["split"]
        count = len(split_windows(dataset, split))
        prefix, read = 0, 0.0
        if name in tokenised and count:
            prefix, read = prompt_tokens(one["model"], one["prompt"], dataset, split)
        measured = written_tokens((results / "predictions" / name).glob("*/*/*.stats.json"))
        written = one["max_new_tokens"] if measured is None else measured
        loads[name, dataset, split] = Load(name, count, prefix, read, written, measured is None)
    return loads


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def _format_millions(tokens: float) -> str:
    return f"{tokens / 10**6:.2f}"


def _format_hours(hours: float) -> str:
    return f"{hours:.1f}" if hours >= 1 else f"{hours:.2g}"
