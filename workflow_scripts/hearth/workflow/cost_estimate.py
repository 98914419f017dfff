"""Estimate, before a run, the GPUs that each model needs and the hours of every recogniser and training.

Hours follow from the GPUs' data sheets and from shares of them that are measured or assumed
(`docs/cards-and-cost.md`). They are rough: they tell an afternoon from a month.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from tabulate import tabulate

from hearth.common.files import read_json_object
from hearth.distillation.memory_estimate import zero_stage
from hearth.distillation.settings import TrainingSettings
from hearth.distillation.target_modules import check_target_modules
from hearth.models.measure import ModelShape, has_tied_head, linear_layers, measure_model
from hearth.models.snapshot import read_snapshot
from hearth.workflow import gpu_memory, training_memory
from hearth.workflow.cards import CARDS, card_of, find_card
from hearth.workflow.fold_cost import compare_with_one_seed, compare_with_plain_split
from hearth.workflow.planned_work import (
    Load,
    PlannedTraining,
    PlannedWork,
    loads_of,
    longest_window,
    measure_loads,
)
from hearth.workflow.score_sizes import scored_sizes
from hearth.workflow.throughput import CORE_FLOPS, COUNTS, Job, batch_of, job_of, window_seconds, windows_held
from hearth.workflow.training_load import training_load
from hearth.workflow.training_memory import Training

# Of numbers of cards, a smaller one is preferred if its GPU-hours are at most this many times the fewest.
WASTE = 1.5
# Windows in the cache beyond which more cards for one model are not shown: the engine has enough to do.
ENOUGH_WINDOWS = 64
# Formats that are shown beside the one that the run uses. A model in GPTQ has the size of one in AWQ.
OTHER_FORMATS = {"bf16": "bf16", "fp8": "fp8", "awq": "awq, gptq"}
# Assumed share of a GPU's arithmetic that a training reaches. Measured on an H100 (docs/benchmarks.md): seconds that it
# takes to start the kernels of a layer, forward and backward, for a micro-batch.
TRAINING_FLOPS_SHARE, TRAINING_LAYER_SECONDS = 0.4, 0.008

CARD_NOTES = """
Number of cards: "2 (90)" means that two cards hold the model, and 90 of the longest windows in the key-value cache;
"no" means that eight do not. More cards are shown until they hold 64 windows. Formats other than the run's are
calculated; to use one, name a checkpoint in that format, or set engine_options: {quantization: fp8}.
In the table of hours, "(2x90)" means 2 cards, 90 windows at a time. The number of cards is the registry's `gpus` where
that does, else one that wastes few GPU-hours: set it.
"""


@dataclass(frozen=True)
class WorkRow:
    """A row of the table of work.

    `hours` is a dict from the name of a card, or "CPU core", to (hours, remark). If shards of the work are finished,
    "measured" has the hours by their speed, on the cards or cores that they had. Without any of these no card does.
    The work of a server has None.
    """

    work: str
    engine: str
    loads: list[Load]
    hours: Mapping[str, tuple[float, str]] | None


def read_shape(folder: Path) -> ModelShape | None:
    """Return the shape of a fetched model; None for a served model, which uses no GPU of the run."""
    return None if "served" in read_snapshot(folder) else measure_model(folder)


def estimate_work(work: PlannedWork, results: Path) -> str:
    """Return the estimate of `work` as text: tables of cards, if a model's jobs have GPUs, and the table of work.

    `results` is the results folder of the run; it must hold the models, prompts and windows that `work` names.
    """
    shapes = {name: shape for name in work["models"] if (shape := read_shape(results / "models" / name))}
    for base in dict.fromkeys(training["model"] for training in work["trainings"]):
        folder = results / "models" / base
        check_target_modules(
            work["training"]["lora"]["target_modules"], base, linear_layers(folder), has_tied_head(folder)
        )
    loads = measure_loads(work["loads"], shapes, results)
    ranks = {one["recogniser"]: one["lora_rank"] for one in work["loads"]}
    models = {one["recogniser"]: one["model"] for one in work["loads"]}

    def job(model: str, rank: int) -> Job:
        return job_of(shapes[model], work["models"][model], work["settings"], work["engines"][model], rank)

    card_rows: list[list[str]] = []
    warnings = _card_warnings(work["models"].values())
    for name, shape in shapes.items():
        own = loads_of(name, work["loads"], loads)
        options = work["models"][name]["engine_options"]
        if work["engines"][name] == "transformers":
            if options:
                warnings.append(f"{name}: its engine_options apply to vllm and server only; transformers ignores them")
            options = {}
        context = options.get("max_model_len") or shape.context
        warnings += _context_warnings(name, context, longest_window(own))
        planned = job(name, max((ranks[load.recogniser] for load in own), default=0))
        if planned.gpus and planned.engine == "vllm":
            problem = gpu_memory.sharing_problem(shape, planned.gpus, planned.pipeline)
            warnings += [f"{name}: {problem}"] if problem else []
        if planned.gpus and own:
            card_rows += _card_rows(name, shape, longest_window(own), planned)
    rows = []
    for name, model in models.items():
        own = [load for load in loads.values() if load.recogniser == name]
        hours = recognition_hours(shapes[model], own, job(model, ranks[name])) if model in shapes else None
        if hours is not None and all(load.seconds is not None for load in own):
            seconds = sum(load.windows * (load.seconds or 0) for load in own)
            planned = job(model, ranks[name])
            hours["measured"] = (seconds * (planned.gpus or planned.threads) / 3600, "")
        rows.append(WorkRow(f"recognise {name}", work["engines"][model], own, hours))
    on_gpus = []
    stage = zero_stage(read_json_object(Path(work["deepspeed"])))
    for student, of_folds in groupby(work["trainings"], key=itemgetter("student")):
        folds = list(of_folds)
        own = [training_load(fold, shapes, loads, results) for fold in folds]
        # The folds differ by a few windows; the largest stands for the memory of all.
        training = _training_on_gpus(
            folds[0], max(own, key=lambda load: load.longest.read + load.longest.written), work, shapes, stage
        )
        settings: TrainingSettings = {**work["training"], "epochs": folds[0]["epochs"]}
        rows.append(_training_row(student, own, shapes[folds[0]["model"]], settings, training))
        on_gpus += [training] if training else []
        warnings += _length_warnings(student, own[0].mean, work["training"]["max_length"])
    tables = []
    if card_rows:
        tables.append(f"Number of cards (windows in their cache)\n\n{_render_cards(card_rows)}\n{CARD_NOTES.rstrip()}")
    if on_gpus:
        headings, cells = training_memory.table_rows(on_gpus)
        align = ("left", "right", "right", *["left"] * len(CARDS))
        table = tabulate(cells, headings, colalign=align, disable_numparse=True)
        problems = "".join(f"\n{problem}\n" for training in on_gpus if (problem := training_memory.problem(training)))
        heading = "Micro-batch and GB of each card in training"
        tables.append(f"{heading}\n\n{table}\n{problems}{training_memory.NOTES.rstrip()}")
    heading = "Hours (cards x windows at a time)" if card_rows else "Hours"
    compared = [compare_with_plain_split(work, loads), *compare_with_one_seed(work, loads)]
    others = [*filter(None, compared), *scored_sizes(work, loads), *warnings]
    return "\n\n".join([*tables, f"{heading}\n\n{render_work(rows)}", *others])


def recognition_hours(shape: ModelShape, loads: Sequence[Load], job: Job) -> dict[str, tuple[float, str]]:
    """Return (GPU-hours, "cards x windows at a time") for each card that does; (core-hours, "") without a GPU."""
    if not job.gpus:
        seconds = sum(load.windows * window_seconds(shape, load.mean, job) for load in loads)
        return {"CPU core": (seconds * job.threads / 3600, "")}
    hours = {}
    for name, card in CARDS.items():
        trials = [replace(job, card=card), *(replace(job, card=card, gpus=count, pipeline=1) for count in COUNTS)]
        possible = [trial for trial in trials if windows_held(shape, longest_window(loads), trial)]
        costs = [(*_gpu_hours(shape, loads, trial), trial.gpus) for trial in possible]
        if costs:
            # The registry's number of cards if it does, else the smallest that wastes few hours.
            cheap = [cost for cost in costs if cost[0] <= WASTE * min(costs)[0]]
            total, batch, gpus = costs[0] if possible[0].gpus == job.gpus else cheap[0]
            hours[name] = (total, f"{gpus}x{batch}")
    return hours


def _gpu_hours(shape: ModelShape, loads: Sequence[Load], job: Job) -> tuple[float, int]:
    """Return (GPU-hours of a job on its cards, largest number of windows at a time)."""
    seconds, largest = 0.0, 0
    for load in loads:
        batch = min(batch_of(shape, load.mean, job), load.windows) or 1
        seconds += load.windows * window_seconds(shape, load.mean, replace(job, batch_size=batch))
        largest = max(largest, batch)
    return seconds * job.gpus / 3600, largest


def training_hours(
    shape: ModelShape,
    load: Load,
    settings: TrainingSettings,
    flops: float,
    layer_seconds: float = 0,
    micro_batch: int = 1,
) -> float:
    """Return the hours of a LoRA training on the traces of a load, at `flops` operations per second.

    LoRA freezes the weights, so the backward pass computes gradients of activations only, and costs as much as the
    forward pass. The shared prefix is read once for a batch of examples. `layer_seconds` is the time that a layer's
    kernels take to start, for each micro-batch.
    """
    prefix = load.mean.prefix / (settings["batch_size"] if settings["shared_prefix"] else 1)
    computing = 4 * shape.parameters * (prefix + load.mean.read + load.mean.written) / flops
    starting = shape.layers * layer_seconds / micro_batch
    return load.windows * settings["epochs"] * (computing + starting) / 3600


def render_work(rows: Iterable[WorkRow]) -> str:
    """Return a text table of `rows` with a total; `<=` marks an upper limit, "no" a card that does not do."""
    rows = list(rows)
    places = [name for name in ("CPU core", *CARDS, "measured") if any(name in (row.hours or {}) for row in rows)]
    lines = []
    for row in rows:
        read = sum(load.windows * load.mean.read for load in row.loads)
        written = sum(load.windows * load.mean.written for load in row.loads)
        limit = "<= " if any(load.seconds is None for load in row.loads) else ""
        windows = sum(load.windows for load in row.loads)
        cells = [_hours_cell(row, place) for place in places]
        lines.append([row.work, row.engine, windows, _format_millions(read), limit + _format_millions(written), *cells])
    known = [row.hours for row in rows if row.hours]
    totals = [_format_small(sum(hours[place][0] for hours in known if place in hours)) for place in places]
    lines.append(["total", "", "", "", "", *totals])
    headings = ["work", "engine", "windows", "M tokens read", "M tokens written", *places]
    return tabulate(lines, headings, colalign=("left", "left", *["right"] * (len(headings) - 2)), disable_numparse=True)


def _card_rows(name: str, shape: ModelShape, longest: gpu_memory.WindowTokens, job: Job) -> list[list[str]]:
    """Return the rows of the table of cards for a model: the format that the run uses, then those it can be put in."""
    formats = {job.weight_format: f"{job.weight_format} (this run)"}
    if shape.stored_as in gpu_memory.UNQUANTISED:
        formats |= {one: label for one, label in OTHER_FORMATS.items() if one != job.weight_format}
    window_bytes = (longest.read + longest.written) * shape.cache_bytes(job.memory.cache_value_bytes)
    rows = []
    for weight_format, label in formats.items():
        cells = [
            _counts_cell(shape, longest, replace(job, card=card, weight_format=weight_format, pipeline=1))
            for card in CARDS.values()
        ]
        weights = gpu_memory.weight_bytes(shape, weight_format)
        rows.append([name, label, _format_small(weights / 1e9), f"{window_bytes / 1e6:.0f}", *cells])
    return rows


def _counts_cell(shape: ModelShape, longest: gpu_memory.WindowTokens, job: Job) -> str:
    """Return which counts of a card do, each with the windows in its cache: "1 (26), 2 (219)"."""
    parts = []
    for count in COUNTS:
        windows = windows_held(shape, longest, replace(job, gpus=count))
        if windows:
            parts.append(f"{count} ({windows})")
        if windows >= ENOUGH_WINDOWS:
            break
    return ", ".join(parts) or "no"


def _render_cards(rows: list[list[str]]) -> str:
    headings = ["model", "format", "GB weights", "MB cache a window", *CARDS]
    align = ("left", "left", "right", "right", *["left"] * len(CARDS))
    return tabulate(rows, headings, colalign=align, disable_numparse=True)


def _card_warnings(models: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a text for each card that the registry names and the tables do not show."""
    warnings = []
    for gpu_type in dict.fromkeys(model["gpu_type"] for model in models):
        if gpu_type and not find_card(gpu_type):
            warnings.append(f"gpu_type {gpu_type}: not known to the plan; read the column of a card with its memory")
        elif gpu_type and find_card(gpu_type) not in CARDS:
            memory = card_of(gpu_type).memory / 1e9
            warnings.append(f"gpu_type {gpu_type}: has no column; read that of a card with about {memory:.0f} GB")
    return warnings


