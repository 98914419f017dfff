"""The claims that failures fall with model size and with distillation."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from hearth.evaluation.claims.measures import (
    BaseModel,
    base_models,
    format_difference,
    format_p,
    format_seeds,
    measure,
    student_scores,
)
from hearth.evaluation.claims.verdicts import Claim, Condition, Finding, NotTestableError
from hearth.evaluation.counts import counts_of_score, split_columns
from hearth.evaluation.rendering import decimals
from hearth.evaluation.score_document import Score
from hearth.evaluation.statistics import permutation_p
from hearth.prompting.oddities import UNREADABLE

# Events without an answer; all events of an unreadable window count as missing (see `counts`).
METRIC = "missing_rate"
# Statuses of windows with such events.
_INCOMPLETE = (*UNREADABLE, "missing_events", "unanswered")
_RATE = decimals(4)
_CHANGE = decimals(4, sign="+")
_change = partial(format_difference, show=_CHANGE, show_bound=_CHANGE)
_PAPER = (
    "small models give malformed answers and leave events out, and distillation reduces both; we know no figures for"
    " this, so any decrease counts"
)


def fall_with_size(scores: Sequence[Score], dataset: str) -> Finding:
    """Decide whether the largest base model leaves fewer events without an answer than the smallest."""
    models = base_models(scores, dataset)
    if len({model.parameters for model in models}) < 2:
        raise NotTestableError("this needs base models of 2 sizes")
    return _falls(models[0], models[-1].scores, models[-1].name)


def fall_with_distillation(scores: Sequence[Score], dataset: str) -> Finding:
    """Decide whether the students of the smallest base model leave fewer events without an answer than it does."""
    models = base_models(scores, dataset)
    if not models:
        raise NotTestableError(f"there is no score of a base model of known size on {dataset}")
    small = models[0]
    return _falls(small, student_scores(scores, small.name, dataset, dataset), f"the student of {small.name}")


def _falls(small: BaseModel, better: Sequence[Score], name: str) -> Finding:
    rate, other = measure(small.scores, METRIC).rounded(), measure(better, METRIC).rounded()
    if not rate.value and not other.value:
        raise NotTestableError(f"neither {small.name} nor {name} leaves an event without an answer")
    fall = (rate - other).rounded()
    small_counts, better_counts = (list(map(counts_of_score, scores)) for scores in (small.scores, better))
    p = permutation_p(small_counts, better_counts, METRIC)
    because = (
        f"events without an answer: {_RATE(rate.value)} ({_places(small.scores)}){format_seeds(small.scores, METRIC)}"
        f" by {small.name}, {_RATE(other.value)} ({_places(better)}){format_seeds(better, METRIC)} by {name}:"
        f" {_change(other - rate)}{'' if p is None else f', permutation p {format_p(p)}'}"
        f"{_unanswered([*small.scores, *better])}"
    )
    return Finding(fall, "share of events", (Condition(fall, paired_p=p),), because)


def _places(scores: Sequence[Score]) -> str:
    """Return in how many answers, and in how many groups, events have no answer, over all seeds."""
    answers = sum(score["strict"]["status"][status] for score in scores for status in _INCOMPLETE)
    *_, missing, _ = split_columns(np.stack([counts_of_score(score).matrix for score in scores]))[-1].T
    return (
        f"{answers} of {sum(score['n_windows'] for score in scores)} answers in"
        f" {np.count_nonzero(missing.any(axis=1))} of {len(missing)} groups"
    )


def _unanswered(scores: Sequence[Score]) -> str:
    """Return the end of the finding: the number of unanswered windows; "" if there are none."""
    count = sum(score["strict"]["status"]["unanswered"] for score in scores)
    return f"; among them are the events of {count} windows that were never answered" if count else ""


_EVENTS = "share of events without an answer (output that is malformed, unclosed or cut off, or events left out)"
CLAIMS = (
    Claim(
        "Failures fall with size",
        f"held if the {_EVENTS} is smaller for the largest base model than for the smallest; not testable if neither"
        " leaves any; a permutation test over groups must agree, because a few groups may hold all failures",
        _PAPER,
        fall_with_size,
    ),
    Claim(
        "Failures fall with distillation",
        f"held if the {_EVENTS} is smaller for the student of the smallest base model, trained on that home, than for"
        " that model; not testable if neither leaves any; a permutation test over groups must agree",
        _PAPER,
        fall_with_distillation,
    ),
)
