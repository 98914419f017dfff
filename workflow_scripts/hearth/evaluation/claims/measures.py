"""Select the scores that the claims compare, estimate numbers from them, and write these numbers as text."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from hearth.distillation.recipes import PAPER_RECIPE
from hearth.evaluation.claims.estimates import Estimate
from hearth.evaluation.claims.verdicts import NotTestableError
from hearth.evaluation.counts import counts_of_score
from hearth.evaluation.rendering import decimals, with_interval
from hearth.evaluation.score_document import Score, metric_value, select_paper_scores
from hearth.evaluation.statistics import mean_and_deviation, resample_mean
from hearth.evaluation.table_rows import name_without_seed, variant_without_seed

# Difference in weighted F1 that the paper itself calls close: "within 3 to 5 % F1".
CLOSE = 0.05

F1, DIFFERENCE = decimals(3), decimals(3, sign="+")


def measure(scores: Sequence[Score], metric: str) -> Estimate:
    """Return the mean of a metric over scores on one dataset."""
    counts = [counts_of_score(score) for score in scores]
    resampled = resample_mean(counts)[metric]
    return Estimate(np.concatenate([[_mean(scores, metric)], resampled]), len(counts[0].groups))


def measure_f1(scores: Sequence[Score]) -> Estimate:
    """Return the mean weighted F1 of scores on one dataset."""
    return measure(scores, "weighted_f1")


def format_difference(
    difference: Estimate, show: Callable[[float], str] = DIFFERENCE, show_bound: Callable[[float], str] = DIFFERENCE
) -> str:
    """Return a difference as text, with its interval if it has one."""
    return with_interval(show(difference.value), difference.interval, show_bound)


def format_p(p: float) -> str:
    """Return a p value as text; one that rounds to 0 is not called 0."""
    return "<0.0001" if p < 0.00005 else decimals(4)(p)


def format_seeds(scores: Sequence[Score], metric: str) -> str:
    """Return a text with the number of seeds behind a mean and their standard deviation; "" for a single one."""
    if len(scores) == 1:
        return ""
    _, deviation = mean_and_deviation([metric_value(score["strict"], metric) for score in scores])
    sampled = all(score["kind"] == "student" for score in scores) and len(set(map(_trained_name, scores))) == 1
    kind = " of sampling, 1 of training: the spread of trainings is not covered" if sampled else ""
    return f" (mean of {len(scores)} seeds{kind}, ± {F1(deviation or 0.0)})"


def _trained_name(score: Score) -> str:
    """Return the name of a recogniser without its seed of sampling, but with that of its training."""
    return re.sub(r"_decode[0-9]+$", "", score["recogniser"])


def format_f1(scores: Sequence[Score]) -> str:
    """Return the mean weighted F1 of scores as text, with the number of seeds if there are several."""
    return F1(_mean(scores, "weighted_f1")) + format_seeds(scores, "weighted_f1")


def select_scores(scores: Sequence[Score]) -> list[Score]:
    """Return the scores that the paper is about, of all seeds of training and of sampling."""
    return [score for score in scores if select_paper_scores([score | {"variant": variant_without_seed(score)}])]


def tested_homes(scores: Sequence[Score]) -> list[str]:
    """Return the homes of the scores that the paper is about."""
    return list(dict.fromkeys(score["dataset"] for score in select_scores(scores)))


@dataclass(frozen=True)
class BaseModel:
    """A base model and its scores on one dataset, one for each seed of sampling."""

    name: str
    parameters: int
    scores: tuple[Score, ...]


def base_models(scores: Sequence[Score], dataset: str) -> list[BaseModel]:
    """Return the base models of known size that were scored on a dataset, smallest first."""
    by_name: dict[str, list[Score]] = {}
    for score in scores:
        if score["kind"] == "base" and score["dataset"] == dataset and score["parameters"]:
            by_name.setdefault(name_without_seed(score), []).append(score)
    models = [BaseModel(name, same[0]["parameters"] or 0, tuple(same)) for name, same in by_name.items()]
    return sorted(models, key=lambda model: (model.parameters, model.name))


def smallest_student_base(scores: Sequence[Score]) -> str:
    """Return the name of the smallest base model that has students."""
    students = [score for score in scores if score["kind"] == "student"]
    if not students:
        raise NotTestableError(f"there is no student of recipe {PAPER_RECIPE} among the scores")
    return min(students, key=lambda score: (score["parameters"] or 0, score["base"]))["base"]


def model_scores(scores: Sequence[Score], model: str, dataset: str) -> tuple[Score, ...]:
    """Return the scores of a base model on a dataset."""
    for known in base_models(scores, dataset):
        if known.name == model:
            return known.scores
    raise NotTestableError(f"there is no score of {model} on {dataset}")


def student_scores(scores: Sequence[Score], base: str, trained_on: str, dataset: str) -> list[Score]:
    """Return the scores on `dataset` of the students of a base model, of all seeds, trained on `trained_on`."""
    students = [
        score
        for score in scores
        if (score["kind"], score["base"], score["train_dataset"], score["dataset"])
        == ("student", base, trained_on, dataset)
    ]
    if not students:
        raise NotTestableError(
            f"there is no score on {dataset} of a student of {base} that was trained on {trained_on}"
        )
    return students


def _mean(scores: Sequence[Score], metric: str) -> float:
    return fmean(metric_value(score["strict"], metric) for score in scores)
