"""Test the claims that a small student comes close to its teacher."""

import numpy as np
import pytest
from claim_factories import POOR, RICH, make_base, make_student
from hearth.evaluation.claims.closeness import gains_half_of_the_lead, within_the_papers_margin
from hearth.evaluation.claims.verdicts import HELD, NOT_HELD, UNDECIDED, NotTestableError
from simulated_scores import SimulatedHome


def distil(students, groups=80, base=0.3, teacher=0.7):
    """Return simulated scores of a base, a teacher and students of these true weighted F1s."""
    home = SimulatedHome(np.random.default_rng(groups), RICH, groups)
    return [home.score("m1", base), home.score("m9", teacher, size=9), *home.student(RICH, students)]


@pytest.mark.parametrize(
    ("students", "groups", "within", "half"),
    [
        ([0.72], 80, HELD, HELD),
        # Half of the lead is much less than the paper's figure.
        ([0.6], 80, NOT_HELD, HELD),
        ([0.35], 80, NOT_HELD, NOT_HELD),
        ([0.66], 10, UNDECIDED, HELD),
        # Seeds that differ much decide nothing, whatever their mean.
        ([0.9, 0.8, 0.5], 80, UNDECIDED, UNDECIDED),
    ],
)
def test_the_intervals_decide_whether_a_student_is_close(students, groups, within, half):
    scores = distil(students, groups)
    assert within_the_papers_margin(scores, RICH).verdict == within
    assert gains_half_of_the_lead(scores, RICH).verdict == half


def test_the_effects_are_the_gap_to_the_teacher_and_the_gain_beyond_half_of_its_lead():
    scores = [make_base("little", 0.3), make_base("large", 0.7, 9), make_student(0.55)]
    gap, gain = within_the_papers_margin(scores, RICH), gains_half_of_the_lead(scores, RICH)
    assert gap.effect.value == pytest.approx(0.15)
    assert gap.conditions[0].margin.value == pytest.approx(-0.1)
    assert "the untrained base is +0.400 below the teacher" in gap.because
    assert gain.effect.value == pytest.approx(0.05)
    assert "gains +0.250 of a lead of +0.400" in gain.because


def test_seeds_are_averaged_and_counted():
    scores = [
        make_base("little", 0.3),
        make_base("large", 0.7, 9),
        *(make_student(f1, int(10 * f1)) for f1 in (0.4, 0.6)),
    ]
    finding = gains_half_of_the_lead(scores, RICH)
    assert finding.effect.value == pytest.approx(0)
    assert "of its student 0.500 (mean of 2 seeds, ± 0.141)" in finding.because


def test_the_smallest_students_base_is_looked_at():
    scores = [make_base("little", 0.3), make_base("middle", 0.4, 3), make_base("large", 0.7, 9), make_student(0.35)]
    bigger = make_student(0.69, base="middle", parameters=3 * 10**6, recogniser="s_middle")
    assert "of the base little" in gains_half_of_the_lead([*scores, bigger], RICH).because


@pytest.mark.parametrize("decide", [within_the_papers_margin, gains_half_of_the_lead])
@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([make_base("little", 0.7), make_base("large", 0.7, 9), make_student(0.9)], "teacher large 0.700 is not above"),
        ([make_base("little", 0.8), make_base("large", 0.7, 9), make_student(0.9)], "no lead to gain"),
        ([make_base("little", 0.3), make_base("large", 0.7, 9)], "no student of recipe reasoning"),
        (
            [make_base("little", 0.3), make_base("large", 0.7, 9), make_student(0.5, trained_on=POOR)],
            "no score on rich of a student of little that was trained on rich",
        ),
        ([make_base("little", 0.3), make_student(0.5)], "no score of large on rich"),
        ([make_base("large", 0.7, 9), make_student(0.5)], "no score of little on rich"),
    ],
)
def test_closeness_is_not_testable_without_a_better_teacher_or_a_student(decide, scores, reason):
    with pytest.raises(NotTestableError, match=reason):
        decide(scores, RICH)
