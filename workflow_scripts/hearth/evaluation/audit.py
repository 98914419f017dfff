"""The audit of a teacher's traces on a train split: which checks each trace fails, and how many labels are correct.

The checks (`trace_checks.py`) do not see the gold labels. The audit counts correct labels beside them, and its table
compares the accuracy of flagged and other traces.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from hearth.common.records import read_record
from hearth.common.schemas import nearest
from hearth.data.gold_labels import map_to_gold
from hearth.data.windows import Split, Window
from hearth.distillation.documents import AuditedTrace as FlaggedTrace
from hearth.evaluation import bootstrap
from hearth.evaluation.notes import Notes, dataset_name, simulation_notes
from hearth.evaluation.rendering import Column, Table, cell_text, decimals, with_interval
from hearth.evaluation.trace_checks import CHECKS, Trace, failed_checks
from hearth.evaluation.trace_vocabulary import Vocabulary
from hearth.homes.home import Home
from hearth.prompting.predictions import ParsedPrediction
from hearth.prompting.prompts import Prompt

SPLIT: Split = "train"


class AuditedTrace(FlaggedTrace):
    """One audited trace: its session, its number of events, and how many of them are labelled correctly (strictly).

    `flags` maps the name of each failed check to its findings. A trace that fails at least one check is flagged.
    """

    session: str
    events: int
    correct: int


class AuditedPrompt(TypedDict):
    """The version and the reasoning setting of the prompt that the traces answer."""

    version: str
    reasoning: str


class Audit(TypedDict):
    """The audit of one recogniser's traces on the train split of one dataset."""

    recogniser: str
    dataset: str
    prompt: AuditedPrompt
    traces: list[AuditedTrace]


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
ANY = "any check"
NOTES: Notes = [
    ("Checks", [f"{name}: {check.meaning}" for name, check in CHECKS.items()]),
    (
        "Reading",
        [
            "a trace is flagged if it fails the check",
            "checks are automated and do not see the recorded labels; a failed check is a hint, not a verdict",
            "accuracy: share of events whose label equals the recorded one (strict parsing), on the train split, which"
            " the recogniser has not learned from",
            "difference: accuracy of the traces that are not flagged minus accuracy of the flagged ones",
            f"in brackets: {100 * bootstrap.CONFIDENCE:.0f} % bootstrap intervals over sessions,"
            f" {bootstrap.RESAMPLES} resamples, seed {bootstrap.SEED}; there is no interval if some resample has no"
            " flagged traces, or only flagged ones",
        ],
    ),
]


def read_audit(path: Path) -> Audit:
    """Read an audit. Raises ValueError naming the file and the key, or the unknown check, at fault."""
    audit = read_record(path, Audit)
    for trace in audit["traces"]:
        for name in trace["flags"]:
            if name not in CHECKS:
                raise ValueError(f"{path}: unknown check {name!r}{nearest(name, CHECKS)}; run the rule `audit` again")
    return audit


def audit_traces(
    recogniser: str, dataset: str, home: Home, prompt: Prompt, pairs: Sequence[tuple[Window, ParsedPrediction]]
) -> Audit:
    """Audit the answers of one recogniser to `prompt`, given as (window, prediction) pairs.

    A window of status unanswered has no trace and is left out.

    Raises ValueError if a prediction has not exactly one label, or None, for each event of its window.
    """
    vocabulary = Vocabulary(home)
    traces: list[AuditedTrace] = []
    for window, prediction in pairs:
        gold, labels = window["gold"], prediction["labels"]
        if prediction["status"] == "unanswered":
            continue
        if len(labels) != len(gold):
            raise ValueError(
                f"window {window['window_id']} has {len(gold)} events and {len(labels)} labels; run the rule"
                " `parse_predictions` again"
            )
        matches = [label == right for label, right in zip(map_to_gold(window, labels), gold, strict=True)]
        traces.append(
            {
                "window_id": window["window_id"],
                "session": window["session"],
                "events": len(gold),
                "correct": sum(matches),
                "flags": failed_checks(Trace(vocabulary, prompt, window, prediction)),
            }
        )
    return {
        "recogniser": recogniser,
        "dataset": dataset,
        "prompt": {"version": prompt["version"], "reasoning": prompt["reasoning"]},
        "traces": traces,
    }


