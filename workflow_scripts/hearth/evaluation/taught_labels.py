"""Score the labels of audited traces: what a teacher's traces teach, before any student has learned from them."""

from collections.abc import Callable, Sequence
from typing import Any

from hearth.evaluation import statistics
from hearth.evaluation.counts import Counts
from hearth.evaluation.metrics import compute_metrics
from hearth.evaluation.rendering import Column, Table, cell_text, decimals, with_interval
from hearth.evaluation.score_document import DESCRIPTIONS

_METRICS = ("accuracy", "macro_f1_recall", "weighted_f1_recall", "weighted_f1_precision")
_METRIC, _BOUND = decimals(3), decimals(2)
COLUMNS = {
    "recogniser": Column("Traces of", number=False),
    "dataset": Column("Dataset", number=False),
    "traces": Column("Traces"),
    "groups": Column("Groups"),
    "events": Column("Events"),
    **{name: Column(DESCRIPTIONS[name].heading, _METRIC) for name in _METRICS},
}


def taught_table(
    taught: Sequence[Counts], show_recogniser: Callable[[str], str], show_dataset: Callable[[str], str]
) -> Table:
    """Build the table of the strictly parsed labels of traces, one row for the counts of each audit."""
    records = [_record(counts) for counts in taught]

    def cell(record: dict[str, Any], name: str) -> str:
        text = cell_text(COLUMNS[name], record[name])
        if name == "recogniser":
            return show_recogniser(text)
        if name == "dataset":
            return show_dataset(text)
        low = record.get(f"{name}_low")
        return with_interval(text, None if low is None else (low, record[f"{name}_high"]), _BOUND)

    cells = [[cell(record, name) for name in COLUMNS] for record in records]
    return Table("Labels that students learn from", "", list(COLUMNS.values()), cells, records, [])


def _record(counts: Counts) -> dict[str, Any]:
    sums = counts.matrix.sum(axis=0, dtype=float)
    values, intervals = compute_metrics(sums, counts.lost_answers), statistics.metric_intervals(counts)
    record: dict[str, Any] = {
        "recogniser": counts.recogniser,
        "dataset": counts.dataset,
        "traces": int(sums[-5]),
        "groups": len(counts.groups),
        "events": int(sums[: len(counts.labels)].sum()),
    }
    for name in _METRICS:
        low, high = intervals[name] or (None, None)
        record |= {name: float(values[name]), f"{name}_low": low, f"{name}_high": high}
    return record
