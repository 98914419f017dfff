"""The claim that a distilled small student comes close to its teacher."""

from collections.abc import Sequence

from hearth.evaluation.claims.measures import (
    F1,
    format_difference,
    format_student_f1,
    measure_f1,
    smallest_student_base,
    student_scores,
    zero_shot_f1,
)
from hearth.evaluation.claims.verdicts import Claim, Condition, Finding, NotTestableError, conclude
from hearth.evaluation.score_document import Score

# Share of the teacher's lead over the base model that a student must gain to come close to the teacher.
CLOSE = 0.5


def comes_close(scores: Sequence[Score], dataset: str) -> Finding:
    """Decide whether the smallest student gains half of its teacher's lead over its base model."""
    base = smallest_student_base(scores)
    students = student_scores(scores, base, dataset, dataset)
    teacher = students[0]["teacher"]
    if not teacher:
        raise NotTestableError(f"the students of {base} have no teacher: their recipe is {students[0]['recipe']}")
    base_f1, teacher_f1 = zero_shot_f1(scores, base, dataset), zero_shot_f1(scores, teacher, dataset)
    lead = (teacher_f1 - base_f1).rounded()
    if lead.value <= 0:
        raise NotTestableError(
            f"weighted F1 of the teacher {teacher} {F1(teacher_f1.value)} is not above that of the base {base}"
            f" {F1(base_f1.value)}, so the teacher has no lead to gain"
        )
    gain = (measure_f1(students) - base_f1).rounded()
    # A difference and not a share of the lead: a share has no bounds if the lead may be 0.
    close = Condition(margin := gain - CLOSE * lead)
    return conclude(
        f"weighted F1 of the base {base} {F1(base_f1.value)}, of its student {format_student_f1(students)}, of the"
        f" teacher {teacher} {F1(teacher_f1.value)}: the student gains {format_difference(gain)} of the teacher's lead"
        f" of {format_difference(lead)}, {'at least' if close.met else 'less than'} {CLOSE} of it (by"
        f" {format_difference(margin)}); against the teacher {format_difference(gain - lead)}",
        close,
    )


CLAIM = Claim(
    "A distilled small student comes close to its teacher",
    f"held if the student of the smallest base model, trained on that home, gains at least {CLOSE} of its teacher's"
    " lead over that base model in weighted F1; not testable if the teacher has no lead",
    "the 0.6B student is within 3 to 5 % F1 of its 32B teacher; we do not know which F1 average this is, nor whether"
    " percent means points, so the threshold for close is assumed",
    comes_close,
)
