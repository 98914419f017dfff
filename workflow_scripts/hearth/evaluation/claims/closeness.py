"""The claim that a distilled small student comes close to its teacher, by the paper's own figure and by its gain."""

from collections.abc import Sequence
from dataclasses import dataclass

from hearth.evaluation.claims.estimates import Estimate
from hearth.evaluation.claims.measures import (
    CLOSE,
    F1,
    format_difference,
    format_f1,
    measure_f1,
    model_scores,
    smallest_student_base,
    student_scores,
)
from hearth.evaluation.claims.verdicts import Claim, Condition, Finding, NotTestableError
from hearth.evaluation.score_document import Score

# Share of the teacher's lead over the base model that a student must gain.
SHARE = 0.5


@dataclass(frozen=True)
class _Distillation:
    """Weighted F1 of the smallest base model, of its student and of the teacher, and all three in words."""

    base: Estimate
    student: Estimate
    teacher: Estimate
    words: str


def within_the_papers_margin(scores: Sequence[Score], dataset: str) -> Finding:
    """Decide whether the smallest student is at most `CLOSE` below its teacher (a test of non-inferiority)."""
    of = _measure(scores, dataset)
    gap = (of.teacher - of.student).rounded()
    untrained = (of.teacher - of.base).rounded()
    because = f"{of.words}; the untrained base is {format_difference(untrained)} below the teacher"
    return Finding(gap, "F1 below the teacher", (Condition(CLOSE - gap),), because)


def gains_half_of_the_lead(scores: Sequence[Score], dataset: str) -> Finding:
    """Decide whether the smallest student gains half of its teacher's lead over its base model."""
    of = _measure(scores, dataset)
    gain, lead = (of.student - of.base).rounded(), (of.teacher - of.base).rounded()
    # A difference and not a share of the lead: a share has no bounds if the lead may be 0.
    margin = (gain - SHARE * lead).rounded()
    because = f"{of.words}: the student gains {format_difference(gain)} of a lead of {format_difference(lead)}"
    return Finding(margin, f"F1 gained beyond {SHARE} of the lead", (Condition(margin),), because)


def _measure(scores: Sequence[Score], dataset: str) -> _Distillation:
    base = smallest_student_base(scores)
    students = student_scores(scores, base, dataset, dataset)
    teacher = students[0]["teacher"]
    if not teacher:
        raise NotTestableError(f"the students of {base} have no teacher: their recipe is {students[0]['recipe']}")
    base_scores, teacher_scores = (model_scores(scores, model, dataset) for model in (base, teacher))
    base_f1, teacher_f1 = measure_f1(base_scores), measure_f1(teacher_scores)
    if (teacher_f1 - base_f1).rounded().value <= 0:
        raise NotTestableError(
            f"weighted F1 of the teacher {teacher} {F1(teacher_f1.value)} is not above that of the base {base}"
            f" {F1(base_f1.value)}, so there is no lead to gain"
        )
    words = (
        f"weighted F1 of the base {base} {format_f1(base_scores)}, of its student {format_f1(students)}, of the"
        f" teacher {teacher} {format_f1(teacher_scores)}"
    )
    return _Distillation(base_f1, measure_f1(students), teacher_f1, words)


CLAIMS = (
    Claim(
        f"A distilled small student comes within {CLOSE} F1 of its teacher",
        f"held if weighted F1 of the student of the smallest base model, trained on that home, is at most {CLOSE} below"
        " that of its teacher; not testable if the teacher does not lead over that base model",
        "the 0.6B student is within 3 to 5 % F1 of its 32B teacher; we do not know which F1 average this is, nor"
        " whether percent means points: weighted F1 and points are assumed",
        within_the_papers_margin,
    ),
    Claim(
        "A distilled small student gains half of its teacher's lead",
        f"held if the student of the smallest base model, trained on that home, gains at least {SHARE} of its teacher's"
        " lead over that base model in weighted F1; not testable if the teacher has no lead",
        "the 0.6B student comes close to its 32B teacher; half of the lead is assumed, a weaker threshold than the"
        " paper's figure",
        gains_half_of_the_lead,
    ),
)