def _context_warnings(name: str, context: int, longest: gpu_memory.WindowTokens) -> list[str]:
    prompt = longest.prefix + longest.read
    if not context or prompt + longest.written <= context:  # 0: the config does not say
        return []
    return [
        f"{name}: its longest prompt of {prompt} tokens and decoding.max_new_tokens of {longest.written} exceed its "
        f"context of {context} tokens, so such windows stay unanswered: lower it, or use another model"
    ]


def _length_warnings(student: str, mean: gpu_memory.WindowTokens, max_length: int) -> list[str]:
    prompt = mean.prefix + mean.read
    if prompt < max_length:
        return []
    return [
        f"distil {student}: its mean prompt of {prompt:.0f} tokens, {mean.prefix:.0f} of them in the static prefix, "
        f"leaves no room for a trace in students.training.max_length of {max_length}: raise it, because longer "
        "examples are left out"
    ]


def _training_on_gpus(
    training: PlannedTraining, load: Load, work: PlannedWork, shapes: Mapping[str, ModelShape], stage: int
) -> Training | None:
    """Return a training on GPUs; None for one on a CPU."""
    model = work["models"][training["model"]]
    if not model["train_gpus"] or work["settings"]["device"] == "cpu":
        return None
    settings: TrainingSettings = {
        **work["training"],
        "lora": {**work["training"]["lora"], "r": training["rank"]},
        "epochs": training["epochs"],
    }
    return training_memory.training_on_gpus(
        training["student"],
        shapes[training["model"]],
        settings,
        load.longest,
        model,
        work["training_dtype"],
        stage,
    )


