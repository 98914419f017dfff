"""The claim that failures fall with model size and with distillation."""

from collections.abc import Sequence
from functools import partial

from hearth.evaluation.claims.measures import (
    Estimate,
    base_scores,
    format_difference,
    format_seeds,
    measure,
    student_scores,
)
from hearth.evaluation.claims.verdicts import Claim, Condition, Finding, NotTestableError, conclude
from hearth.evaluation.rendering import decimals
from hearth.evaluation.score_document import Score

# Events without an answer; all events of an unreadable window count as missing (`counts.count_groups`).
METRIC = "missing_rate"
_RATE = decimals(4)
_change = partial(format_difference, show=decimals(4, sign="+"), show_bound=decimals(3, sign="+"))


def failures_fall(scores: Sequence[Score], dataset: str) -> Finding:
    """Decide whether the smallest base model fails more often than the largest, and than its own student."""
    bases = base_scores(scores, dataset)
    if len({base["parameters"] for base in bases}) < 2:
        raise NotTestableError("this needs base models of 2 sizes")
    small, large = bases[0]["recogniser"], bases[-1]["recogniser"]
    rate, large_rate = _failure_rate(bases[:1]), _failure_rate(bases[-1:])
    students = student_scores(scores, small, dataset, dataset)
    student_rate = _failure_rate(students)
    if not rate.value and not large_rate.value and not student_rate.value:
        raise NotTestableError(f"neither {small}, {large} nor the student of {small} leaves an event without an answer")
    by_size = Condition(rate - large_rate, strictly=True)
    by_distillation = Condition(rate - student_rate, strictly=True)
    return conclude(
        f"events without an answer: {_RATE(rate.value)} by {small}; {_RATE(large_rate.value)} by {large},"
        f" {_change(large_rate - rate)}; {_RATE(student_rate.value)}{format_seeds(students, METRIC)} by the student of"
        f" {small}, {_change(student_rate - rate)}: {_falls(by_size)} with size, {_falls(by_distillation)} with"
        f" distillation{_unanswered([bases[0], bases[-1], *students])}",
        by_size,
        by_distillation,
    )


def _failure_rate(scores: Sequence[Score]) -> Estimate:
    return measure(scores, METRIC).rounded()


def _unanswered(scores: Sequence[Score]) -> str:
    """Return the end of the finding: the number of unanswered windows; "" if there are none."""
    count = sum(score["strict"]["status"]["unanswered"] for score in scores)
    return f"; among them are the events of {count} windows that were never answered" if count else ""


def _falls(condition: Condition) -> str:
    return "falls" if condition.met else "does not fall"


CLAIM = Claim(
    "Failures fall with size and with distillation",
    "held if the smallest base model leaves a larger share of events without an answer (output that is malformed,"
    " unclosed or cut off, or events left out; strict parsing) than the largest base model, and than its own student"
    " trained on that home; not testable if none of the three leaves any",
    "small models give malformed answers and leave events out, and distillation reduces both; we know no figures"
    " for this, so the threshold, any decrease at all, is assumed",
    failures_fall,
)
