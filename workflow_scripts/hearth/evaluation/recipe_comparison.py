"""Compare recipes with the paper's: students of one base and home on the same windows, beside their untrained base."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np

from hearth.common.sums import sum_if_known
from hearth.distillation.recipes import PAPER_RECIPE
from hearth.evaluation.bootstrap import percentile_interval
from hearth.evaluation.score_document import Interval, Score
from hearth.evaluation.table_rows import Row, build_rows, variant_without_seed

METRIC = "weighted_f1"
HELPS, COSTS, NOT_SHOWN, TOO_FEW = "helps", "costs", "no difference shown", "too few groups for an interval"


@dataclass(frozen=True)
class RecipeRow:
    """The students of a recipe, all seeds of them, on a home, or a recogniser that learned nothing.

    `paper` are the students of the paper's recipe of the same base and home, None if they are not known, and for these
    students themselves.
    """

    row: Row
    paper: Row | None

    @property
    def score(self) -> Score:
        """The score of the first seed."""
        return self.row.scores[0]

    @property
    def recipe(self) -> str:
        """The recipe and how the students differ from its main ones; "none" for a model that learned nothing."""
        if self.score["kind"] == "baseline":
            return self.row.name
        return ", ".join(filter(None, (self.score["recipe"] or "none", variant_without_seed(self.score))))

    @property
    def base(self) -> str:
        """The language model that learned, or that did not; "" for a baseline."""
        return base_of(self.score)

    @cached_property
    def budgets(self) -> list[tuple[int, int | None]]:
        """The different numbers of windows and of optimiser steps of all seeds; no entry for other recognisers."""
        students = [student for score in self.row.scores if (student := score["provenance"]["student"])]
        return list(dict.fromkeys((student["examples"]["used"], student.get("steps")) for student in students))

    @property
    def answer_tokens(self) -> float | None:
        """Completion tokens per tested window, a mean of the scores; None if unknown, and for baselines."""
        total = self.row.tokens("completion") if self.base else None
        return None if total is None else total / self.score["n_windows"]

    @property
    def teacher_tokens(self) -> float | None:
        """Tokens of the teacher's text per window learned from: 0 without a teacher, None if unknown."""
        if not self.score["teacher"]:
            return 0.0
        students = [student for score in self.row.scores if (student := score["provenance"]["student"])]
        total = sum_if_known(student.get("teacher_tokens") for student in students)
        windows = sum(student["examples"]["used"] for student in students)
        return None if total is None or not windows else total / windows

    @property
    def ece(self) -> float | None:
        """The expected calibration error, a mean over the scores; None if one has no confidences."""
        errors = [score["confidence"]["ece"] for score in self.row.scores if "confidence" in score]
        return fmean(errors) if len(errors) == len(self.row.scores) else None

    @property
    def difference(self) -> float | None:
        """Weighted F1 minus that of the paper's recipe; None where there is nothing to compare with."""
        return self.row.mean(METRIC) - self.paper.mean(METRIC) if self.paper else None

    @cached_property
    def resampled(self) -> np.ndarray | None:
        """The difference on every resample of groups and seeds."""
        if self.paper is None:
            return None
        resampled: np.ndarray = self.row.resampled["strict"][METRIC] - self.paper.resampled["strict"][METRIC]
        return resampled

    @property
    def interval(self) -> Interval | None:
        """The interval of the difference, None for too few groups."""
        return None if self.resampled is None else percentile_interval(self.resampled, self.row.groups)


def compare_recipes(scores: Sequence[Score]) -> list[RecipeRow]:
    """Return a row for each recogniser and home, seeds together, in the order of the scores.

    A student is compared with those of the paper's recipe that learned from the same datasets, any other model with
    those of the home it is tested on. Raises ValueError if there are none of the paper's recipe.
    """
    rows = build_rows(scores, "mean")
    papers = [
        row for row in rows if row.scores[0]["recipe"] == PAPER_RECIPE and not variant_without_seed(row.scores[0])
    ]
    if not papers:
        raise ValueError(f"no student of the recipe {PAPER_RECIPE} to compare with; select such students too")
    return [RecipeRow(row, None if row in papers else _paper_row(row, papers)) for row in rows]


def _paper_row(row: Row, papers: Sequence[Row]) -> Row | None:
    score = row.scores[0]
    for paper in papers:
        other = paper.scores[0]
        same_data = (
            other["train_dataset"] == score["train_dataset"]
            if score["kind"] == "student"
            else row.dataset in other["train_datasets"]
        )
        if paper.dataset == row.dataset and same_data and other["base"] == base_of(score):
            return paper
    return None


def base_of(score: Score) -> str:
    """Return the language model behind a score; "" for a baseline."""
    model = score["provenance"]["model"]
    return score["base"] or (model["model"] if model else "")


def mean_interval(rows: Sequence[RecipeRow]) -> Interval | None:
    """Return the interval of the mean difference over the homes of `rows`, which are resampled independently.

    It speaks of these homes, not of others; the home with the fewest groups decides how much it is expanded.
    """
    resampled = [row.resampled for row in rows if row.resampled is not None]
    return percentile_interval(np.mean(resampled, axis=0), min(row.row.groups for row in rows))


def judge(interval: Interval | None) -> str:
    """Return the verdict on a difference: that a recipe helps only if the whole interval is above zero."""
    if interval is None:
        return TOO_FEW
    low, high = interval
    return HELPS if low > 0 else COSTS if high < 0 else NOT_SHOWN
