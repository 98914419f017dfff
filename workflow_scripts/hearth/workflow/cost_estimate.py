"""What a run asks of GPUs, told before any of it runs: windows, tokens and GPU-hours of every recogniser and training.

Hours follow from the cards' data sheets and from two shares of them that are assumed (`docs/cluster.md` has the
formula), so they say whether it is an afternoon or a month, and not when to come back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tabulate import tabulate

from hearth.common.files import read_json
from hearth.data.windows import read_windows
from hearth.models.load import load_tokenizer
from hearth.models.snapshot import read_snapshot
from hearth.prompting.prompts import split_prompt, user_turns

BYTES_A_VALUE = 2  # bfloat16, of weights as of keys and values
# Assumed: what is reached of a card's arithmetic when it reads a prompt, of its bandwidth when it writes.
REACHED_FLOPS, REACHED_BANDWIDTH = 0.5, 0.8
# Where the batch is as large as memory allows.
LARGE_BATCH = 64
# Windows whose prompts are counted; what all have is taken to be their mean.
COUNTED = 200


@dataclass(frozen=True)
class Card:
    """A GPU by its data sheet: operations a second, dense in bfloat16, and bytes a second."""

    flops: float
    bandwidth: float


CARDS = {"A100": Card(312e12, 2.04e12), "H100": Card(989e12, 3.35e12), "H200": Card(989e12, 4.8e12)}


@dataclass(frozen=True)
class Size:
    """A model's parameters, and bytes of keys and values a token."""

    parameters: int
    cache: int


@dataclass(frozen=True)
class Load:
    """Windows of one split of one dataset for one recogniser: how many, and their tokens on average.

    `prefix` is read once for all; `at_most` says that `written` is the most there can be and not what was measured.
    """

    recogniser: str
    windows: int
    prefix: int
    read: float
    written: float
    at_most: bool


def size_of(folder: Path) -> Size | None:
    """The size of a fetched model; None of a served one, whose GPUs are somebody else's."""
    snapshot = read_snapshot(folder)
    if "served" in snapshot:
        return None
    config = read_json(Path(folder) / "config.json")
    config = config.get("text_config", config)  # of a model that reads more than text
    heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    return Size(snapshot["parameters"], 2 * config["num_hidden_layers"] * heads * width * BYTES_A_VALUE)


