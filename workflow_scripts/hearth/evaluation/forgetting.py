"""Compare students with their untrained bases on homes that they did not learn from: what they forget there."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np

from hearth.evaluation import statistics
from hearth.evaluation.bootstrap import percentile_interval
from hearth.evaluation.held_out_homes import home_interval, home_p
from hearth.evaluation.notes import dataset_name, short_notes, table_notes
from hearth.evaluation.paper_table import TINY
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.rendering import Column, Note, Table, cell_text, decimals, with_interval
from hearth.evaluation.score_document import Interval, Score
from hearth.evaluation.table_rows import (
    Record,
    Row,
    add_adjusted_p,
    build_rows,
    difference_columns,
    is_asked_as_base,
    name_without_homes,
    rows_by_name,
)

METRIC = "weighted_f1"
_F1, _BOUND, _P = decimals(3), decimals(2), decimals(4)
_DIFFERENCE, _DIFFERENCE_BOUND = decimals(3, sign="+"), decimals(2, sign="+")
# Settings of a training that change how much a student forgets: keys of a score, and their headings.
SETTINGS = {"learning_rate": "Learning rate", "rank": "Rank", "balance": "Balance", "replay": "Replay"}
_COLUMNS = {
    "recogniser": Column("Student", number=False),
    "train_dataset": Column("Trained on", number=False),
    "n_homes": Column("Homes"),
    "n_examples": Column("Traces"),
    **{name: Column(heading) for name, heading in SETTINGS.items()},
    "n_seeds": Column("Seeds"),
    "dataset": Column("Tested on", number=False),
    METRIC: Column("Weighted F1", _F1),
    f"base_{METRIC}": Column("Its base, untrained", _F1),
    "difference": Column("Difference", _DIFFERENCE),
    "difference_p": Column("p", _P),
    "difference_p_holm": Column("p (Holm)", _P),
}
_MEAN_COLUMNS = {
    "recogniser": Column("Students", number=False),
    "n_homes": Column("Homes learned from"),
    "n_tested": Column("Homes tested on"),
    "n_worse": Column("Of these, worse than the base"),
    "difference": Column("Mean difference", _DIFFERENCE),
    "difference_p": Column("p", _P),
    "difference_p_holm": Column("p (Holm)", _P),
}
NOTES: list[Note] = [
    (
        "Forgetting",
        [
            "each row: a student on a home that it did not learn from, and its untrained base on the same windows;"
            " a difference below 0 is what the student has forgotten of its base",
            "traces: examples that the student learned from, replayed ones included (of several folds, in the first);"
            " where their numbers differ, rows differ in more than their settings",
            "p: paired permutation tests over tested groups; Holm: corrected for the number of tests in this table",
            "means: every home counts once, whatever number of students was tested on it; intervals resample homes, and"
            " p gives each home's difference either sign (Holm: corrected for the number of means); worse: the"
            " difference of that home is below 0",
        ],
    )
]


@dataclass(frozen=True)
class Comparison:
    """A student, all seeds of it, on a home that it did not learn from, and its untrained base there."""

    student: Row
    base: Row

    @property
    def dataset(self) -> str:
        """The home that neither learned from."""
        return self.student.dataset

    @property
    def score(self) -> Score:
        """The score of the student's first seed, which has its settings."""
        return self.student.scores[0]

    @property
    def examples(self) -> int:
        """The number of examples that the first seed of the student learned from."""
        student = self.score["provenance"]["student"]
        assert student, "a student has a training log"
        return student["examples"]["used"]

    @property
    def difference(self) -> float:
        """Weighted F1 of the student minus that of its base."""
        return self.student.mean(METRIC) - self.base.mean(METRIC)

    @cached_property
    def resampled(self) -> np.ndarray:
        """The difference on every resample of groups and seeds."""
        resampled: np.ndarray = self.student.resampled["strict"][METRIC] - self.base.resampled["strict"][METRIC]
        return resampled

    @property
    def interval(self) -> Interval | None:
        """The interval of the difference, over tested groups and seeds; None for too few groups."""
        return percentile_interval(self.resampled, self.student.groups)


def compare_on_unseen_homes(scores: Sequence[Score]) -> tuple[list[Comparison], list[Row]]:
    """Return the comparisons that scores allow, and the students on unseen homes whose base has no score there.

    Students with another prompt or decoding than their base are in neither: they differ in more than their training.
    """
    rows = build_rows(scores, "mean")
    by_name = rows_by_name(rows)
    comparisons: list[Comparison] = []
    alone: list[Row] = []
    for row in rows:
        score = row.scores[0]
        if score["kind"] != "student" or row.dataset in score["train_datasets"] or not is_asked_as_base(row):
            continue
        if base := by_name.get((score["base"], row.dataset)):
            comparisons.append(Comparison(row, base))
        else:
            alone.append(row)
    return comparisons, alone


def forgetting_table(title: str, caption: str, scores: Sequence[Score], commit: str) -> Table:
    """Build the table of students on homes that they did not learn from, with their means over homes below it.

    Raises ValueError if there is none, or if the base of one has no score on such a home.
    """
    comparisons, alone = compare_on_unseen_homes(scores)
    if alone:
        raise ValueError(
            f"{alone[0].name} on {alone[0].dataset} cannot be compared with its base: select"
            f" {alone[0].scores[0]['base']} on {alone[0].dataset} too (recognisers: bases)"
        )
    if not comparisons:
        raise ValueError("no student was tested on a home that it did not learn from; select students on other homes")
    simulated = simulated_datasets(scores)
    records = [_record(comparison) for comparison in comparisons]
    add_adjusted_p(records)
    shown = {name: column for name, column in _COLUMNS.items() if any(record[name] is not None for record in records)}
    return Table(
        title=title,
        caption=caption,
        columns=list(shown.values()),
        cells=[
            [_cell(record, comparison, *column, simulated) for column in shown.items()]
            for record, comparison in zip(records, comparisons, strict=True)
        ],
        records=records,
        notes=[*NOTES, *short_notes(scores)],
        below=_mean_table(comparisons),
        grounds=[*NOTES, *table_notes(scores, commit)],
    )


