"""Test the claim that transfer between homes is asymmetric."""

import re

import pytest
from claim_factories import POOR, RICH, make_base, make_measured_scores, make_transfer_scores
from hearth.evaluation.claims.transfer import transfer_is_asymmetric
from hearth.evaluation.claims.verdicts import NotTestableError


@pytest.mark.parametrize(
    ("rich_on_poor", "poor_on_rich", "holds", "said"),
    [
        (0.45, 0.3, True, "difference +0.300: asymmetric, the student of the richer home"),
        (0.425, 0.4, True, "difference +0.050: asymmetric, the student of the richer"),
        (0.424, 0.4, False, "difference +0.048: no asymmetry of 0.05"),
        (0.376, 0.4, False, "difference -0.048: no asymmetry of 0.05"),
        (0.375, 0.4, False, "difference -0.050: asymmetric in the opposite direction"),
    ],
)
def test_transfer_is_asymmetric_when_the_richer_homes_student_retains_more(rich_on_poor, poor_on_rich, holds, said):
    scores = make_transfer_scores(rich_on_poor, poor_on_rich)
    for pair in ((RICH, POOR), (POOR, RICH)):
        finding = transfer_is_asymmetric(scores, *pair)
        assert finding.holds == holds
        assert said in finding.because


def test_transfer_tells_what_the_base_does_without_training():
    finding = transfer_is_asymmetric(make_transfer_scores(0.45, 0.3), RICH, POOR)
    assert (
        "on poor (10 labels) the student of rich retains 0.90 of the weighted F1 of poor's own student"
        in finding.because
    )
    assert "(0.450 of 0.500; little zero-shot 0.123)" in finding.because
    assert "(0.300 of 0.500)" in finding.because


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (make_transfer_scores(0.4, 0.4, poor_labels=20), "both homes have 20 labels"),
        (make_transfer_scores(0.4, 0.4, own=0.0), "trained on poor has weighted F1 0 there"),
        (
            [*make_transfer_scores(0.4, 0.4)[:3], make_base("x", 0.1)],
            "no score on rich of a student of little that was trained on poor",
        ),
    ],
)
def test_transfer_is_not_testable_between_equals_or_without_all_four_students(scores, reason):
    with pytest.raises(NotTestableError, match=reason):
        transfer_is_asymmetric(scores, RICH, POOR)


def test_the_difference_of_transfers_has_an_interval():
    rich = make_measured_scores(40, m1=0.3, student=0.8, poor=0.2)
    poor = make_measured_scores(41, POOR, 10, m1=0.3, poor_own=0.8, student=0.75)
    finding = transfer_is_asymmetric(rich + poor, RICH, POOR)
    assert (finding.holds, finding.certain) == (True, True)
    assert re.search(
        r"difference \+0\.\d{3} \[\+0\.\d\d, \+0\.\d\d\]: asymmetric, the student of the richer", finding.because
    )
