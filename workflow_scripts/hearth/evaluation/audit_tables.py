"""Count the failed checks and the correct labels of audited traces, and build the table of audits."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hearth.common.records import read_headed_records
from hearth.common.schemas import nearest
from hearth.distillation.documents import truncated_warning
from hearth.evaluation import bootstrap
from hearth.evaluation.audit import AuditedTrace, AuditHead
from hearth.evaluation.counts import Counts, count_groups, counts_of_groups
from hearth.evaluation.encoded_windows import WindowEncoder
from hearth.evaluation.notes import Notes, dataset_name, simulation_notes
from hearth.evaluation.rendering import Column, Table, cell_text, decimals, with_interval
from hearth.evaluation.taught_labels import taught_table
from hearth.evaluation.trace_checks import CHECKS

ALL, ANY = "all traces", "any check"
# Kinds of counts: all traces, those that fail any check, and those that fail each check.
_COUNTED = {name: position for position, name in enumerate((ALL, ANY, *CHECKS))}


@dataclass(frozen=True)
class AuditCounts:
    """The counts of an audit of one recogniser's traces on one split of a dataset.

    `counts`, int64 of shape (groups, `_COUNTED`, 3), has the numbers of traces, correct events and all events. Groups
    are in alphabetical order. `taught` counts the labels of all traces.
    """

    head: AuditHead
    counts: np.ndarray
    taught: Counts


_RATE = decimals(3)
COLUMNS = {
    "recogniser": Column("Traces of", number=False),
    "dataset": Column("Dataset", number=False),
    "check": Column("Failed check", number=False),
    "traces": Column("Traces"),
    "flagged": Column("Flagged"),
    "rate": Column("Share flagged", _RATE),
    "accuracy_flagged": Column("Accuracy, flagged", _RATE),
    "accuracy_unflagged": Column("Accuracy, not flagged", _RATE),
    "difference": Column("Difference", decimals(3, sign="+")),
}
# Columns with an interval, and the format of its bounds.
_BOUNDS = {
    "accuracy_flagged": decimals(2),
    "accuracy_unflagged": decimals(2),
    "difference": decimals(2, sign="+"),
}
NOTES: Notes = [
    ("Checks", [f"{name}: {check.meaning}" for name, check in CHECKS.items()]),
    (
        "Reading",
        [
            "a trace is flagged if it fails the check",
            "checks are automated and do not see the recorded labels; a failed check is a hint, not a verdict",
            "accuracy: share of events whose label equals the recorded one (strict parsing), on windows that the"
            " recogniser has not learned from",
            "difference: accuracy of the traces that are not flagged minus accuracy of the flagged ones",
            f"in brackets: {100 * bootstrap.CONFIDENCE:.0f} % bootstrap intervals over groups,"
            f" {bootstrap.RESAMPLES} resamples, seed {bootstrap.SEED}; there is no interval below"
            f" {bootstrap.FEWEST_GROUPS} groups, and none if some resample has no flagged traces, or only flagged ones",
        ],
    ),
]


def read_audit(path: Path) -> AuditCounts:
    """Read an audit. Raises ValueError naming the file, row and key, or the unknown check, at fault."""
    head, traces = read_headed_records(path, AuditHead, AuditedTrace)
    try:
        return count_failures(head, traces)
    except KeyError as unknown:
        name = str(unknown.args[0])
        raise ValueError(f"{path}: unknown check {name!r}{nearest(name, CHECKS)}; run the rule `audit` again") from None


def count_failures(head: AuditHead, traces: Iterable[AuditedTrace]) -> AuditCounts:
    """Count the traces of an audit and their events by group and failed check, and their labels.

    Raises ValueError if there are no traces, and KeyError with the name of an unknown check.
    """
    by_group: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((len(_COUNTED), 3), dtype=np.int64))
    encoder = WindowEncoder(head["labels"], ["strict"])
    for trace in traces:
        names = [ALL, ANY, *trace["flags"]] if trace["flags"] else [ALL]
        correct = sum(label == gold for label, gold in zip(trace["labels"], trace["gold"], strict=True))
        by_group[trace["group"]][[_COUNTED[name] for name in names]] += 1, correct, len(trace["gold"])
        encoder.add(trace["group"], trace["gold"], {"strict": (trace["labels"], "ok")})
    if not by_group:
        raise ValueError(f"no trace of {head['recogniser']} on {head['dataset']} to audit: no window was answered")
    labels = count_groups(encoder.encoded())
    taught = counts_of_groups(head["recogniser"], head["dataset"], labels, head["labels"], "strict", "recall")
    return AuditCounts(head, np.stack([by_group[group] for group in sorted(by_group)]), taught)


def audit_table(audits: Sequence[AuditCounts], simulated: Sequence[str], tiny: Sequence[str], commit: str) -> Table:
    """Build the table of audits: for each audit, one record for the failure of `ANY` check, then one per check.

    Below it, the labels of all traces are scored.

    A check that no trace fails has a record but no row; a note names it. The names of `simulated` datasets and of
    `tiny` recognisers are marked. Raises ValueError if there are no audits.
    """
    if not audits:
        raise ValueError("an audit table needs at least one audit")
    records = [record for audit in audits for record in _records(audit)]
    failed = {record["check"] for record in records if record["flagged"]}
    passed = [name for name in CHECKS if name not in failed]

    def show_recogniser(name: str) -> str:
        return f"{name} (tiny)" if name in tiny else name

    def cell(record: dict[str, Any], name: str) -> str:
        text = cell_text(COLUMNS[name], record[name])
        if text and name in _BOUNDS:
            low, high = record[f"{name}_low"], record[f"{name}_high"]
            return with_interval(text, None if low is None else (low, high), _BOUNDS[name])
        if name == "dataset":
            return dataset_name(text, simulated)
        return show_recogniser(text) if name == "recogniser" else text

    prompts = {
        f"{head['dataset']}: {head['prompt']['version']}, reasoning {head['prompt']['reasoning']}": None
        for head in (audit.head for audit in audits)
    }
    return Table(
        title="Audit of the traces that students learn from",
        caption="",
        columns=list(COLUMNS.values()),
        cells=[[cell(record, name) for name in COLUMNS] for record in records if record["check"] not in passed],
        records=records,
        notes=[
            *([("Simulated data", simulation_notes(simulated))] if simulated else []),
            *([("Tiny models", [f"{', '.join(tiny)}: stand-ins for real models"])] if tiny else []),
            *([("Truncated traces", truncated)] if (truncated := _truncated_warnings(records)) else []),
            *([("Passed by all traces", [", ".join(passed)])] if passed else []),
            *NOTES,
            ("Prompt", list(prompts)),
            ("Code", [f"git commit {commit}"]),
        ],
        below=taught_table(
            [audit.taught for audit in audits], show_recogniser, lambda name: dataset_name(name, simulated)
        ),
    )


def _truncated_warnings(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return a warning for each audit in whose traces more are cut off than students should learn from."""
    return [
        f"{record['recogniser']} on {record['dataset']}: {warning}"
        for record in records
        if record["check"] == "truncated" and (warning := truncated_warning(record["flagged"], record["traces"]))
    ]


