"""Build the rows of a table, each from one score or from all seeds of a recogniser, and compare rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any, Literal

import numpy as np

from hearth.common.sums import sum_if_known
from hearth.evaluation import bootstrap, statistics
from hearth.evaluation.counts import Counts, counts_of_score
from hearth.evaluation.score_document import PARSINGS, Interval, Parsing, Score, metric_value

# One row per seed, or one row for all seeds, of training and of sampling, of a recogniser.
Seeds = Literal["each", "mean"]
Record = dict[str, Any]  # the values of one row by column


@dataclass(frozen=True)
class Row:
    """One row of a table: its name, and the scores of one recogniser, or of all its seeds, on one dataset."""

    name: str
    scores: tuple[Score, ...]

    @property
    def dataset(self) -> str:
        """The dataset of all scores."""
        return self.scores[0]["dataset"]

    @cached_property
    def counts(self) -> dict[Parsing, list[Counts]]:
        """The counts of every score, by parsing."""
        return {parsing: [counts_of_score(score, parsing) for score in self.scores] for parsing in PARSINGS}

    @property
    def groups(self) -> int:
        """The number of tested groups."""
        return len(self.counts["strict"][0].groups)

    @cached_property
    def resampled(self) -> dict[Parsing, dict[str, np.ndarray]]:
        """Every metric on every resample of groups and seeds, averaged over the scores, by parsing."""
        return {parsing: statistics.resample_mean(group) for parsing, group in self.counts.items()}

    def values(self, metric: str, parsing: Parsing = "strict") -> list[float]:
        """Return a headline metric or a rate of every score."""
        return [metric_value(score[parsing], metric) for score in self.scores]

    def mean(self, metric: str, parsing: Parsing = "strict") -> float:
        """Return a headline metric or a rate, averaged over the scores."""
        return fmean(self.values(metric, parsing))

    def interval(self, metric: str, parsing: Parsing = "strict") -> Interval | None:
        """Return the interval of the mean: that in the score if there is only one score, else one from resamples."""
        if len(self.scores) == 1:
            return self.scores[0][parsing]["intervals"][metric]
        return bootstrap.share_interval(self.resampled[parsing][metric], self.groups)

    @property
    def truncated_rate(self) -> float:
        """The share of windows whose answer was cut off at the token limit, averaged over the scores."""
        return fmean(score["n_truncated"] / score["n_windows"] for score in self.scores)

    def tokens(self, kind: Literal["prompt", "completion"]) -> int | None:
        """Return the number of tokens of the prompts or of the completions, a mean of the scores; None if unknown."""
        total = sum_if_known(score["tokens"][kind] for score in self.scores)
        return None if total is None else round(total / len(self.scores))


def build_rows(scores: Sequence[Score], seeds: Seeds = "each") -> list[Row]:
    """Return the rows of a table, in the order of `scores`.

    With `seeds` "each", every score is one row. With "mean", the scores of recognisers that differ only in their seed
    of training or of sampling are averaged in one row, which stands where the first of these scores stands.
    """
    if seeds == "each":
        return [Row(score["recogniser"], (score,)) for score in scores]
    groups: dict[tuple[str, ...], list[Score]] = {}
    for score in scores:
        identity = (
            score["base"],
            variant_without_seed(score),
            score["teacher"],
            score["recipe"],
            score["train_dataset"],
        )
        groups.setdefault((name_without_seed(score), score["dataset"], *identity), []).append(score)
    return [Row(name_without_seed(group[0]), tuple(group)) for group in groups.values()]


def rows_by_name(rows: Sequence[Row]) -> dict[tuple[str, str], Row]:
    """Return a dict from (name, dataset) to the row; the name is that of the row or of any of its recognisers."""
    by_recogniser = {(score["recogniser"], row.dataset): row for row in rows for score in row.scores}
    return by_recogniser | {(row.name, row.dataset): row for row in rows}


def difference_columns(name: str, row: Row, other: Row, metric: str) -> Record:
    """Return columns for the difference in `metric`, `row` minus `other`: its value, interval bounds and p value.

    `name` names the first column and begins the names of the others. Raises ValueError if the two rows were not scored
    on the same groups.
    """
    resampled = row.resampled["strict"][metric] - other.resampled["strict"][metric]
    low, high = bootstrap.percentile_interval(resampled, row.groups) or (None, None)
    return {
        name: row.mean(metric) - other.mean(metric),
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_p": statistics.permutation_p(row.counts["strict"], other.counts["strict"], metric),
    }


def add_gap_to_best(records: Sequence[Record], rows: Sequence[Row], metric: str) -> None:
    """Add columns `gap_to_best...`: `metric` of each row minus that of the best row on its dataset.

    Only if no row has a gain over its base, because each further test makes Holm's correction of the others stricter.
    """
    if any(record["gain_over_base"] is not None for record in records):
        return
    best: dict[str, Row] = {}
    for row in rows:
        if row.dataset not in best or row.mean(metric) > best[row.dataset].mean(metric):
            best[row.dataset] = row
    for record, row in zip(records, rows, strict=True):
        if row is not best[row.dataset]:
            record.update(difference_columns("gap_to_best", row, best[row.dataset], metric))


def add_adjusted_p(records: Sequence[Record]) -> int:
    """Add a Holm-adjusted column `..._p_holm` for every `..._p` of a table's records; return the number of tests."""
    places = [(record, key) for record in records for key in list(record) if key.endswith("_p")]
    p_values = [record[key] for record, key in places]
    for (record, key), adjusted in zip(places, statistics.holm(p_values), strict=True):
        record[f"{key}_holm"] = adjusted
    return sum(p is not None for p in p_values)


def samples_again(score: Score) -> bool:
    """Whether a score is that of a recogniser with a further seed of sampling, not with its first one."""
    return variant_without_seed(score) != score["variant"]


def name_without_seed(score: Score) -> str:
    """Return the recogniser's name without its seed of sampling, that of a student also without its training seed."""
    name = (
        score["recogniser"].removesuffix(f"_{score['variant'].rpartition('-')[2]}")
        if samples_again(score)
        else score["recogniser"]
    )
    return re.sub(r"_seed[0-9]+(?=_|$)", "", name) if score["kind"] == "student" else name


def name_without_homes(row: Row) -> str:
    """Return the name of a student's row without the dataset, or the set of datasets, that it learned from."""
    score = row.scores[0]
    return remove_homes(row.name, score["base"], score["train_dataset"])


def is_asked_as_base(row: Row) -> bool:
    """Whether a student's row has the prompt and decoding of the config, as that of its base has: no variant of it."""
    return "_" not in name_without_homes(row).removeprefix(f"{row.scores[0]['base']}_")


def remove_homes(name: str, base: str, homes: str) -> str:
    """Return a student's name, `<base>_<recipe>_<homes>` and what follows, without `homes`."""
    recipe, _, rest = name.removeprefix(f"{base}_").partition("_")  # the recipe's part may begin like the homes
    return f"{base}_{recipe}{rest.removeprefix(homes)}"


def variant_without_seed(score: Score) -> str:
    """Return the variant of a recogniser without its last part, if that names a seed of sampling."""
    return re.sub(r"(^|-)decode[0-9]+$", "", score["variant"])
