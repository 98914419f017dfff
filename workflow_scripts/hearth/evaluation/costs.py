"""The cost table: time, tokens, memory and energy of recognition and training.

Seconds and memory differ from run to run, so they are kept apart from the scores.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, cast

import pandas as pd

from hearth.common.job_stats import JobStats, read_job_stats
from hearth.evaluation.notes import simulation_notes
from hearth.evaluation.rendering import Column, Table, cell_text, decimals

Work = Literal["prediction", "scoring", "training"]


class CostRow(TypedDict):
    """One row of the cost table: totals of the jobs that predicted or scored one split, or of one training.

    The recogniser of scored text is the one that scored it, and its tokens are those that were scored. A value is None
    if it does not apply or was not measured.
    """

    work: Work
    recogniser: str
    dataset: str | None
    split: str
    windows: float | None
    seconds: float | None
    windows_per_second: float | None
    examples: float | None
    examples_per_second: float | None
    prompt_tokens: float | None
    completion_tokens: float | None
    completion_tokens_per_second: float | None
    energy_joules: float | None
    peak_memory_bytes: float | None
    device: str | None
    dtype: str | None
    engine: str | None
    batch_size: str | None


COLUMNS = {
    "work": Column("Work", number=False),
    "recogniser": Column("Recogniser", number=False),
    "dataset": Column("Dataset", number=False),
    "split": Column("Split", number=False),
    "windows": Column("Windows"),
    "seconds": Column("Seconds", decimals(1)),
    "windows_per_second": Column("Windows/s", decimals(2)),
    "examples": Column("Examples"),
    "examples_per_second": Column("Examples/s", decimals(2)),
    "prompt_tokens": Column("Prompt tokens"),
    "completion_tokens": Column("Completion tokens"),
    "completion_tokens_per_second": Column("Completion tokens/s", decimals(1)),
    "energy_joules": Column("Energy (Wh)", lambda value: f"{value / 3600:.3g}"),
    "peak_memory_bytes": Column("Peak memory (GiB)", lambda value: f"{value / 2**30:.2f}"),
    "device": Column("Device", number=False),
    "dtype": Column("Precision", number=False),
    "engine": Column("Engine", number=False),
    "batch_size": Column("Batch", number=False),
}
NOTE = (
    "Cost",
    [
        "seconds are summed over the shards of a split, as if one device had run them all; loading the model is not"
        " included",
        "peak memory is that of the shard that used most",
        "energy is read from the machine's meters (RAPL for processors, NVML for GPUs), so it includes what other"
        " programs used during the job; it is missing if no meter can be read",
        "timings differ from run to run; no other table depends on them",
    ],
)
_SUMMED = ("windows", "examples", "seconds", "prompt_tokens", "completion_tokens", "energy_joules")
_DISTINCT = ("device", "dtype", "engine", "batch_size")


def cost_table(
    predictions: Mapping[tuple[str, str, str], Sequence[JobStats]],
    trainings: Mapping[str, Sequence[JobStats]],
    simulated: Sequence[str],
    tiny: Sequence[str],
    commit: str,
    scoring: Mapping[tuple[str, str, str], Sequence[JobStats]] | None = None,
) -> Table:
    """Build the cost table.

    `predictions` maps (recogniser, dataset, split) to the stats of all shards, `trainings` maps a student to the stats
    of its training in each fold, `scoring` maps (teacher, dataset, split) to those of all text that it scored. The
    names of `simulated` datasets and of `tiny` recognisers are marked. Raises ValueError without stats.
    """
    rows = [prediction_row(*names, shards) for names, shards in predictions.items()]
    rows += [_row("scoring", *names, shards) for names, shards in (scoring or {}).items()]
    rows += [training_row(student, folds) for student, folds in trainings.items()]
    if not rows:
        raise ValueError("a cost table needs the stats of at least one prediction or training")
    marks = {"dataset": ("simulated", set(simulated)), "recogniser": ("tiny", set(tiny))}

    def cell(row: Mapping[str, Any], name: str) -> str:
        mark, marked = marks.get(name, ("", ()))
        text = cell_text(COLUMNS[name], row[name])
        return f"{text} ({mark})" if text in marked else text

    jobs = [
        *(stats for shards in predictions.values() for stats in shards),
        *(stats for shards in (scoring or {}).values() for stats in shards),
        *(stats for folds in trainings.values() for stats in folds),
    ]
    versions = {f"{package} {version}" for stats in jobs for package, version in stats.get("versions", {}).items()}
    return Table(
        title="Cost",
        caption="",
        columns=list(COLUMNS.values()),
        cells=[[cell(row, name) for name in COLUMNS] for row in rows],
        records=[dict(row) for row in rows],
        notes=[
            NOTE,
            *([("Simulated data", simulation_notes(list(simulated)))] if simulated else []),
            *([("Tiny models", [f"{', '.join(tiny)}: stand-ins for real models"])] if tiny else []),
            *([("Versions", sorted(versions))] if versions else []),
            ("Code", [f"git commit {commit}"]),
        ],
    )


def prediction_row(recogniser: str, dataset: str, split: str, shards: Sequence[JobStats]) -> CostRow:
    """Return the cost row of a recogniser's predictions on a split, from the stats of all its shards."""
    return _row("prediction", recogniser, dataset, split, shards)


