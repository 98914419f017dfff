"""The steps between neighbouring sizes of base models, as a table below that of the claims."""

import math
from collections.abc import Collection, Sequence
from itertools import pairwise

from hearth.evaluation import statistics
from hearth.evaluation.claims.growth import base_sizes
from hearth.evaluation.claims.measures import DIFFERENCE, format_p
from hearth.evaluation.notes import dataset_name
from hearth.evaluation.rendering import Column, Table, cell_text, decimals, with_interval
from hearth.evaluation.score_document import Score
from hearth.evaluation.table_rows import Record

COLUMNS = {
    "dataset": Column("Dataset", number=False),
    "smaller": Column("From", number=False),
    "larger": Column("To", number=False),
    "doublings": Column("Doublings", decimals(1)),
    "difference": Column("Gain in weighted F1", DIFFERENCE),
    "p": Column("p", format_p),
    "p_holm": Column("p (Holm)", format_p),
}


def build_steps_table(scores: Sequence[Score], simulated: Collection[str]) -> Table | None:
    """Build the table of all steps between neighbouring sizes on all datasets; None if there are none."""
    datasets = dict.fromkeys(score["dataset"] for score in scores)
    records = [record for dataset in datasets for record in _steps(scores, dataset)]
    if not records:
        return None
    for record, adjusted in zip(records, statistics.holm([record["p"] for record in records]), strict=True):
        record["p_holm"] = adjusted
    return Table(
        title="Steps between neighbouring sizes",
        caption="",
        columns=list(COLUMNS.values()),
        cells=[_cells(record | {"dataset": dataset_name(record["dataset"], simulated)}) for record in records],
        records=records,
        notes=[],
    )


def _steps(scores: Sequence[Score], dataset: str) -> list[Record]:
    records: list[Record] = []
    for smaller, larger in pairwise(base_sizes(scores, dataset)):
        gain = (larger.f1 - smaller.f1).rounded()
        low, high = gain.interval or (None, None)
        # The gain may be a loss: the p value of any difference is that of the side on which the number lies.
        side = gain if gain.value >= 0 else 0 - gain
        records.append(
            {
                "dataset": dataset,
                "smaller": ", ".join(smaller.models),
                "larger": ", ".join(larger.models),
                "doublings": math.log2(larger.parameters / smaller.parameters),
                "difference": gain.value,
                "difference_low": low,
                "difference_high": high,
                "p": side.p,
            }
        )
    return records


def _cells(record: Record) -> list[str]:
    interval = None if record["difference_low"] is None else (record["difference_low"], record["difference_high"])
    shown = {name: cell_text(column, record[name]) for name, column in COLUMNS.items()}
    return [*(shown | {"difference": with_interval(shown["difference"], interval, DIFFERENCE)}).values()]
