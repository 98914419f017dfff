"""Test the claim that a small student comes close to its teacher."""

import re

import pytest
from claim_factories import POOR, RICH, make_base, make_measured_scores, make_student
from hearth.evaluation.claims.closeness import comes_close
from hearth.evaluation.claims.verdicts import NotTestableError


@pytest.mark.parametrize(
    ("student_f1", "holds", "said"),
    [
        (0.5, True, "gains +0.200 of the teacher's lead of +0.400, at least 0.5 of it"),
        (0.499, False, "less than 0.5 of it"),
        (0.8, True, "gains +0.500"),
        (0.2, False, "gains -0.100"),
    ],
)
def test_a_student_is_close_when_it_makes_up_half_of_the_lead(student_f1, holds, said):
    finding = comes_close([make_base("little", 0.3), make_base("large", 0.7, 9), make_student(student_f1)], RICH)
    assert finding.holds == holds
    assert said in finding.because


def test_seeds_are_averaged_and_counted():
    scores = [
        make_base("little", 0.3),
        make_base("large", 0.7, 9),
        make_student(0.4, 0),
        make_student(0.6, 1),
        make_student(0.5, 2),
    ]
    finding = comes_close(scores, RICH)
    assert finding.holds
    assert "of its student 0.500 (mean of 3 seeds, ± 0.100)" in finding.because


def test_the_smallest_students_base_is_looked_at():
    scores = [make_base("little", 0.3), make_base("middle", 0.4, 3), make_base("large", 0.7, 9), make_student(0.35)]
    bigger = make_student(0.69, base="middle", parameters=3 * 10**6, recogniser="s_middle")
    finding = comes_close([*scores, bigger], RICH)
    assert not finding.holds
    assert "of the base little" in finding.because


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([make_base("little", 0.7), make_base("large", 0.7, 9), make_student(0.9)], "teacher large 0.700 is not above"),
        ([make_base("little", 0.8), make_base("large", 0.7, 9), make_student(0.9)], "the teacher has no lead"),
        ([make_base("little", 0.3), make_base("large", 0.7, 9)], "no student of recipe reasoning"),
        (
            [make_base("little", 0.3), make_base("large", 0.7, 9), make_student(0.5, trained_on=POOR)],
            "no score on rich of a student of little that was trained on rich",
        ),
        ([make_base("little", 0.3), make_student(0.5)], "no score of large on rich"),
        ([make_base("large", 0.7, 9), make_student(0.5)], "no score of little on rich"),
    ],
)
def test_coming_close_is_not_testable_without_a_better_teacher_or_a_student(scores, reason):
    with pytest.raises(NotTestableError, match=reason):
        comes_close(scores, RICH)


def test_a_student_is_surely_close_only_where_other_sessions_would_not_turn_it():
    sure = comes_close(make_measured_scores(40, m1=0.2, m9=0.8, student=0.78), RICH)
    assert (sure.holds, sure.certain) == (True, True)
    open_ = comes_close(make_measured_scores(6, m1=0.2, m9=0.8, student=0.5), RICH)
    assert open_.certain is False
    far = comes_close(make_measured_scores(40, m1=0.2, m9=0.8, student=0.25), RICH)
    assert (far.holds, far.certain) == (False, True)
    assert re.search(r"; against the teacher -0\.\d{3} \[-0\.\d\d, \+0\.\d\d\]$", sure.because)


def test_several_seeds_narrow_no_interval_to_nothing():
    scores = make_measured_scores(40, m1=0.2, m9=0.8, student=0.6, student_seed1=0.62)
    finding = comes_close(scores, RICH)
    assert "(mean of 2 seeds" in finding.because
    assert finding.certain is not None