def training_row(student: str, folds: Sequence[JobStats]) -> CostRow:
    """Return the cost row of a student's training, from the stats of every fold."""
    return _row("training", student, "", "train", folds)


def read_shard_stats(paths: Sequence[Path]) -> dict[tuple[str, str, str], list[JobStats]]:
    """Return a dict from (recogniser, dataset, split) to the stats of its shards; the split is all, test or train.

    The tested parts of all folds count as one split, `test`. Raises ValueError for a path without these three names.
    """
    shards: dict[tuple[str, str, str], list[JobStats]] = {}
    for path in paths:
        if len(path.parts) < 4:
            raise ValueError(f"{path}: expected <recogniser>/<dataset>/<split>/<shard>.stats.json")
        recogniser, dataset, split = path.parts[-4], path.parts[-3], path.parts[-2].rstrip("0123456789")
        shards.setdefault((recogniser, dataset, split), []).append(read_job_stats(path))
    return shards


def read_scoring_stats(paths: Sequence[Path]) -> dict[tuple[str, str, str], list[JobStats]]:
    """Return a dict from (teacher, dataset, split) to the stats of the shards of all text that the teacher scored.

    The train splits of all folds count as one. `paths` end in <teacher>/<recogniser>/<dataset>/<split>/<shard>.
    """
    shards: dict[tuple[str, str, str], list[JobStats]] = {}
    for path in paths:
        teacher, _, dataset, split = path.parts[-5:-1]
        shards.setdefault((teacher, dataset, split.rstrip("0123456789")), []).append(read_job_stats(path))
    return shards


def read_cost_rows(path: Path) -> list[CostRow]:
    """Read the CSV of a cost table; empty cells are None. Raises ValueError naming the file and a missing column."""
    table = pd.read_csv(path, comment="#", keep_default_na=False, na_values=[""])
    for name in CostRow.__annotations__:
        if name not in table.columns:
            raise ValueError(f"{path}: no column {name!r}; cost.py writes this file")
    return cast(list[CostRow], table.astype(object).where(table.notna(), None).to_dict("records"))


def _row(work: Work, recogniser: str, dataset: str, split: str, jobs: Sequence[JobStats]) -> CostRow:
    """Return one row: sums over `jobs`, the largest peak memory, and the distinct devices, dtypes, engines and batches.

    A sum is None if some job did not measure it.
    """
    documents: list[Mapping[str, Any]] = [dict(stats) for stats in jobs]
    known = {key: [one[key] for one in documents if one.get(key) is not None] for key in (*_SUMMED, *_DISTINCT)}
    sums = {key: sum(known[key]) if len(known[key]) == len(jobs) else None for key in _SUMMED}
    peaks = [peak for stats in jobs if (peak := stats.get("peak_memory_bytes")) is not None]
    row = {
        "work": work,
        "recogniser": recogniser,
        "dataset": dataset,
        "split": split,
        **sums,
        "windows_per_second": _per_second(sums["windows"], sums["seconds"]),
        "examples_per_second": _per_second(sums["examples"], sums["seconds"]),
        "completion_tokens_per_second": _per_second(sums["completion_tokens"], sums["seconds"]),
        "peak_memory_bytes": max(peaks, default=None),
        **{key: ", ".join(dict.fromkeys(map(str, known[key]))) for key in _DISTINCT},
    }
    return cast(CostRow, {name: row[name] for name in CostRow.__annotations__})


def _per_second(amount: float | None, seconds: float | None) -> float | None:
    return amount / seconds if amount is not None and seconds else None
