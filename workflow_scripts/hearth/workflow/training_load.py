"""Estimate how many traces a student learns from in a training, and their tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hearth.data.folds import read_splits
from hearth.distillation.balance import divide, own_limit, replayed_count
from hearth.models.measure import ModelShape
from hearth.workflow.gpu_memory import WindowTokens
from hearth.workflow.planned_work import (
    Load,
    PlannedSource,
    PlannedTraining,
    label_tokens,
    longest_window,
    untaught_load,
)


def training_load(
    training: PlannedTraining,
    shapes: Mapping[str, ModelShape],
    loads: Mapping[tuple[str, str, str], Load],
    results: Path,
) -> Load:
    """Return the load of the traces that a student learns from, or of the labels if it does not learn to reason."""
    parts = [_source_load(training, source, shapes, loads, results) for source in training["sources"]]
    split = f"train{training['fold']}"
    sizes = [read_splits(results / "datasets" / name / "splits.json")["windows"][split] for name in training["sized"]]
    limits = [*sizes, *filter(None, [training["max_examples"]])]
    counts = _divide(training, parts, min(limits, default=None))
    return replace(parts[0], windows=sum(counts), mean=_mean_window(parts, counts), longest=longest_window(parts))


def _source_load(
    training: PlannedTraining,
    source: PlannedSource,
    shapes: Mapping[str, ModelShape],
    loads: Mapping[tuple[str, str, str], Load],
    results: Path,
) -> Load:
    """Return the load of all traces of one dataset."""
    folder, split = results / "datasets" / source["dataset"], f"train{training['fold']}"
    if source["teacher"]:
        traces = replace(
            loads[source["teacher"], source["dataset"], source["traces_split"]],
            windows=read_splits(folder / "splits.json")["windows"][split],
        )
    else:
        traces = untaught_load(training, source, shapes, results)
    if training["reasons"]:
        return traces
    mean, longest = label_tokens(folder, split)
    return replace(traces, mean=replace(traces.mean, written=mean), longest=replace(traces.longest, written=longest))


def _divide(training: PlannedTraining, parts: Sequence[Load], limit: int | None) -> list[int]:
    """Return how many traces each part gives, as `distillation.examples` divides them."""
    replayed = [source["is_replayed"] for source in training["sources"]]
    own = [part.windows for part, again in zip(parts, replayed, strict=True) if not again]
    again = [part.windows for part, again in zip(parts, replayed, strict=True) if again]
    counts = divide(own_limit(limit, training["replay"]), own, training["balance"])
    if not again:
        return counts
    number = replayed_count(training["replay"], sum(counts), limit)
    return counts + divide(number, again, training["balance"])


def _mean_window(parts: Sequence[Load], counts: Sequence[int]) -> WindowTokens:
    """Return the mean of the tokens of windows, `counts` of each part."""
    total = sum(counts)
    if not total:
        return parts[0].mean

    def mean(name: str) -> float:
        values = [getattr(part.mean, name) for part in parts]
        return sum(value * count for value, count in zip(values, counts, strict=True)) / total

    return WindowTokens(mean("prefix"), mean("read"), mean("written"))
