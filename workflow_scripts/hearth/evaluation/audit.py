"""The audit of a recogniser's traces on a train split, and the table of what it found.

{"recogniser", "dataset", "prompt": {"version", "reasoning"}, "traces": [{"window_id", "session", "events", "correct",
"flags": {flag: [what raised it]}}]}; `evaluation.flags` says what the flags are. `correct` events are those that the
trace, strictly read, labels as the ground truth does. No flag looks at it: it is there to measure what flags are worth.
"""

import numpy as np

from hearth.data.gold_labels import map_to_gold
from hearth.evaluation import statistics
from hearth.evaluation.notes import dataset_name, simulation_notes
from hearth.evaluation.rendering import Column, Table, bracketed, decimals, shown
from hearth.evaluation.trace_checks import FLAGS, Trace, Vocabulary, raised
from hearth.homes.home import Home

SPLIT = "train"
PARSED_KEYS = ("window_id", "text", "finish_reason", "reasoning", "labels", "status")

_TEXT = {"number": False}
_RATE = decimals(3)
COLUMNS = {
    "recogniser": Column("Traces of", **_TEXT),
    "dataset": Column("Dataset", **_TEXT),
    "flag": Column("Flag", **_TEXT),
    "traces": Column("Traces"),
    "flagged": Column("Flagged"),
    "rate": Column("Share flagged", _RATE),
    "accuracy_flagged": Column("Accuracy, flagged", _RATE),
    "accuracy_unflagged": Column("Accuracy, not flagged", _RATE),
    "difference": Column("Difference", decimals(3, sign="+")),
}
# Columns with an interval, whose bounds the records have too, and how those are shown.
_BOUNDS = {
    "accuracy_flagged": decimals(2),
    "accuracy_unflagged": decimals(2),
    "difference": decimals(2, sign="+"),
}
ANY = "any flag"
NOTES = [
    ("Flags", [f"{name}: {flag.says}" for name, flag in FLAGS.items()]),
    (
        "Reading",
        [
            "a flag is raised by a program without the ground truth; it is a hint, not a verdict",
            "accuracy: events that traces label as the ground truth does, strictly parsed, of all events of their"
            " windows; the train split's, which the recogniser has not learned from",
            "difference: the accuracy of traces without the flag less that of traces with it",
            f"in brackets: {statistics.CONFIDENCE:.0%} bootstrap intervals over sessions, {statistics.RESAMPLES}"
            f" resamples, seed {statistics.SEED}; none where a resample has no trace of the kind",
        ],
    ),
]


def audit(recogniser: str, dataset: str, home: Home, prompt: dict, pairs: list[tuple[dict, dict]]) -> dict[str, object]:
    """The audit document of (window, row of parsed.jsonl) pairs; `prompt` is the json of the prompt they answer.

    Raises ValueError for a row that has not a label, or None, for every event of its window.
    """
    vocabulary = Vocabulary(home)
    traces = []
    for window, row in pairs:
        gold, labels = window["gold"], row["labels"]
        if len(labels) != len(gold):
            raise ValueError(
                f"window {window['window_id']} has {len(gold)} events and {len(labels)} labels; parse again"
            )
        traces.append(
            {
                "window_id": window["window_id"],
                "session": window["session"],
                "events": len(gold),
                "correct": sum(given == true for given, true in zip(map_to_gold(window, labels), gold, strict=True)),
                "flags": raised(Trace(vocabulary, prompt, window, row)),
            }
        )
    return {
        "recogniser": recogniser,
        "dataset": dataset,
        "prompt": {key: prompt[key] for key in ("version", "reasoning")},
        "traces": traces,
    }


def build(audits: list[dict], simulated: list[str], tiny: list[str], commit: str) -> Table:
    """The table of audits, a record a flag; `simulated` datasets and `tiny` recognisers are called that.

    People are shown the flags that were raised; the others are named below.
    """
    if not audits:
        raise ValueError("an audit table needs at least one audit")
    records = [record for found in audits for record in _records(found)]
    never = [name for name in FLAGS if not any(record["flagged"] for record in records if record["flag"] == name)]

    def cell(record: dict, name: str) -> str:
        text = shown(COLUMNS[name], record[name])
        if text and name in _BOUNDS:
            low, high = record[f"{name}_low"], record[f"{name}_high"]
            return bracketed(text, None if low is None else (low, high), _BOUNDS[name])
        if name == "dataset":
            return dataset_name(text, simulated)
        return f"{text} (tiny)" if name == "recogniser" and text in tiny else text

    prompts = {
        f"{found['dataset']}: {found['prompt']['version']}, reasoning {found['prompt']['reasoning']}": None
        for found in audits
    }
    return Table(
        title="Audit of the traces that students learn from",
        caption="",
        columns=list(COLUMNS.values()),
        cells=[[cell(record, name) for name in COLUMNS] for record in records if record["flag"] not in never],
        records=records,
        notes=[
            *([("Simulated data", simulation_notes(simulated))] if simulated else []),
            *([("Tiny models", [f"{', '.join(tiny)}: stand-ins for real ones"])] if tiny else []),
            *([("Never raised", [", ".join(never)])] if never else []),
            *NOTES,
            ("Prompt", list(prompts)),
            ("Code", [f"git commit {commit}"]),
        ],
    )


def _records(found: dict) -> list[dict]:
    """A record for any flag, then one a flag."""
    traces = found["traces"]
    sessions = sorted({trace["session"] for trace in traces})
    drawn = statistics.weights(found["dataset"], len(sessions))
    records = []
    for name in (ANY, *FLAGS):
        has_it = [bool(trace["flags"]) if name == ANY else name in trace["flags"] for trace in traces]
        # Correct and all events of a session's traces, without the flag and with it.
        sums = np.zeros((len(sessions), 2, 2))
        for trace, flagged in zip(traces, has_it, strict=True):
            sums[sessions.index(trace["session"]), int(flagged)] += trace["correct"], trace["events"]
        records.append(
            {
                "recogniser": found["recogniser"],
                "dataset": found["dataset"],
                "flag": name,
                "traces": len(traces),
                "flagged": sum(has_it),
                "rate": sum(has_it) / len(traces),
                **_accuracies(sums, drawn),
            }
        )
    return records


def _accuracies(sums: np.ndarray, drawn: np.ndarray) -> dict[str, float | None]:
    """Accuracies without a flag and with it and their difference, with the bounds of each; None of no traces.

    `sums` are correct and all events, (sessions, without or with, correct or all); `drawn` is how often each resample
    has each session, (resamples, sessions).
    """

    def shares(totals: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(invalid="ignore"):
            unflagged, flagged = np.moveaxis(totals[..., 0] / totals[..., 1], -1, 0)
        return {"accuracy_flagged": flagged, "accuracy_unflagged": unflagged, "difference": unflagged - flagged}

    resampled = shares(np.tensordot(drawn, sums, axes=1))
    found = {}
    for name, value in shares(sums.sum(axis=0)).items():
        low, high = (statistics.interval(resampled[name]) if len(sums) > 1 else None) or (None, None)
        found |= {name: float(value) if np.isfinite(value) else None, f"{name}_low": low, f"{name}_high": high}
    return found
