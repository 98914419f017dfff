"""The rows of a table: scores, or students that differ in their training seed alone, and differences between rows."""

import re
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np

from hearth.evaluation import statistics

# Of a score: what tells students apart, their training seeds aside.
_STUDENT = ("base", "variant", "teacher", "recipe", "train_dataset")


@dataclass(frozen=True)
class Row:
    """What a row is of: scores on one dataset, of one recogniser or of its training seeds, and the name it has."""

    name: str
    scores: tuple[dict, ...]

    @property
    def dataset(self) -> str:
        """The dataset that all scores are on."""
        return self.scores[0]["dataset"]

    @cached_property
    def counts(self) -> dict[str, list[statistics.Counts]]:
        """The counts of every score, by way of parsing."""
        return {parsing: [statistics.counts(score, parsing) for score in self.scores] for parsing in statistics.PARSED}

    @cached_property
    def resampled(self) -> dict[str, dict[str, np.ndarray]]:
        """Every metric on every resample of the sessions, the mean of the scores, by way of parsing."""
        return {parsing: statistics.mean_resampled(group) for parsing, group in self.counts.items()}

    def values(self, metric: str, parsing: str = "strict") -> list[float]:
        """A metric of every score; rates are metrics too."""
        found = (score[parsing] for score in self.scores)
        return [{**part, **part["rates"]}[metric] for part in found]

    def tokens(self, kind: str) -> int:
        """Tokens of the prompts or completions, the mean of the scores."""
        return round(fmean(score["tokens"][kind] for score in self.scores))


def rows_of(scores: list[dict], seeds: str = "each") -> list[Row]:
    """A row a score; with seeds "mean", one for all training seeds of a student, where its first score is given."""
    if seeds == "each":
        return [Row(score["recogniser"], (score,)) for score in scores]
    alike: dict[tuple, list[dict]] = {}
    for score in scores:
        told_apart = [score.get(key, "") for key in _STUDENT]
        alike.setdefault((_seedless(score), score["dataset"], *told_apart), []).append(score)
    return [Row(_seedless(group[0]), tuple(group)) for group in alike.values()]


def by_name(rows: list[Row]) -> dict[tuple[str, str], Row]:
    """Rows by (recogniser, dataset), and by (name, dataset) where a row has a name of its own."""
    named = {(row.name, row.dataset): row for row in rows}
    return {(score["recogniser"], row.dataset): row for row in rows for score in row.scores} | named


def difference(name: str, row: Row, other: Row, metric: str) -> dict:
    """The columns of a tested difference in a metric, `row`'s less `other`'s: value, bounds and p.

    Raises ValueError where the two were not scored on the same sessions.
    """
    low, high = statistics.interval(row.resampled["strict"][metric] - other.resampled["strict"][metric]) or (None, None)
    return {
        name: fmean(row.values(metric)) - fmean(other.values(metric)),
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_p": statistics.permutation_p(row.counts["strict"], other.counts["strict"], metric),
    }


def adjust(records: list[dict]) -> int:
    """Put a Holm-adjusted `_p_holm` beside every `_p` of a table's records; returns how many tests the table makes."""
    places = [(record, key) for record in records for key in list(record) if key.endswith("_p")]
    values = [record[key] for record, key in places]
    for (record, key), adjusted in zip(places, statistics.holm(values), strict=True):
        record[f"{key}_holm"] = adjusted
    return sum(value is not None for value in values)


def _seedless(score: dict) -> str:
    """The name of a student without its training seed."""
    name = score["recogniser"]
    return re.sub(r"_seed[0-9]+(?=_|$)", "", name) if score["kind"] == "student" else name
