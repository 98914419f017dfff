"""Test the claims that failures fall with size and with distillation."""

import numpy as np
import pytest
from claim_factories import RICH, make_base, make_student
from hearth.evaluation.claims.failures import fall_with_distillation, fall_with_size
from hearth.evaluation.claims.verdicts import HELD, NOT_HELD, UNDECIDED, NotTestableError
from hearth.prompting.parsing import STATUSES
from simulated_scores import SimulatedHome


@pytest.mark.parametrize(
    ("small", "large", "student", "by_size", "by_distillation"),
    [
        (0.2, 0.02, 0.02, HELD, HELD),
        (0.2, 0.2, 0.02, UNDECIDED, HELD),
        (0.02, 0.2, 0.2, NOT_HELD, NOT_HELD),
        # A student that leaves events out which its base does not is held against distillation.
        (0.0, 0.0, 0.1, None, NOT_HELD),
    ],
)
def test_the_intervals_decide_whether_failures_fall(small, large, student, by_size, by_distillation):
    home = SimulatedHome(np.random.default_rng(4), RICH, 60)
    scores = [home.score("m1", 0.5, small), home.score("m9", 0.5, large, 9), *home.student(RICH, [0.5], lost=student)]
    if by_size:
        assert fall_with_size(scores, RICH).verdict == by_size
    assert fall_with_distillation(scores, RICH).verdict == by_distillation


def test_the_effect_is_the_fall():
    scores = [make_base("little", 0.3, missing=0.2), make_base("large", 0.7, 9, missing=0.05)]
    finding = fall_with_size(scores, RICH)
    assert finding.effect.value == pytest.approx(0.15)
    assert "by large: -0.1500" in finding.because


def test_seeds_of_sampling_of_one_training_are_called_that():
    again = make_student(0.5, missing=0.1, recogniser="s_rich_0_decode1", variant="decode1")
    finding = fall_with_distillation([make_base("little", 0.3, missing=0.2), make_student(0.5), again], RICH)
    assert "mean of 2 seeds of sampling, 1 of training: the spread of trainings is not covered" in finding.because


def make_scores_of_failing_groups(failing, groups=15):
    """Return scores of two base models; the smaller has one unreadable answer in each of so many groups."""
    home = SimulatedHome(np.random.default_rng(4), RICH, groups)
    little, large = home.score("little", 0.5, 0.0), home.score("large", 0.5, 0.0, 9)
    little["groups"]["strict"]["missing"] = " ".join("3" if group < failing else "0" for group in range(groups))
    little["strict"]["rates"]["missing_rate"] = 3 * failing / int(home.gold.sum())
    for score, unreadable in ((little, failing), (large, 0)):
        score["n_windows"] = 74
        score["strict"]["status"] = dict.fromkeys(STATUSES, 0) | {"malformed": unreadable, "ok": 74 - unreadable}
    return [little, large]


@pytest.mark.parametrize(
    ("failing", "p", "verdict"), [(4, 0.125, UNDECIDED), (5, 0.0625, UNDECIDED), (6, 0.03125, HELD)]
)
def test_few_failing_groups_decide_nothing(failing, p, verdict):
    finding = fall_with_size(make_scores_of_failing_groups(failing, groups=13), RICH)
    assert finding.effect.interval[0] > 0
    assert finding.verdict == verdict
    assert finding.p == pytest.approx(p)
    assert f"({failing} of 74 answers in {failing} of 13 groups) by little" in finding.because
    assert "0.0000 (0 of 74 answers in 0 of 13 groups) by large" in finding.because
    assert f"permutation p {p:.4f}" in finding.because


def test_windows_that_were_never_answered_are_mentioned():
    scores = [make_base("little", 0.3, missing=0.2), make_base("large", 0.7, 9), make_student(0.5)]
    scores[1]["strict"]["status"]["unanswered"] = 3
    assert "events of 3 windows that were never answered" in fall_with_size(scores, RICH).because
    assert "never answered" not in fall_with_distillation(scores, RICH).because


def test_failures_of_several_seeds_are_averaged():
    scores = [
        make_base("little", 0.3, missing=0.2),
        make_student(0.5, 0, missing=0.3),
        make_student(0.5, 1, missing=0.05),
    ]
    finding = fall_with_distillation(scores, RICH)
    assert finding.effect.value == pytest.approx(0.025)
    assert "(mean of 2 seeds, ± 0.177) by the student of little" in finding.because


@pytest.mark.parametrize(
    ("decide", "scores", "reason"),
    [
        (fall_with_size, [make_base("little", 0.3), make_base("large", 0.7, 9)], "neither little nor large leaves"),
        (
            fall_with_distillation,
            [make_base("little", 0.3), make_student(0.5)],
            "neither little nor the student of little leaves",
        ),
        (fall_with_size, [make_base("little", 0.3, missing=0.1)], "base models of 2 sizes"),
        (fall_with_distillation, [make_base("little", 0.3)], "no score on rich of a student of little"),
        (fall_with_distillation, [make_student(0.3)], "no score of a base model of known size on rich"),
    ],
)
def test_failures_are_not_testable_where_there_are_none_or_nothing_to_compare(decide, scores, reason):
    with pytest.raises(NotTestableError, match=reason):
        decide(scores, RICH)
