"""Build the form of a table that papers print from the records of its wide form."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hearth.evaluation.bootstrap import CONFIDENCE
from hearth.evaluation.paper_form import DAGGER, PaperCell, PaperColumn, PaperForm
from hearth.evaluation.rendering import Column, with_interval

Record = Mapping[str, Any]
# Largest Holm-adjusted p value of a difference that is called beyond chance.
SIGNIFICANCE = 0.05
# Differences that a dagger may mark, in order of preference: columns of a record, and the meaning of the dagger.
MARKED = {
    "gain_over_base": "a student that differs from its base",
    "gap_to_best": "a row that differs from the best of its column",
}


def build_paper_form(
    records: Sequence[Record],
    metrics: Mapping[str, Column],
    bounds: Mapping[str, Callable[[float], str]],
    show_dataset: Callable[[str], str],
) -> PaperForm:
    """Build the paper form of the records of a table.

    `metrics` maps the columns to show, the headline first, to their formats, `bounds` those with an interval to the
    format of its bounds. `show_dataset` returns a dataset's name for readers. Daggers stand at the headline only.
    """
    names = row_names(records)
    datasets = list(dict.fromkeys(record["dataset"] for record in records))
    by_place = {(name, record["dataset"]): record for name, record in zip(names, records, strict=True)}
    headline = next(iter(metrics))
    marks = next((name for name in MARKED if any(record[f"{name}_p_holm"] is not None for record in records)), None)
    best = {
        (dataset, metric): max(
            (
                round(record[metric], 3)
                for record in records
                if record["dataset"] == dataset and record[metric] is not None
            ),
            default=None,
        )
        for dataset in datasets
        for metric in metrics
    }

    def cell(name: str, dataset: str, metric: str) -> PaperCell | None:
        record = by_place.get((name, dataset))
        if record is None or record[metric] is None:
            return None
        low, deviation = record.get(f"{metric}_low"), record.get(f"{metric}_sd")
        interval = "" if low is None else with_interval("", (low, record[f"{metric}_high"]), bounds[metric]).strip()
        p = record[f"{marks}_p_holm"] if marks and metric == headline else None
        return PaperCell(
            metrics[metric].show(record[metric]),
            "" if deviation is None else metrics[metric].show(deviation),
            interval,
            len(by_place) > len(datasets) and round(record[metric], 3) == best[dataset, metric],
            p is not None and p < SIGNIFICANCE,
        )

    columns = [(dataset, metric) for dataset in datasets for metric in metrics]
    rows = [(name, [cell(name, *column) for column in columns]) for name in dict.fromkeys(names)]
    form = PaperForm(
        [
            PaperColumn(show_dataset(dataset), metrics[metric].heading if len(metrics) > 1 else "")
            for dataset, metric in columns
        ],
        rows,
        [],
    )
    footnotes = [
        f"{', '.join(column.heading for column in metrics.values())}"
        + (" ± standard deviation over seeds" if form.has_deviations else "")
        + (f" [{100 * CONFIDENCE:.0f} % interval]" if form.has_intervals else "")
        + "; bold: best of its column",
        *([f"{DAGGER} {MARKED[marks]} beyond chance (Holm p < {SIGNIFICANCE})"] if marks else []),
    ]
    return PaperForm(form.columns, form.rows, footnotes)


def row_names(records: Sequence[Record]) -> list[str]:
    """Return the name of the row of each record, "(tiny)" added to the names of tiny models.

    Students that were tested only on the homes that they learned from share a row: their names then lack the home.
    """
    students = [record for record in records if record["train_dataset"]]
    own_home = all(record["train_dataset"] == record["dataset"] for record in students)
    plain = [_mark(record["recogniser"], record) for record in records]
    if not own_home:
        return plain
    shared = [
        _mark(record["recogniser"].replace(f"_{record['train_dataset']}", "", 1), record)
        if record["train_dataset"]
        else name
        for name, record in zip(plain, records, strict=True)
    ]
    places = {(name, record["dataset"]) for name, record in zip(shared, records, strict=True)}
    return shared if len(places) == len(records) else plain


def _mark(name: str, record: Record) -> str:
    return f"{name} (tiny)" if record["stand_in"] else name
