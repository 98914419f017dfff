"""The table of deployment: F1 of students' GGUF files, and what each costs on a small computer, beside baselines.

Seconds and memory differ from run to run and from machine to machine, so they are kept apart from the scores.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict, final

from hearth.common import files
from hearth.common.deployment_stats import Machine, Measurement, Timing
from hearth.common.records import check_record
from hearth.evaluation.notes import INTERVALS_NOTES, METRICS_NOTES, simulation_notes
from hearth.evaluation.parity import Estimate, FormFigures, LackingForm, Parity, QuantisedParity
from hearth.evaluation.rendering import Column, Note, Table, cell_text, decimals, with_interval

ADAPTER = "adapter"
# The columns of metrics, whose cells have intervals.
METRICS = ("weighted_f1", "macro_f1", "accuracy", "loss")


@final
class DirectFigures(FormFigures):
    """The document direct-<form>.json: the metrics of one form that is asked for no reasoning."""

    student: str
    dataset: str
    form: str
    windows: int
    events: int


class BaselineMeasurement(Measurement):
    """The measurement of a baseline, and its metrics on the windows on which students' forms are compared.

    `fit_seconds` are those of its learning, `windows` and `events` were scored.
    """

    fit_seconds: float
    windows: int
    events: int
    figures: FormFigures


class DeploymentRow(TypedDict):
    """One row: a recogniser in one form, asked in one way, with a number of threads.

    A value is None if it does not apply or was not measured. `loss` is the adapter's accuracy minus that of a quantised
    form. Bounds of intervals are None with too few groups.
    """

    recogniser: str
    dataset: str
    form: str
    reasoning: str
    threads: int | None
    weighted_f1: float | None
    weighted_f1_low: float | None
    weighted_f1_high: float | None
    macro_f1: float | None
    macro_f1_low: float | None
    macro_f1_high: float | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    loss: float | None
    loss_low: float | None
    loss_high: float | None
    missing_rate: float | None
    bytes: int | None
    peak_memory_bytes: int | None
    load_seconds: float | None
    seconds: float | None
    slowest_seconds: float | None
    cpu_seconds: float | None
    uncached_seconds: float | None
    prompt_tokens: float | None
    own_tokens: float | None
    answer_tokens: float | None
    prompt_tokens_per_second: float | None
    answer_tokens_per_second: float | None
    joules: float | None
    timed_windows: int | None


def read_direct_figures(path: Path) -> DirectFigures | LackingForm:
    """Read a direct-<form>.json. Raises ValueError, which names the file and the key at fault."""
    document = files.read_json(path)
    if isinstance(document, dict) and "why_not" in document:
        return check_record(document, LackingForm, str(path))
    return check_record(document, DirectFigures, str(path))


@dataclass(frozen=True)
class Deployment:
    """All documents of a table.

    `parities` maps a student to its parity.json; `quantised` and `direct` map (student, form) to the metrics of a
    quantised form, and to those of a form that is asked for no reasoning.
    """

    measurements: Sequence[Measurement]
    baselines: Sequence[BaselineMeasurement] = ()
    parities: Mapping[str, Parity] = field(default_factory=dict)
    quantised: Mapping[tuple[str, str], QuantisedParity] = field(default_factory=dict)
    direct: Mapping[tuple[str, str], DirectFigures] = field(default_factory=dict)


def _seconds(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


_MEGABYTES = Column("", lambda value: f"{value / 1e6:.3g}" if value < 1e8 else f"{value / 1e6:,.0f}")
COLUMNS = {
    "recogniser": Column("Recogniser", number=False),
    "dataset": Column("Dataset", number=False),
    "form": Column("Form", number=False),
    "reasoning": Column("Reasoning", number=False),
    "threads": Column("Threads"),
    "weighted_f1": Column("Weighted F1", decimals(3)),
    "macro_f1": Column("Macro F1", decimals(3)),
    "loss": Column("Accuracy lost", decimals(3)),
    "missing_rate": Column("Missing events", decimals(3)),
    "bytes": Column("Disk (MB)", _MEGABYTES.show),
    "peak_memory_bytes": Column("Memory (MB)", _MEGABYTES.show),
    "load_seconds": Column("Load (s)", _seconds),
    "seconds": Column("Seconds a window", _seconds),
    "slowest_seconds": Column("Slowest", _seconds),
    "cpu_seconds": Column("CPU seconds", _seconds),
    "uncached_seconds": Column("Prefix not cached", _seconds),
    "own_tokens": Column("Own prompt tokens", decimals(0)),
    "prompt_tokens_per_second": Column("Prompt tokens/s", decimals(0)),
    "answer_tokens": Column("Answer tokens", decimals(0)),
    "answer_tokens_per_second": Column("Answer tokens/s", decimals(0)),
    "joules": Column("Joules a window", lambda value: f"{value:.3g}"),
}
_REASONING = {"think": "yes", "inline": "yes", "none": "no", "": ""}
_READING = [
    "a form is a number format of a student's GGUF file, run by llama.cpp as a home's service runs it; the form adapter"
    " is the scored one, which a hub does not run",
    "accuracy lost: that of the adapter minus that of a quantised form, on the same windows",
    "seconds a window: the median over windows that are recognised one after the other with the static prefix in"
    " llama.cpp's cache, the first aside; prefix not cached: the median of windows that compute it again; CPU seconds:"
    " the mean of what all threads worked for a window",
    "own prompt tokens: those that a window computes beside the cached prefix",
    "memory: the peak of the resident memory of a process that does nothing else; disk: the size of the GGUF file, of a"
    " baseline that of the pickled classifier",
    "a baseline labels on one thread; its learning is not timed here",
    "timings differ from run to run and between machines; no other table depends on them",
]
_METRICS_NOTES = [note for note in METRICS_NOTES if not note.startswith("Micro F1")]
_UNMETERED = "joules are missing where no meter can be read (RAPL for processors), as on most small boards"


def deployment_table(deployment: Deployment, simulated: Sequence[str], tiny: Sequence[str], commit: str) -> Table:
    """Build the table; the names of `simulated` datasets and of `tiny` recognisers are marked.

    Raises ValueError without measurements.
    """
    rows = deployment_rows(deployment)
    if not rows:
        raise ValueError("a table of deployment needs at least one measurement")
    marks = {"dataset": ("simulated", set(simulated)), "recogniser": ("tiny", set(tiny))}

    def cell(row: Mapping[str, Any], name: str) -> str:
        mark, marked = marks.get(name, ("", ()))
        column = COLUMNS[name]
        text = cell_text(column, row[name])
        if name in METRICS and text and row[f"{name}_low"] is not None:
            text = with_interval(text, (row[f"{name}_low"], row[f"{name}_high"]), decimals(2))
        return f"{text} ({mark})" if text in marked else text

    return Table(
        title="Deployment",
        caption="",
        columns=list(COLUMNS.values()),
        cells=[[cell(row, name) for name in COLUMNS] for row in rows],
        records=[dict(row) for row in rows],
        notes=_notes(deployment, simulated, tiny, commit),
    )


def deployment_rows(deployment: Deployment) -> list[DeploymentRow]:
    """Return the rows of all recognisers: of each student first its adapter, then its forms; baselines last."""
    rows: list[DeploymentRow] = []
    for student in dict.fromkeys(one["recogniser"] for one in deployment.measurements):
        parity = deployment.parities.get(student)
        timings = [
            timing for one in deployment.measurements if one["recogniser"] == student for timing in one["timings"]
        ]
        own_reasoning = next((_REASONING[timing["reasoning"]] for timing in timings if not timing["direct"]), "")
        if parity and "figures" in parity["adapter"]:
            rows.append(_row(student, parity["dataset"], ADAPTER, own_reasoning, parity["adapter"]["figures"]))
        rows += [
            _student_row(deployment, measured, timing)
            for measured in deployment.measurements
            if measured["recogniser"] == student
            for timing in measured["timings"]
        ]
    for baseline in deployment.baselines:
        for timing in baseline["timings"]:
            names = baseline["recogniser"], baseline["dataset"], ""
            rows.append(_row(*names, "", baseline["figures"], measured=baseline, timing=timing))
    return rows


def _student_row(deployment: Deployment, measured: Measurement, timing: Timing) -> DeploymentRow:
    student, form = measured["recogniser"], measured["form"]
    figures: FormFigures | None = None
    loss: Estimate | None = None
    if timing["direct"]:
        figures = deployment.direct.get((student, form))
    elif measured["is_own"] and student in deployment.parities:
        figures = deployment.parities[student].get("gguf", {}).get("figures")
    elif (student, form) in deployment.quantised:
        figures, loss = deployment.quantised[student, form], deployment.quantised[student, form]["loss"]["accuracy"]
    return _row(student, measured["dataset"], form, _REASONING[timing["reasoning"]], figures, loss, measured, timing)


def _row(
    recogniser: str,
    dataset: str,
    form: str,
    reasoning: str,
    figures: FormFigures | None,
    loss: Estimate | None = None,
    measured: Measurement | None = None,
    timing: Timing | None = None,
) -> DeploymentRow:
    """Return one row from the metrics of a form, its size and its times."""
    estimates: dict[str, Estimate | None] = {
        "weighted_f1": figures and figures["weighted_f1"],
        "macro_f1": figures and figures["macro_f1"],
        "accuracy": figures and figures["accuracy"],
        "loss": loss,
    }
    values: dict[str, Any] = {
        "recogniser": recogniser,
        "dataset": dataset,
        "form": form,
        "reasoning": reasoning,
        "missing_rate": figures and figures["missing_rate"],
        "bytes": measured and measured["bytes"],
        **{name: value for name, value in (timing or {}).items() if name not in ("reasoning", "windows")},
        "timed_windows": timing and timing["windows"],
    }
    for name, estimate in estimates.items():
        low, high = (estimate and estimate["interval"]) or (None, None)
        values |= {name: estimate and estimate["value"], f"{name}_low": low, f"{name}_high": high}
    return {name: values.get(name) for name in DeploymentRow.__annotations__}  # type: ignore[return-value]


def _notes(deployment: Deployment, simulated: Sequence[str], tiny: Sequence[str], commit: str) -> list[Note]:
    measured = [*deployment.measurements, *deployment.baselines]
    scored = {
        f"{one['dataset']}: {one['windows']} windows, {one['events']} events"
        for one in (*deployment.parities.values(), *deployment.baselines)
    }
    lacking = [f"{one['recogniser']}, form {one['form']}: {one['why_not']}" for one in measured if one["why_not"]]
    unmetered = any(timing["joules"] is None for one in measured for timing in one["timings"])
    versions = {f"{package} {version}" for one in measured for package, version in one["versions"].items()}
    return [
        ("Deployment", [*_READING, *([_UNMETERED] if unmetered else [])]),
        ("Machine", list(dict.fromkeys(_machine(one["machine"]) for one in measured))),
        ("Load", [_load([one["machine"] for one in measured])]),
        *(
            [("Scored", sorted(scored)), ("Metrics", _METRICS_NOTES), ("Intervals", [INTERVALS_NOTES[0]])]
            if scored
            else []
        ),
        *([("Not measured", lacking)] if lacking else []),
        *([("Simulated data", simulation_notes(simulated))] if simulated else []),
        *([("Tiny models", [f"{', '.join(tiny)}: stand-ins for real models"])] if tiny else []),
        ("Versions", sorted(versions)),
        ("Code", [f"git commit {commit}"]),
    ]


def _machine(machine: Machine) -> str:
    memory = f", {machine['memory_bytes'] / 1e9:.0f} GB of memory" if machine["memory_bytes"] else ""
    return f"{machine['processor']} ({machine['architecture']}), {machine['cores']} cores used at most{memory}"


def _load(machines: Iterable[Machine]) -> str:
    loads = [machine["load"] for machine in machines if machine["load"] is not None]
    if not loads:
        return "not known"
    return (
        f"{min(loads):.1f} to {max(loads):.1f} processes ran or waited to run in the minute before a measurement, its"
        " own preparation among them; with more of them than cores, times are too long, those of several threads"
        " many times"
    )
