"""Build the table of homes that are left out: each recogniser on each home, by the homes that it learned from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, get_args

import numpy as np
from scipy.stats import permutation_test

from hearth.evaluation import bootstrap, statistics
from hearth.evaluation.learned_homes import LearnedFrom, homes_learned_from
from hearth.evaluation.notes import dataset_name, short_notes, table_notes
from hearth.evaluation.paper_table import TINY
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.rendering import Column, Note, Table, cell_text, decimals, with_interval
from hearth.evaluation.score_document import Interval, Score, seen_datasets
from hearth.evaluation.table_rows import (
    Record,
    Row,
    add_adjusted_p,
    build_rows,
    difference_columns,
    is_asked_as_base,
    name_without_homes,
)

# Metrics of the records; the table shows the first.
METRICS = ("weighted_f1", "macro_f1")
MEAN = "mean over homes"

HEADINGS: dict[LearnedFrom, str] = {
    "none": "No home (zero-shot)",
    "own": "This home",
    "others": "Other homes",
    "all": "All homes",
}
_GAIN = "gain_of_others"
_COLUMNS = {
    "recogniser": Column("Recogniser", number=False),
    "dataset": Column("Home", number=False),
    "n_groups": Column("Groups"),
    **{f"{learned}_{METRICS[0]}": Column(heading, decimals(3)) for learned, heading in HEADINGS.items()},
    _GAIN: Column("Other homes minus zero-shot", decimals(3, sign="+")),
    f"{_GAIN}_p": Column("p", decimals(4)),
    f"{_GAIN}_p_holm": Column("p (Holm)", decimals(4)),
}
NOTES: list[Note] = [
    (
        "Homes left out",
        [
            "each column: weighted F1 of the recogniser that learned from these homes, tested on the home of the row;"
            " no home: the base itself, untrained; other homes: of all homes of the table but that of the row, or of"
            " all other datasets of the config with `all: true` (see Sets of datasets, Baselines)",
            "all of them are tested on the same windows of a home",
            f"{MEAN}: each home counts once; its interval resamples homes, not groups, and needs"
            f" {bootstrap.FEWEST_GROUPS} homes or more; its p is that of a paired permutation test over homes,"
            f" at least 2 / 2^homes",
            "p of a home: paired permutation tests over tested groups; Holm: corrected for the number of these tests in"
            " this table, and of means for the number of means",
            "a model with examples of a home in its prompt (few-shot) has learned from that home",
        ],
    )
]


@dataclass(frozen=True)
class Family:
    """A kind of recogniser that differs only in the homes that it learned from: `rows` by dataset and by these."""

    name: str
    rows: dict[str, dict[LearnedFrom, Row]]

    def values(self, learned: LearnedFrom, metric: str) -> list[float]:
        """Return the metric on each home; an empty list if it was not measured on every one."""
        rows = [by_learned.get(learned) for by_learned in self.rows.values()]
        return [row.mean(metric) for row in rows if row] if all(rows) else []


def held_out_table(title: str, caption: str, scores: Sequence[Score], commit: str) -> Table:
    """Build the table of homes left out; its records have one entry per family and home, and one per family's mean."""
    simulated = simulated_datasets(scores)
    rows = build_rows(scores, "mean")
    families = build_families(rows)
    records = [record for family in families for record in _family_records(family)]
    for is_mean in (False, True):
        add_adjusted_p([record for record in records if (record["dataset"] == MEAN) == is_mean])

    def cell(record: Record, name: str, column: Column) -> str:
        if name == "dataset":
            return dataset_name(record[name], simulated)
        low, bound = record.get(f"{name}_low"), decimals(2, sign="+" if name == _GAIN else "")
        deviation = record.get(f"{name}_sd")
        text = cell_text(column, record[name]) + ("" if deviation is None else f" ± {decimals(3)(deviation)}")
        return with_interval(text, None if low is None else (low, record[f"{name}_high"]), bound)

    shown = {name: one for name, one in _COLUMNS.items() if any(record[name] is not None for record in records)}
    return Table(
        title=title,
        caption=caption,
        columns=list(shown.values()),
        cells=[[cell(record, *column) for column in shown.items()] for record in records],
        records=records,
        notes=[*NOTES, *_notes_of_absent(rows, families), *short_notes(scores)],
        grounds=table_notes(scores, commit),
    )


def _notes_of_absent(rows: Sequence[Row], families: Sequence[Family]) -> list[Note]:
    """Return a note that names the recognisers that stand in no row; none if all do."""
    shown = {row.name for family in families for found in family.rows.values() for row in found.values()}
    absent = dict.fromkeys(row.name for row in rows if row.name not in shown)
    if not absent:
        return []
    reason = "they learned from a part of the homes, or no more homes than another that is shown"
    return [("Not shown", [f"{', '.join(absent)}: {reason}"])]


def learned_from(score: Score, homes: Collection[str]) -> LearnedFrom | None:
    """Return the homes that a score's recogniser learned from, as `homes_learned_from` does."""
    named = score["train_dataset"] or score["recogniser"].rpartition("_")[2]
    return homes_learned_from(score["dataset"], seen_datasets(score), named, homes)


