"""The paired comparisons of a table: named recognisers on every dataset that both were scored on."""

from hearth.common.schemas import nearest
from hearth.evaluation.notes import dataset_name
from hearth.evaluation.rendering import Column, Table, bracketed, decimals, shown
from hearth.evaluation.table_rows import Row, by_name, difference

# What two recognisers are compared in, and what that is called.
COMPARED = {"weighted_f1": "Weighted F1", "accuracy": "Accuracy"}
_DIFFERENCE, _BOUND, _P = decimals(3, sign="+"), decimals(2, sign="+"), decimals(4)
COLUMNS = {
    "recogniser": Column("Recogniser", number=False),
    "other": Column("Compared with", number=False),
    "dataset": Column("Dataset", number=False),
    **{
        f"{metric}{suffix}": Column(f"{words}: {what}", show)
        for metric, words in COMPARED.items()
        for suffix, what, show in (
            ("", "difference", _DIFFERENCE),
            ("_p", "p", _P),
            ("_p_holm", "p (Holm)", _P),
        )
    },
}


def records(rows: list[Row], pairs: list[list[str]]) -> list[dict]:
    """One record a pair and dataset: the first recogniser's metrics less the other's; rows of several seeds once.

    Raises ValueError for a recogniser of no row, for one compared with itself, and for two without a dataset in
    common.
    """
    named = by_name(rows)
    found = {}
    for one, other in pairs:
        on = {name: [dataset for known, dataset in named if known == name] for name in (one, other)}
        for name, datasets in on.items():
            if not datasets:
                known = dict.fromkeys(known for known, _ in named)
                raise ValueError(f"compare: {name!r} has no row in this table{nearest(name, known)}")
        shared = [dataset for dataset in on[one] if dataset in on[other]]
        if not shared:
            raise ValueError(f"compare: {one} and {other} were scored on no dataset in common")
        for dataset in shared:
            pair = named[one, dataset], named[other, dataset]
            found[pair[0].name, pair[1].name, dataset] = _record(*pair)
    return list(found.values())


def table(found: list[dict], rows: list[Row], simulated: list[str]) -> Table:
    """Comparisons as the table below a table of `rows`; tiny models and simulated data are called that."""
    tiny = {row.name for row in rows if row.scores[0]["provenance"]["stand_in"]}

    def cell(record: dict, name: str) -> str:
        text = shown(COLUMNS[name], record[name])
        if name == "dataset":
            return dataset_name(text, simulated)
        if name in COMPARED and record[f"{name}_low"] is not None:
            return bracketed(text, (record[f"{name}_low"], record[f"{name}_high"]), _BOUND)
        return f"{text} (tiny)" if name in ("recogniser", "other") and text in tiny else text

    cells = [[cell(record, name) for name in COLUMNS] for record in found]
    return Table("Paired comparisons", "", list(COLUMNS.values()), cells, found, [])


def _record(row: Row, other: Row) -> dict:
    if row is other:
        raise ValueError(f"compare: {row.name} is compared with itself")
    record = {"recogniser": row.name, "other": other.name, "dataset": row.dataset}
    for metric in COMPARED:
        record |= difference(metric, row, other, metric) | {f"{metric}_p_holm": None}
    return record
