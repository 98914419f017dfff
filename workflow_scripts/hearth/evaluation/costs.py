"""The cost table: what predictions and trainings took.

Seconds and memory change from run to run, so they live here, apart from the scores.
"""

from collections.abc import Iterable

from hearth.evaluation.rendering import Column, Table, decimals, shown

_TEXT = {"number": False}
COLUMNS = {
    "work": Column("Work", **_TEXT),
    "recogniser": Column("Recogniser", **_TEXT),
    "dataset": Column("Dataset", **_TEXT),
    "split": Column("Split", **_TEXT),
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
    "device": Column("Device", **_TEXT),
    "dtype": Column("Precision", **_TEXT),
    "engine": Column("Engine", **_TEXT),
    "batch_size": Column("Batch", **_TEXT),
}
NOTE = (
    "Cost",
    [
        "seconds add up over a split's shards, as if one device had done them all, model loading left out;"
        " peak memory is the largest of them",
        "energy is all that the machine's meters counted meanwhile (processors by RAPL, GPUs by NVML); none where it"
        " has or shows no meter",
        "timings differ from run to run; no other table depends on them",
    ],
)
_SUMMED = ("windows", "examples", "seconds", "prompt_tokens", "completion_tokens", "energy_joules")
_NAMED = ("device", "dtype", "engine", "batch_size")


def prediction(recogniser: str, dataset: str, split: str, shards: list[dict]) -> dict:
    """One record of the cost table from the stats of all shards of a split."""
    return _record({"work": "prediction", "recogniser": recogniser, "dataset": dataset, "split": split}, shards)


def training(student: str, stats: dict) -> dict:
    """One record of the cost table from the stats of a student's training."""
    return _record({"work": "training", "recogniser": student, "dataset": "", "split": "train"}, [stats])


def build(records: list[dict], simulated: Iterable[str], tiny: Iterable[str], commit: str) -> Table:
    """The cost table; `simulated` datasets and `tiny` recognisers are called that."""
    if not records:
        raise ValueError("a cost table needs the stats of at least one prediction or training")
    called = {"dataset": ("simulated", set(simulated)), "recogniser": ("tiny", set(tiny))}

    def cell(record: dict, name: str) -> str:
        kind, names = called.get(name, ("", ()))
        text = shown(COLUMNS[name], record[name])
        return f"{text} ({kind})" if text in names else text

    notes = [NOTE, ("Versions", sorted({version for record in records for version in record["versions"]}))]
    return Table(
        title="Cost",
        caption="",
        columns=list(COLUMNS.values()),
        cells=[[cell(record, name) for name in COLUMNS] for record in records],
        records=[{name: record[name] for name in COLUMNS} for record in records],
        notes=[*((heading, said) for heading, said in notes if said), ("Code", [f"git commit {commit}"])],
    )


def _record(names: dict, stats: list[dict]) -> dict:
    """Sums, the largest memory and the distinct devices; None for what the stats do not tell."""
    given = {key: [one[key] for one in stats if one.get(key) is not None] for key in (*_SUMMED, *_NAMED)}
    sums = {key: sum(given[key]) if len(given[key]) == len(stats) else None for key in _SUMMED}
    peaks = [one["peak_memory_bytes"] for one in stats if one.get("peak_memory_bytes") is not None]
    return {
        **names,
        **sums,
        "windows_per_second": _per_second(sums["windows"], sums["seconds"]),
        "examples_per_second": _per_second(sums["examples"], sums["seconds"]),
        "completion_tokens_per_second": _per_second(sums["completion_tokens"], sums["seconds"]),
        "peak_memory_bytes": max(peaks, default=None),
        **{key: ", ".join(dict.fromkeys(map(str, given[key]))) for key in _NAMED},
        "versions": [
            f"{package} {version}" for one in stats for package, version in sorted(one.get("versions", {}).items())
        ],
    }


def _per_second(amount: float | None, seconds: float | None) -> float | None:
    return amount / seconds if amount is not None and seconds else None
