"""Test the claim that failures fall with size and with distillation."""

import re

import pytest
from claim_factories import RICH, make_base, make_measured_scores, make_student
from hearth.evaluation.claims.failures import failures_fall
from hearth.evaluation.claims.verdicts import NotTestableError


@pytest.mark.parametrize(
    ("small", "large", "own", "holds", "said"),
    [
        (0.2, 0.1, 0.0, True, "falls with size, falls with distillation"),
        (0.2, 0.2, 0.0, False, "does not fall with size, falls with distillation"),
        (0.2, 0.0, 0.2, False, "falls with size, does not fall with distillation"),
        (0.2, 0.3, 0.3, False, "does not fall with size, does not fall with distillation"),
    ],
)
def test_failures_must_fall_both_ways(small, large, own, holds, said):
    scores = [
        make_base("little", 0.3, missing=small),
        make_base("large", 0.7, 9, missing=large),
        make_student(0.5, missing=own),
    ]
    finding = failures_fall(scores, RICH)
    assert finding.holds == holds
    assert finding.because.endswith(said)


def test_failures_that_only_a_student_has_are_held_against_distillation():
    scores = [make_base("little", 0.3), make_base("large", 0.7, 9), make_student(0.5, missing=0.06)]
    finding = failures_fall(scores, RICH)
    assert not finding.holds
    assert "does not fall with distillation" in finding.because


def test_windows_that_were_never_answered_are_mentioned():
    scores = [make_base("little", 0.3, missing=0.2), make_base("large", 0.7, 9), make_student(0.5)]
    scores[1]["strict"]["status"]["unanswered"] = 3
    assert "events of 3 windows that were never answered" in failures_fall(scores, RICH).because


def test_failures_of_several_seeds_are_averaged():
    scores = [make_base("little", 0.3, missing=0.2), make_base("large", 0.7, 9)]
    finding = failures_fall([*scores, make_student(0.5, 0, missing=0.3), make_student(0.5, 1, missing=0.05)], RICH)
    assert finding.holds
    assert "0.1750 (mean of 2 seeds, ± 0.177) by the student of little" in finding.because


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (
            [make_base("little", 0.3), make_base("large", 0.7, 9), make_student(0.5)],
            "neither little, large nor the student of little leaves",
        ),
        ([make_base("little", 0.3, missing=0.1), make_student(0.5)], "base models of 2 sizes"),
        (
            [make_base("little", 0.3, missing=0.1), make_base("large", 0.7, 9)],
            "no score on rich of a student of little",
        ),
    ],
)
def test_failures_are_not_testable_where_there_are_none_or_nothing_to_compare(scores, reason):
    with pytest.raises(NotTestableError, match=reason):
        failures_fall(scores, RICH)


def test_the_change_of_failures_has_an_interval():
    failing = make_measured_scores(40, m1=0.3, m9=0.9, student=0.85)
    finding = failures_fall(failing, RICH)
    assert (finding.holds, finding.certain) == (True, True)
    assert re.search(r"by m9, -0\.\d{4} \[-0\.\d{3}, -0\.\d{3}\];", finding.because)
