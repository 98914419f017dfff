"""Build tables of details: recognisers side by side, label by label, or by residents, activities and segments.

`held_out_homes` builds that of homes, `forgetting` that of students on homes that they did not learn from, `votes` that
of majorities of samples, `recipe_table` that of recipes. `gain_table`, which needs the answers themselves, is not among
them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from hearth.evaluation import bootstrap, segments
from hearth.evaluation.counts import counts_of_score, split_columns
from hearth.evaluation.forgetting import forgetting_table
from hearth.evaluation.held_out_homes import held_out_table
from hearth.evaluation.metrics import f1_by_label
from hearth.evaluation.notes import dataset_name, short_notes, table_notes
from hearth.evaluation.paper_table import row_names
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.recipe_table import recipe_table
from hearth.evaluation.rendering import Column, Note, Table, cell_text, decimals, with_interval
from hearth.evaluation.score_document import PartMetrics, Score
from hearth.evaluation.table_rows import build_rows
from hearth.evaluation.votes import vote_table

# Kinds of rows: one for each score, for each label, for each part of the data, for each home, for each student and home
# that it did not learn from, for each majority of samples and what it is compared with, or for each recipe and home.
Rows = Literal["scores", "labels", "parts", "homes", "forgetting", "votes", "recipes"]
Record = dict[str, Any]

_METRIC, _BOUND, _SECONDS = decimals(3), decimals(2), decimals(1)
_CLASS_COLUMNS = {
    "precision": Column("precision", _METRIC),
    "recall": Column("recall", _METRIC),
    "f1": Column("F1", _METRIC),
}
_PART_COLUMNS = {"accuracy": Column("accuracy", _METRIC), "weighted_f1": Column("weighted F1", _METRIC)}
_SEGMENT_COLUMNS = {
    "recogniser": Column("Recogniser", number=False),
    "dataset": Column("Dataset", number=False),
    "segments": Column("Segments"),
    "found": Column("Found", _METRIC),
    "found_by_majority": Column("Found by majority", _METRIC),
    "onset_mean": Column("Onset error, mean (s)", _SECONDS),
    "onset_median": Column("Onset error, median (s)", _SECONDS),
}
_CLASS_NOTES: list[Note] = [
    ("Labels", ["those of the tested events; an F1 has no interval if some resample lacks its label"])
]
_PART_NOTES: list[Note] = [
    (
        "Parts",
        [
            "residents present: number of different residents behind the events of a window",
            "resident: events of this resident, alone or jointly with others",
            "activities: windows of one recorded label, and of several",
            "without: events with none of these labels; windows and predictions stay the same",
            f"a part of fewer than {bootstrap.FEWEST_GROUPS} groups has no intervals",
            "F1 of a part averages over the labels that occur in it, so F1 of two parts differs by their labels too",
        ],
    ),
    ("Segments", [f"{name.replace('_', ' ')}: {definition}" for name, definition in segments.DEFINITIONS.items()]),
]


def class_table(title: str, caption: str, scores: Sequence[Score], commit: str) -> Table:
    """Build the table of precision, recall and F1 by label; its records have one entry per score and label."""
    scores, seeds_notes = _first_seeds(scores)
    names = _names(scores)
    records = [record for score, name in zip(scores, names, strict=True) for record in _class_records(score, name)]
    notes = [*_CLASS_NOTES, *seeds_notes]
    return _matrix(title, caption, scores, commit, records, {"label": "Label"}, _CLASS_COLUMNS, notes)


def part_table(title: str, caption: str, scores: Sequence[Score], commit: str) -> Table:
    """Build the table of parts of the tested events, with the table of segments below it."""
    scores, seeds_notes = _first_seeds(scores)
    names = _names(scores)
    records = [record for score, name in zip(scores, names, strict=True) for record in _part_records(score, name)]
    notes = [*_PART_NOTES, *seeds_notes]
    below = _segment_table(scores, names)
    keys = {"part": "Part", "value": ""}
    return _matrix(title, caption, scores, commit, records, keys, _PART_COLUMNS, notes, below)


# The builder of a table by what its rows are; `tables.build_table` builds tables of scores.
DETAIL_TABLES: dict[str, Callable[[str, str, Sequence[Score], str], Table]] = {
    "labels": class_table,
    "parts": part_table,
    "homes": held_out_table,
    "forgetting": forgetting_table,
    "votes": vote_table,
    "recipes": recipe_table,
}


def _first_seeds(scores: Sequence[Score]) -> tuple[list[Score], list[Note]]:
    """Return the scores of the first seed of every recogniser, and a note that says so if there are others."""
    first = [row.scores[0] for row in build_rows(scores, "mean")]
    note = "of a recogniser with several seeds, this table has the first that it was given"
    return first, [("Seeds of details", [note])] if len(first) < len(scores) else []


def _names(scores: Sequence[Score]) -> list[str]:
    return row_names(
        [
            {
                "recogniser": score["recogniser"],
                "dataset": score["dataset"],
                "base": score["base"],
                "train_dataset": score["train_dataset"],
                "train_datasets": ", ".join(score["train_datasets"]),
                "stand_in": score["provenance"]["stand_in"],
            }
            for score in scores
        ]
    )


def _class_records(score: Score, name: str) -> Iterator[Record]:
    counts = counts_of_score(score)
    groups = len(counts.groups)
    sums = bootstrap.resampled_sums(counts.dataset, counts.matrix) if groups > 1 else None
    resampled = None if sums is None else f1_by_label(sums, score["lost_answers"])
    occurs = None if sums is None else split_columns(sums)[0] > 0
    for position, label in enumerate(counts.labels):
        of_class = score["strict"]["per_class"][label]
        interval = None
        if resampled is not None and occurs is not None:
            values = np.where(occurs[:, position], resampled[:, position], np.nan)
            interval = bootstrap.percentile_interval(values, groups)
        low, high = interval or (None, None)
        yield {
            "recogniser": score["recogniser"],
            "shown": name,
            "dataset": score["dataset"],
            "label": label,
            "events": of_class["support"],
            **{key: of_class[key] for key in ("precision", "recall", "f1")},
            "f1_low": low,
            "f1_high": high,
        }


def _part_records(score: Score, name: str) -> Iterator[Record]:
    strict, breakdown = score["strict"], score["breakdown"]
    whole: PartMetrics = {
        "windows": score["n_windows"],
        "events": score["n_events"],
        "n_groups": score["n_groups"],
        "metrics": {"accuracy": strict["accuracy"], "weighted_f1": strict["weighted_f1"]},
        "intervals": strict["intervals"],
    }
    parts: dict[tuple[str, str], PartMetrics] = {("all", ""): whole}
    named = (("residents present", "residents_present"), ("resident", "resident"), ("activities", "activities"))
    for part, key in named:
        parts |= {(part, value): metrics for value, metrics in breakdown[key].items()}  # type: ignore[literal-required]
    parts |= {("without", value): metrics for value, metrics in score["without"].items() if metrics}
    for (part, value), metrics in parts.items():
        record = {
            "recogniser": score["recogniser"],
            "shown": name,
            "dataset": score["dataset"],
            "part": part,
            "value": value,
            "windows": metrics["windows"],
            "events": metrics["events"],
            "groups": metrics["n_groups"],
        }
        for metric in _PART_COLUMNS:
            low, high = metrics["intervals"][metric] or (None, None)
            record |= {metric: metrics["metrics"][metric], f"{metric}_low": low, f"{metric}_high": high}
        yield record


def _segment_table(scores: Sequence[Score], names: Sequence[str]) -> Table:
    simulated = simulated_datasets(scores)
    records: list[Record] = []
    for score in scores:
        found = score["segments"]
        record: Record = {"recogniser": score["recogniser"], "dataset": score["dataset"]}
        for name in segments.DEFINITIONS:
            record[name] = found[name]  # type: ignore[literal-required]
            if name in found["intervals"]:
                record[f"{name}_low"], record[f"{name}_high"] = found["intervals"][name] or (None, None)
        records.append(record)

    def cell(record: Record, name: str, shown: str) -> str:
        if name == "recogniser":
            return shown
        if name == "dataset":
            return dataset_name(record[name], simulated)
        return _with_bounds(record, name, _SEGMENT_COLUMNS[name], _SECONDS if name == "onset_mean" else _BOUND)

    cells = [
        [cell(record, name, shown) for name in _SEGMENT_COLUMNS] for record, shown in zip(records, names, strict=True)
    ]
    return Table("Segments", "", list(_SEGMENT_COLUMNS.values()), cells, records, [])


def _matrix(
    title: str,
    caption: str,
    scores: Sequence[Score],
    commit: str,
    records: Sequence[Record],
    keys: Mapping[str, str],
    shown: Mapping[str, Column],
    notes: Sequence[Note],
    below: Table | None = None,
) -> Table:
    """Return a table of `records` with a row for each dataset and value of `keys`, and columns for each recogniser.

    `keys` maps keys of a record to headings, `shown` the numbers of a record to their columns.
    """
    simulated = simulated_datasets(scores)
    names = list(dict.fromkeys(record["shown"] for record in records))
    by_place: dict[tuple[str, ...], dict[str, Record]] = {}
    for dataset in dict.fromkeys(record["dataset"] for record in records):
        for record in records:
            if record["dataset"] == dataset:
                place = (dataset, *(record[key] for key in keys))
                by_place.setdefault(place, {})[record["shown"]] = record
    columns = [
        Column("Dataset", number=False),
        *(Column(heading, number=False) for heading in keys.values()),
        Column("Events"),
        *(Column(f"{name}: {column.heading}", column.show) for name in names for column in shown.values()),
    ]
    cells = [
        [
            dataset_name(place[0], simulated),
            *place[1:],
            str(next(iter(rows.values()))["events"]),
            *(
                _with_bounds(rows[name], key, column, _BOUND) if name in rows else ""
                for name in names
                for key, column in shown.items()
            ),
        ]
        for place, rows in by_place.items()
    ]
    return Table(
        title=title,
        caption=caption,
        columns=columns,
        cells=cells,
        records=[{key: value for key, value in record.items() if key != "shown"} for record in records],
        notes=[*notes, *short_notes(scores)],
        below=below,
        grounds=table_notes(scores, commit),
    )


def _with_bounds(record: Record, name: str, column: Column, show: Callable[[float], str]) -> str:
    low = record.get(f"{name}_low")
    interval = None if low is None else (low, record[f"{name}_high"])
    return with_interval(cell_text(column, record[name]), interval, show)