def _training_row(
    student: str, loads: list[Load], shape: ModelShape, settings: TrainingSettings, training: Training | None
) -> WorkRow:
    """Return the row of a student's trainings, one for each of `loads`, the traces of its folds."""
    hours = {}
    if training is None:
        hours["CPU core"] = (sum(training_hours(shape, load, settings, CORE_FLOPS) for load in loads), "")
    else:
        for name, card in CARDS.items():
            if micro_batch := training_memory.micro_batch_on(training, card):
                speed = card.bf16 * TRAINING_FLOPS_SHARE, TRAINING_LAYER_SECONDS, micro_batch
                hours[name] = (sum(training_hours(shape, load, training.settings, *speed) for load in loads), "")
    times = f" x {len(loads)} folds" if len(loads) > 1 else ""
    return WorkRow(f"distil {student}{times}", "", loads, hours)


def _hours_cell(row: WorkRow, place: str) -> str:
    if row.hours is None or place not in row.hours:
        return "no" if row.hours is not None and place in CARDS and "CPU core" not in row.hours else ""
    hours, remark = row.hours[place]
    return _format_small(hours) + (f" ({remark})" if remark else "")


def _format_millions(tokens: float) -> str:
    return f"{tokens / 10**6:.2f}"


def _format_small(number: float) -> str:
    if 0 < number < 0.01:
        return "<0.01"
    return f"{number:.1f}" if number >= 1 else f"{number:.2g}"