def prompt_tokens(folder: Path, prompt: Mapping, asked: Sequence[dict], dataset: Sequence[dict]) -> tuple[int, float]:
    """(tokens of the static prefix, mean tokens of what follows it) of a model's prompts for the windows `asked`.

    At most `COUNTED` of them are looked at, spread evenly. `dataset` are all windows, some of which a prompt may show.
    """
    tokenizer = load_tokenizer(folder)
    sample = asked[:: -(-len(asked) // COUNTED)]
    turns = user_turns(prompt, sample, dataset)
    parts = [
        split_prompt(tokenizer, prompt["system"], turns[window["window_id"]], prompt["reasoning"]) for window in sample
    ]
    prefix = len(_ids(tokenizer, parts[0][0]))
    return prefix, sum(len(_ids(tokenizer, suffix)) for _, suffix in parts) / len(parts)


def written_tokens(stats: Iterable[Path]) -> float | None:
    """Mean tokens a window that finished shards wrote, by their stats; None without any."""
    shards = [read_json(path) for path in stats]
    windows = sum(shard["windows"] for shard in shards)
    return sum(shard["completion_tokens"] for shard in shards) / windows if windows else None


def recognition_hours(load: Load, size: Size, batch: int, card: Card) -> float:
    """GPU-hours of a load on a card, in batches of `batch` windows, each token of which reads all weights once."""
    reading = 2 * size.parameters * load.read / (card.flops * REACHED_FLOPS)
    # Half of what is written lies in the cache while a token is written, on average.
    context = load.prefix + load.read + load.written / 2
    moved = size.parameters * BYTES_A_VALUE / batch + context * size.cache
    writing = load.written * moved / (card.bandwidth * REACHED_BANDWIDTH)
    return load.windows * (reading + writing) / 3600


def training_hours(load: Load, size: Size, epochs: float, card: Card) -> float:
    """GPU-hours of a LoRA training on the traces of a load: forward, and backward to the activations alone."""
    tokens = load.windows * (load.prefix + load.read + load.written)
    return 4 * size.parameters * tokens * epochs / (card.flops * REACHED_FLOPS) / 3600


def plan(spec: Mapping, results: Path) -> str:
    """The plan of a run as text.

    `spec` has `loads` (objects of recogniser, model, dataset, split, prompt, max_new_tokens; none of baselines),
    `trainings` (objects of student, model, teacher or "", dataset, max_examples, prompt, max_new_tokens), `batch_size`
    and `epochs`; `results` is the run's folder of results, which has models, prompts and windows already.
    """
    models = {one["recogniser"]: one["model"] for one in spec["loads"]}
    models |= {one["student"]: one["model"] for one in spec["trainings"]}
    sizes = {name: size_of(results / "models" / model) for name, model in models.items()}
    batch = LARGE_BATCH if spec["batch_size"] == "auto" else spec["batch_size"]
    loads = _loads(spec["loads"], {name for name, size in sizes.items() if size}, results)
    rows = []
    for name in dict.fromkeys(one["recogniser"] for one in spec["loads"]):
        own = [load for load in loads.values() if load.recogniser == name]
        size = sizes[name]
        hours = size and [sum(recognition_hours(load, size, batch, card) for load in own) for card in CARDS.values()]
        rows.append((f"recognise {name}", own, hours))
    for one in spec["trainings"]:
        size, place = sizes[one["student"]], (one["teacher"], one["dataset"], "train")
        taught = loads[place] if one["teacher"] else _untaught(one, bool(size), results)
        learned = replace(taught, windows=min(taught.windows, one["max_examples"] or taught.windows))
        hours = size and [training_hours(learned, size, spec["epochs"], card) for card in CARDS.values()]
        rows.append((f"distil {one['student']}", [learned], hours))
    return table(rows)


def table(rows: Sequence[tuple[str, list[Load], list[float] | None]]) -> str:
    """(work, its loads, hours by card or None) as text with a sum; `<=` stands before what nothing measured."""
    lines = []
    for work, loads, hours in rows:
        read = sum(load.windows * load.read for load in loads)
        written = sum(load.windows * load.written for load in loads)
        most = "<= " if any(load.at_most for load in loads) else ""
        shown = map(_hours, hours or [])
        lines.append([work, sum(load.windows for load in loads), _millions(read), most + _millions(written), *shown])
    total = [sum(hours[place] for _, _, hours in rows if hours) for place in range(len(CARDS))]
    lines.append(["all", "", "", "", *map(_hours, total)])
    headings = ["work", "windows", "M tokens read", "M tokens written", *(f"{card} hours" for card in CARDS)]
    return tabulate(lines, headings, colalign=("left", *["right"] * (len(headings) - 1)), disable_numparse=True)


def _untaught(training: Mapping, counted: bool, results: Path) -> Load:
    """The load that a student without a teacher learns from: as if it had labelled the train split itself."""
    student = training["student"]
    as_load = {**training, "recogniser": student, "split": "train"}
    return _loads([as_load], {student} if counted else set(), results)[student, training["dataset"], "train"]


def _loads(wanted: Iterable[Mapping], counted: set[str], results: Path) -> dict[tuple[str, str, str], Load]:
    """The loads by recogniser, dataset and split; prompts are read of the recognisers `counted` alone."""
    windows = cache(lambda dataset: read_windows(results / "datasets" / dataset / "windows.jsonl"))

    @cache
    def asked(dataset: str, split: str) -> list[dict]:
        return [window for window in windows(dataset) if window["split"] == split]

    @cache
    def tokens(model: str, prompt: str, dataset: str, split: str) -> tuple[int, float]:
        return prompt_tokens(
            results / "models" / model, read_json(Path(prompt)), asked(dataset, split), windows(dataset)
        )

    loads = {}
    for one in wanted:
        place = name, dataset, split = one["recogniser"], one["dataset"], one["split"]
        count = len(asked(dataset, split))
        known = name in counted and count
        prefix, read = tokens(one["model"], one["prompt"], dataset, split) if known else (0, 0.0)
        measured = written_tokens((results / "predictions" / name).glob("*/*/*.stats.json"))
        written = one["max_new_tokens"] if measured is None else measured
        loads[place] = Load(name, count, prefix, read, written, measured is None)
    return loads


def _ids(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def _millions(tokens: float) -> str:
    return f"{tokens / 10**6:.2f}"


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours >= 1 else f"{hours:.2g}"
