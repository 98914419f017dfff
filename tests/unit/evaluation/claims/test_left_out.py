"""Test the claims that a student of other homes keeps up with its base on a home that it has not seen."""

import numpy as np
import pytest
from hearth.evaluation.claims.left_out import (
    keeps_up_over_homes,
    keeps_up_with_base,
    left_out_homes,
    several_left_out_homes,
)
from hearth.evaluation.claims.verdicts import HELD, NOT_HELD, UNDECIDED, NotTestableError
from planted_claims import make_homes_run
from simulated_scores import SimulatedHome


def left_out(student, base=0.45, seeds=3, groups=80, homes=("poor", "other")):
    """Return simulated scores on the home rich: of a base, and of its student of other homes."""
    home = SimulatedHome(np.random.default_rng(1), "rich", groups)
    name = "all-but-rich" if len(homes) > 1 else homes[0]
    return [home.score("m1", base), *home.student(name, [student] * seeds, train_datasets=list(homes))]


@pytest.mark.parametrize(("student", "verdict"), [(0.55, HELD), (0.45, HELD), (0.4, UNDECIDED), (0.25, NOT_HELD)])
def test_a_student_keeps_up_if_it_is_not_shown_to_be_below_the_margin(student, verdict):
    finding = keeps_up_with_base(left_out(student), "rich")
    assert finding.verdict == verdict
    assert finding.effect.value == pytest.approx(student - 0.45, abs=0.06)
    assert "of 2 other homes" in finding.because


def test_the_words_say_whether_it_is_better_or_worse_beyond_chance():
    assert keeps_up_with_base(left_out(0.6), "rich").because.endswith("it is above it beyond chance")
    assert keeps_up_with_base(left_out(0.2), "rich").because.endswith("it is below it beyond chance")
    assert "neither above nor below" in keeps_up_with_base(left_out(0.45), "rich").because


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (left_out(0.5, seeds=2), "3 training seeds, and there are 2"),
        (left_out(0.5)[1:], "no score of m1 on rich"),
        ([score | {"dataset": "poor"} for score in left_out(0.5, homes=("a", "b"))], "no score on rich of a student"),
    ],
)
def test_it_needs_seeds_the_base_and_a_student_of_several_other_homes(scores, reason):
    with pytest.raises(NotTestableError, match=reason):
        keeps_up_with_base(scores, "rich")


def test_the_claim_arises_only_where_a_student_of_several_homes_was_tested_elsewhere():
    assert left_out_homes(left_out(0.5, homes=("poor",))) is None
    assert left_out_homes(left_out(0.5, homes=("poor", "rich"))) is None
    assert left_out_homes(left_out(0.5)) == ["rich"]
    assert several_left_out_homes(left_out(0.5)) is None
    assert several_left_out_homes(make_homes_run()) == ["h0", "h1", "h2"]


def test_of_several_sets_the_largest_counts():
    small = [score | {"train_dataset": "pair"} for score in left_out(0.2, homes=("poor", "other"))[1:]]
    large = left_out(0.6, homes=("poor", "other", "third"))
    assert keeps_up_with_base([*small, *large], "rich").verdict == HELD


@pytest.mark.parametrize(("student", "verdict"), [(0.5, HELD), (0.15, NOT_HELD)])
def test_the_mean_over_homes_is_decided_in_resamples_of_homes(student, verdict):
    scores = [score for score in make_homes_run(6, left_out=student) if len(score["train_datasets"]) != 1]
    finding = keeps_up_over_homes(scores, *left_out_homes(scores))
    assert finding.verdict == verdict
    assert finding.groups == 6
    assert ("6 students are above" if verdict == HELD else "6 below") in finding.because
    assert "a student of m1 of 5 other homes:" in finding.because


def test_the_words_of_a_mean_say_that_students_learned_from_unequally_many_homes():
    scores = make_homes_run(3, left_out=0.6)
    for score in scores:
        if score["train_dataset"] == "all-but-h1":
            score["train_datasets"] = [*score["train_datasets"], "far", "farther"]
    assert "a student of m1 of 2 to 4 other homes:" in keeps_up_over_homes(scores, "h0", "h1", "h2").because


def test_the_mean_over_few_homes_is_undecided():
    scores = make_homes_run(3, left_out=0.6)
    finding = keeps_up_over_homes(scores, "h0", "h1", "h2")
    assert finding.verdict == UNDECIDED
    assert finding.effect.interval is None