def _records(audit: AuditCounts) -> list[dict[str, Any]]:
    """Return the table records of one audit: one for the failure of any check, then one per check."""
    counts, dataset = audit.counts, audit.head["dataset"]
    traces = int(counts[:, _COUNTED[ALL], 0].sum())
    records: list[dict[str, Any]] = []
    for name in (ANY, *CHECKS):
        failing = counts[:, _COUNTED[name]]
        flagged = int(failing[:, 0].sum())
        # By group: correct and all events, first of the traces that are not flagged, then of the flagged ones.
        sums = np.stack([counts[:, _COUNTED[ALL]] - failing, failing], axis=1)[..., 1:].astype(float)
        records.append(
            {
                "recogniser": audit.head["recogniser"],
                "dataset": dataset,
                "check": name,
                "traces": traces,
                "flagged": flagged,
                "rate": flagged / traces,
                **_accuracies(sums, dataset),
            }
        )
    return records


def _accuracies(sums: np.ndarray, dataset: str) -> dict[str, float | None]:
    """Return a dict from column to value: accuracy of flagged and of other traces, their difference, interval bounds.

    A value is None where it is undefined. `sums` has shape (groups, 2: not flagged or flagged, 2: correct or all
    events). The name `dataset` decides how groups are resampled.
    """

    def shares(totals: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(invalid="ignore"):
            unflagged, flagged = np.moveaxis(totals[..., 0] / totals[..., 1], -1, 0)
        return {"accuracy_flagged": flagged, "accuracy_unflagged": unflagged, "difference": unflagged - flagged}

    resampled = shares(bootstrap.resampled_sums(dataset, sums))
    accuracies: dict[str, float | None] = {}
    for name, value in shares(sums.sum(axis=0)).items():
        low, high = bootstrap.percentile_interval(resampled[name], len(sums)) or (None, None)
        accuracies |= {name: float(value) if np.isfinite(value) else None, f"{name}_low": low, f"{name}_high": high}
    return accuracies