def build_families(rows: Sequence[Row]) -> list[Family]:
    """Return the families of the rows, in order; a base is in the family of each of its students.

    Students with another prompt or decoding than their base are a family without it.

    Recognisers that learned from a part of the homes are left out. Of several that learned from other homes, or from
    all, the one of most homes is taken; among equals the first.
    """
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    places: dict[str, dict[str, dict[LearnedFrom, Row]]] = {}
    bases: dict[str, str] = {}  # the base of each family of students
    for row in rows:
        score, learned = row.scores[0], learned_from(row.scores[0], datasets)
        if learned is None:
            continue
        family = _family_name(row)
        if score["kind"] == "student" and is_asked_as_base(row):
            bases[family] = score["base"]
        by_learned = places.setdefault(family, {}).setdefault(row.dataset, {})
        other = by_learned.get(learned)
        if not other or len(score["train_datasets"]) > len(other.scores[0]["train_datasets"]):
            by_learned[learned] = row
    taught = {base for base in bases.values() if base in places}
    families = []
    for name, found in places.items():
        if name in taught:
            continue
        base = places.get(bases.get(name, ""), {})
        merged = {one: base.get(one, {}) | found.get(one, {}) for one in datasets if one in base or one in found}
        families.append(Family(f"{name}{TINY}" if _is_tiny(merged) else name, merged))
    return families


def _family_name(row: Row) -> str:
    """Return a recogniser's name without the homes that it learned from."""
    score = row.scores[0]
    if score["kind"] == "student":
        return name_without_homes(row)
    if score["kind"] == "baseline":
        name, _, learned = row.name.rpartition("_")
        return name if learned in get_args(LearnedFrom) else row.name
    return row.name


def _is_tiny(rows: Mapping[str, Mapping[LearnedFrom, Row]]) -> bool:
    return any(row.scores[0]["provenance"]["stand_in"] for found in rows.values() for row in found.values())


def _family_records(family: Family) -> list[Record]:
    """Return the record of each home of a family, and that of their mean if there are several."""
    records = [_home_record(family.name, dataset, found) for dataset, found in family.rows.items()]
    return [*records, _mean_record(family)] if len(records) > 1 else records


def _home_record(name: str, dataset: str, found: Mapping[LearnedFrom, Row]) -> Record:
    row = next(iter(found.values()))
    record: Record = {"recogniser": name, "dataset": dataset, "n_homes": None, "n_groups": row.groups}
    record["n_events"] = row.scores[0]["n_events"]
    for learned in get_args(LearnedFrom):
        tested = found.get(learned)
        record[f"{learned}_name"] = tested.name if tested else None
        record[f"{learned}_seeds"] = len(tested.scores) if tested else None
        for metric in METRICS:
            value = deviation = low = high = None
            if tested:
                value, deviation = statistics.mean_and_deviation(tested.values(metric))
                low, high = tested.interval(metric) or (None, None)
            record |= _with_bounds(f"{learned}_{metric}", value, low, high) | {f"{learned}_{metric}_sd": deviation}
    gain = dict.fromkeys((_GAIN, f"{_GAIN}_low", f"{_GAIN}_high", f"{_GAIN}_p"))
    if "others" in found and "none" in found:
        gain |= difference_columns(_GAIN, found["others"], found["none"], METRICS[0])
    return record | gain


def _mean_record(family: Family) -> Record:
    homes = len(family.rows)
    record: Record = {"recogniser": family.name, "dataset": MEAN, "n_homes": homes, "n_groups": None, "n_events": None}
    for learned in get_args(LearnedFrom):
        record |= dict.fromkeys((f"{learned}_name", f"{learned}_seeds"))
        for metric in METRICS:
            values = family.values(learned, metric)
            low, high = home_interval(values, within_one=True) or (None, None)
            record |= _with_bounds(f"{learned}_{metric}", fmean(values) if values else None, low, high)
            record[f"{learned}_{metric}_sd"] = None
    others, none = family.values("others", METRICS[0]), family.values("none", METRICS[0])
    gains = [one - other for one, other in zip(others, none, strict=False)]
    low, high = home_interval(gains) or (None, None)
    return record | _with_bounds(_GAIN, fmean(gains) if gains else None, low, high) | {f"{_GAIN}_p": home_p(gains)}


def _with_bounds(name: str, value: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def home_interval(values: Sequence[float], within_one: bool = False) -> Interval | None:
    """Return the interval of the mean of one value per home, from resamples of homes; None for too few homes.

    `within_one`: keep the bounds within 0 to 1.
    """
    if len(values) < bootstrap.FEWEST_GROUPS:
        return None
    means = bootstrap.group_weights(MEAN, len(values)) @ np.array(values) / len(values)
    interval = bootstrap.share_interval if within_one else bootstrap.percentile_interval
    return interval(means, len(values))


def home_p(differences: Sequence[float]) -> float | None:
    """Return the two-sided p value of the mean of one difference per home; None for fewer than two homes.

    The test gives every difference either sign, in all ways or in `PERMUTATIONS` random ones.
    """
    if len(differences) < 2:
        return None
    rounded = np.round(differences, bootstrap.DECIMALS)
    result = permutation_test(
        (rounded,),
        np.mean,
        permutation_type="samples",
        n_resamples=statistics.PERMUTATIONS,
        rng=np.random.default_rng(bootstrap.SEED),
    )
    return float(result.pvalue)
