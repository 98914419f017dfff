"""Build the form of a table that papers print from the records of its wide form."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hearth.evaluation.bootstrap import CONFIDENCE
from hearth.evaluation.paper_form import DAGGER, PaperCell, PaperColumn, PaperForm
from hearth.evaluation.rendering import Column
from hearth.evaluation.table_rows import remove_homes

Record = Mapping[str, Any]
# Largest Holm-adjusted p value of a difference that is called beyond chance.
SIGNIFICANCE = 0.05
# Differences that a dagger may mark, in order of preference: columns of a record, and the meaning of the dagger.
MARKED = {
    "gain_over_base": "a student that differs from its base",
    "gap_to_best": "a row that differs from the best of its column",
}


# The metric that these differences are in.
TESTED = "weighted_f1"
# Added to the name of a row whose model only stands in for a real one.
TINY = " (tiny)"
# Metrics of which less is better.
_LOSSES = ("malformed_rate", "missing_rate", "unknown_rate", "truncated_rate")


def build_paper_form(
    records: Sequence[Record],
    metrics: Mapping[str, Column],
    bounds: Mapping[str, Callable[[float], str]],
    show_dataset: Callable[[str], str],
) -> PaperForm:
    """Build the paper form of the records of a table.

    `metrics` maps the columns to show to their formats, `bounds` those with an interval to the format of its bounds.
    `show_dataset` returns a dataset's name for readers. Daggers stand at `TESTED` only.
    """
    names = row_names(records)
    datasets = list(dict.fromkeys(record["dataset"] for record in records))
    by_place = {(name, record["dataset"]): record for name, record in zip(names, records, strict=True)}
    tested = next((key for key in MARKED if any(record[f"{key}_p_holm"] is not None for record in records)), "")
    columns = [(dataset, metric) for dataset in datasets for metric in metrics]
    best = {(one, metric): _best(records, one, metric, metrics[metric].show) for one, metric in columns}

    def cell(name: str, dataset: str, metric: str) -> PaperCell | None:
        record = by_place.get((name, dataset))
        if record is None or record[metric] is None:
            return None
        show = metrics[metric].show
        low, deviation = record.get(f"{metric}_low"), record.get(f"{metric}_sd")
        p = record[f"{tested}_p_holm"] if tested and metric == TESTED else None
        return PaperCell(
            value=show(record[metric]),
            deviation="" if deviation is None else show(deviation),
            interval="" if low is None else f"[{bounds[metric](low)}, {bounds[metric](record[f'{metric}_high'])}]",
            best=show(record[metric]) == best[dataset, metric],
            marked=p is not None and p < SIGNIFICANCE,
        )

    several = len(metrics) > 1
    headings = [PaperColumn(show_dataset(one), metrics[metric].heading if several else "") for one, metric in columns]
    rows = [(name, [cell(name, *column) for column in columns]) for name in dict.fromkeys(names)]
    form = PaperForm(headings, rows, [])
    explained = [
        *([] if several else [column.heading for column in metrics.values()]),
        *(["± standard deviation over seeds"] if form.has_deviations else []),
        *([f"in brackets {100 * CONFIDENCE:.0f} % interval"] if form.has_intervals else []),
        *(["bold: best of its column"] if any(best.values()) else []),
    ]
    daggers = f"{DAGGER} {MARKED[tested]} beyond chance (Holm p < {SIGNIFICANCE})" if tested in MARKED else ""
    return PaperForm(headings, rows, ["; ".join(explained), *([daggers] if daggers and TESTED in metrics else [])])


def _best(records: Sequence[Record], dataset: str, metric: str, show: Callable[[float], str]) -> str:
    """Return the best value of a column as it is shown; "" if there are not two to choose from."""
    values = [value for record in records if record["dataset"] == dataset and (value := record[metric]) is not None]
    return show((min if metric in _LOSSES else max)(values)) if len(values) > 1 else ""


def row_names(records: Sequence[Record]) -> list[str]:
    """Return the name of the row of each record, "(tiny)" added to the names of tiny models.

    Students that were tested only on the homes that they learned from share a row: their names then lack the home.
    """
    # Students of several homes have the name of no home.
    of_home = [record["train_dataset"] and record["train_dataset"] == record["train_datasets"] for record in records]
    own_home = all(
        record["train_dataset"] == record["dataset"] for record, one in zip(records, of_home, strict=True) if one
    )
    plain = [_mark(record["recogniser"], record) for record in records]
    if not own_home:
        return plain
    shared = [
        _mark(remove_homes(record["recogniser"], record["base"], record["train_dataset"]), record) if one else name
        for name, record, one in zip(plain, records, of_home, strict=True)
    ]
    places = {(name, record["dataset"]) for name, record in zip(shared, records, strict=True)}
    return shared if len(places) == len(records) else plain


def _mark(name: str, record: Record) -> str:
    return f"{name}{TINY}" if record["stand_in"] else name