def audit_table(audits: Sequence[Audit], simulated: Sequence[str], tiny: Sequence[str], commit: str) -> Table:
    """Build the table of audits: for each audit, one record for the failure of `ANY` check, then one per check.

    A check that no trace fails has a record but no row; a note names it. The names of `simulated` datasets and of
    `tiny` recognisers are marked. Raises ValueError if there are no audits.
    """
    if not audits:
        raise ValueError("an audit table needs at least one audit")
    records = [record for audit in audits for record in _records(audit)]
    failed = {record["check"] for record in records if record["flagged"]}
    passed = [name for name in CHECKS if name not in failed]

    def cell(record: dict[str, Any], name: str) -> str:
        text = cell_text(COLUMNS[name], record[name])
        if text and name in _BOUNDS:
            low, high = record[f"{name}_low"], record[f"{name}_high"]
            return with_interval(text, None if low is None else (low, high), _BOUNDS[name])
        if name == "dataset":
            return dataset_name(text, simulated)
        return f"{text} (tiny)" if name == "recogniser" and text in tiny else text

    prompts = {
        f"{audit['dataset']}: {audit['prompt']['version']}, reasoning {audit['prompt']['reasoning']}": None
        for audit in audits
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
            *([("Passed by all traces", [", ".join(passed)])] if passed else []),
            *NOTES,
            ("Prompt", list(prompts)),
            ("Code", [f"git commit {commit}"]),
        ],
    )


def _records(audit: Audit) -> list[dict[str, Any]]:
    """Return the table records of one audit: one for the failure of any check, then one per check."""
    traces = audit["traces"]
    sessions = sorted({trace["session"] for trace in traces})
    weights = bootstrap.session_weights(audit["dataset"], len(sessions))
    records: list[dict[str, Any]] = []
    for name in (ANY, *CHECKS):
        flagged = [bool(trace["flags"]) if name == ANY else name in trace["flags"] for trace in traces]
        # By session: correct and all events, first of the traces that are not flagged, then of the flagged ones.
        sums = np.zeros((len(sessions), 2, 2))
        for trace, is_flagged in zip(traces, flagged, strict=True):
            sums[sessions.index(trace["session"]), int(is_flagged)] += trace["correct"], trace["events"]
        records.append(
            {
                "recogniser": audit["recogniser"],
                "dataset": audit["dataset"],
                "check": name,
                "traces": len(traces),
                "flagged": sum(flagged),
                "rate": sum(flagged) / len(traces),
                **_accuracies(sums, weights),
            }
        )
    return records


def _accuracies(sums: np.ndarray, weights: np.ndarray) -> dict[str, float | None]:
    """Return a dict from column to value: accuracy of flagged and of other traces, their difference, interval bounds.

    A value is None where it is undefined. `sums` has shape (sessions, 2: not flagged or flagged, 2: correct or all
    events). `weights`, of shape (resamples, sessions), says how often each resample contains each session.
    """

    def shares(totals: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(invalid="ignore"):
            unflagged, flagged = np.moveaxis(totals[..., 0] / totals[..., 1], -1, 0)
        return {"accuracy_flagged": flagged, "accuracy_unflagged": unflagged, "difference": unflagged - flagged}

    resampled = shares(np.tensordot(weights, sums, axes=1))
    accuracies: dict[str, float | None] = {}
    for name, value in shares(sums.sum(axis=0)).items():
        low, high = (bootstrap.percentile_interval(resampled[name]) if len(sums) > 1 else None) or (None, None)
        accuracies |= {name: float(value) if np.isfinite(value) else None, f"{name}_low": low, f"{name}_high": high}
    return accuracies