def describe_losses(scores: Sequence[Score]) -> list[str]:
    """Return a statement for each student that is below its untrained base on a home that it did not learn from.

    The largest losses come first. A student whose base has no score on such a home has a statement that says so.
    """
    simulated = simulated_datasets(scores)
    comparisons, alone = compare_on_unseen_homes(scores)
    worse = sorted((one for one in comparisons if one.difference < 0), key=lambda one: one.difference)
    return [
        *(_loss(one, dataset_name(one.dataset, simulated)) for one in worse),
        *(
            f"{row.name} on {dataset_name(row.dataset, simulated)}: unknown, because {row.scores[0]['base']} has no"
            " score there; select it in a table"
            for row in alone
        ),
    ]


def mean_differences(comparisons: Sequence[Comparison]) -> dict[str, float]:
    """Return the difference on each home, a mean over the students that were tested there."""
    homes = dict.fromkeys(one.dataset for one in comparisons)
    return {home: fmean(one.difference for one in comparisons if one.dataset == home) for home in homes}


def _loss(comparison: Comparison, dataset: str) -> str:
    student, base, interval = comparison.student, comparison.base, comparison.interval
    seeds = f" (mean of {len(student.scores)} seeds)" if len(student.scores) > 1 else ""
    difference = with_interval(_DIFFERENCE(comparison.difference), interval, _DIFFERENCE_BOUND)
    if interval is None:
        certainty = "too few groups for an interval"
    else:
        certainty = "beyond chance" if interval[1] < 0 else "within chance"
    return (
        f"{student.name} on {dataset}: weighted F1 {_F1(student.mean(METRIC))}{seeds} against {_F1(base.mean(METRIC))}"
        f" of {base.name}: {difference}, {certainty}"
    )


def _record(comparison: Comparison) -> Record:
    student, base, score = comparison.student, comparison.base, comparison.score
    value, deviation = statistics.mean_and_deviation(student.values(METRIC))
    record: Record = {
        "recogniser": student.name,
        "base": base.name,
        "train_dataset": score["train_dataset"],
        "n_homes": len(score["train_datasets"]),
        "n_examples": comparison.examples,
        **{name: score[name] for name in SETTINGS},  # type: ignore[literal-required]
        "n_seeds": len(student.scores) if len(student.scores) > 1 else None,
        "dataset": comparison.dataset,
        "n_groups": student.groups,
        "n_events": score["n_events"],
        METRIC: value,
        f"{METRIC}_sd": deviation,
    }
    for name, row in (("", student), ("base_", base)):
        low, high = row.interval(METRIC) or (None, None)
        record |= {f"{name}{METRIC}": row.mean(METRIC), f"{name}{METRIC}_low": low, f"{name}{METRIC}_high": high}
    return record | difference_columns("difference", student, base, METRIC) | {"difference_p_holm": None}


def _cell(record: Record, comparison: Comparison, name: str, column: Column, simulated: Sequence[str]) -> str:
    text = cell_text(column, record[name])
    if name == "recogniser" and comparison.score["provenance"]["stand_in"]:
        return f"{text}{TINY}"
    if name in ("dataset", "train_dataset"):
        return dataset_name(text, simulated)
    if name == METRIC and record[f"{METRIC}_sd"] is not None:
        text = f"{text} ± {_F1(record[f'{METRIC}_sd'])}"
    low = record.get(f"{name}_low")
    bound = _DIFFERENCE_BOUND if name == "difference" else _BOUND
    return with_interval(text, None if low is None else (low, record[f"{name}_high"]), bound)


def _mean_table(comparisons: Sequence[Comparison]) -> Table:
    """Return the table of means over homes: a row for each kind of student and number of homes that it learned from."""
    kinds: dict[tuple[str, int], list[Comparison]] = {}
    for one in comparisons:
        kinds.setdefault((name_without_homes(one.student), len(one.score["train_datasets"])), []).append(one)
    records = []
    for (name, homes), group in kinds.items():
        differences = list(mean_differences(group).values())
        low, high = home_interval(differences) or (None, None)
        records.append(
            {
                "recogniser": name,
                "n_homes": homes,
                "n_tested": len(differences),
                "n_worse": sum(difference < 0 for difference in differences),
                "difference": fmean(differences),
                "difference_low": low,
                "difference_high": high,
                "difference_p": home_p(differences),
            }
        )
    add_adjusted_p(records)
    cells = [[_mean_cell(record, name, column) for name, column in _MEAN_COLUMNS.items()] for record in records]
    return Table("Means over homes not learned from", "", list(_MEAN_COLUMNS.values()), cells, records, [])


def _mean_cell(record: Record, name: str, column: Column) -> str:
    low = record.get(f"{name}_low")
    return with_interval(
        cell_text(column, record[name]),
        None if low is None else (low, record[f"{name}_high"]),
        _DIFFERENCE_BOUND,
    )
