"""Compare pairs of recognisers on every dataset that both were scored on, in a second table below a table."""

from collections.abc import Sequence

from hearth.common.schemas import nearest
from hearth.evaluation.notes import dataset_name
from hearth.evaluation.rendering import Column, Table, cell_text, decimals, with_interval
from hearth.evaluation.table_rows import Record, Row, difference_columns, rows_by_name

# Compared metrics and their headings.
COMPARED = {"weighted_f1": "Weighted F1", "accuracy": "Accuracy"}
_DIFFERENCE, _BOUND, _P = decimals(3, sign="+"), decimals(2, sign="+"), decimals(4)
COLUMNS = {
    "recogniser": Column("Recogniser", number=False),
    "other": Column("Compared with", number=False),
    "dataset": Column("Dataset", number=False),
    **{
        f"{metric}{suffix}": Column(f"{heading}: {value}", show)
        for metric, heading in COMPARED.items()
        for suffix, value, show in (
            ("", "difference", _DIFFERENCE),
            ("_p", "p", _P),
            ("_p_holm", "p (Holm)", _P),
        )
    },
}


def compare_pairs(rows: Sequence[Row], pairs: Sequence[Sequence[str]]) -> list[Record]:
    """Return one record per pair and dataset: the metrics of the first recogniser minus those of the second.

    A pair of rows is compared once, even if `pairs` names several seeds of one row. Raises ValueError for a
    recogniser without a row, for one compared with itself, and for a pair without a common dataset.
    """
    by_name = rows_by_name(rows)
    records = {}
    for one, other in pairs:
        datasets_of = {name: [dataset for known, dataset in by_name if known == name] for name in (one, other)}
        for name, datasets in datasets_of.items():
            if not datasets:
                names = dict.fromkeys(known for known, _ in by_name)
                raise ValueError(f"compare: {name!r} has no row in this table{nearest(name, names)}")
        shared = [dataset for dataset in datasets_of[one] if dataset in datasets_of[other]]
        if not shared:
            raise ValueError(f"compare: {one} and {other} were scored on no dataset in common")
        for dataset in shared:
            pair = by_name[one, dataset], by_name[other, dataset]
            records[pair[0].name, pair[1].name, dataset] = _compare(*pair)
    return list(records.values())


def comparison_table(records: list[Record], rows: Sequence[Row], simulated: Sequence[str]) -> Table:
    """Build the table of comparisons below a table of `rows`; mark the names of tiny models and simulated datasets."""
    tiny = {row.name for row in rows if row.scores[0]["provenance"]["stand_in"]}

    def cell(record: Record, name: str) -> str:
        text = cell_text(COLUMNS[name], record[name])
        if name == "dataset":
            return dataset_name(text, simulated)
        if name in COMPARED and record[f"{name}_low"] is not None:
            return with_interval(text, (record[f"{name}_low"], record[f"{name}_high"]), _BOUND)
        return f"{text} (tiny)" if name in ("recogniser", "other") and text in tiny else text

    cells = [[cell(record, name) for name in COLUMNS] for record in records]
    return Table("Paired comparisons", "", list(COLUMNS.values()), cells, records, [])


def _compare(row: Row, other: Row) -> Record:
    if row is other:
        raise ValueError(f"compare: {row.name} is compared with itself")
    record = {"recogniser": row.name, "other": other.name, "dataset": row.dataset}
    for metric in COMPARED:
        record |= difference_columns(metric, row, other, metric) | {f"{metric}_p_holm": None}
    return record
