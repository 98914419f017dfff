"""Test the claim that transfer between homes is asymmetric."""

from itertools import combinations

import numpy as np
import pytest
from claim_factories import POOR, RICH, make_base, make_student, make_transfer_scores
from hearth.evaluation.claims.estimates import mean_over_pairs
from hearth.evaluation.claims.transfer import (
    paired_homes,
    select_scores,
    several_taught_homes,
    taught_homes,
    transfer_is_asymmetric,
    transfer_is_asymmetric_over_homes,
)
from hearth.evaluation.claims.verdicts import HELD, NOT_HELD, UNDECIDED, NotTestableError
from planted_claims import make_homes_run
from simulated_scores import SimulatedHome


def transfer(rich_on_poor, poor_on_rich, base=0.3, own=0.7, groups=80, examples=(100, 100)):
    """Return simulated scores of both homes' students of three seeds on both homes, and of their base."""
    draw = np.random.default_rng(2)
    rich, poor = SimulatedHome(draw, RICH, groups, 20), SimulatedHome(draw, POOR, groups, 12)
    return [
        *(home.score("m1", base) for home in (rich, poor)),
        *rich.student(RICH, [own, own, own], examples[0]),
        *rich.student(POOR, [poor_on_rich] * 3, examples[1]),
        *poor.student(RICH, [rich_on_poor] * 3, examples[0]),
        *poor.student(POOR, [own, own, own], examples[1]),
    ]


@pytest.mark.parametrize(
    ("rich_on_poor", "poor_on_rich", "verdict"),
    [(0.6, 0.35, HELD), (0.35, 0.6, NOT_HELD), (0.5, 0.47, UNDECIDED)],
)
def test_transfer_is_asymmetric_where_the_interval_says_so(rich_on_poor, poor_on_rich, verdict):
    scores = transfer(rich_on_poor, poor_on_rich)
    for pair in ((RICH, POOR), (POOR, RICH)):
        finding = transfer_is_asymmetric(scores, *pair)
        assert finding.verdict == verdict
        assert finding.effect.value == pytest.approx((rich_on_poor - poor_on_rich) / 0.7, abs=0.1)


def test_a_student_that_is_worse_than_its_untrained_base_shows_no_transfer():
    scores = transfer(0.2, 0.05, base=0.4)
    finding = transfer_is_asymmetric(scores, RICH, POOR)
    asymmetry, floor = finding.conditions
    assert (asymmetry.verdict, floor.verdict) == (HELD, NOT_HELD)
    assert finding.verdict == NOT_HELD
    assert finding.p == 1


def test_the_words_give_shares_and_what_the_base_does_untrained():
    because = transfer_is_asymmetric(make_transfer_scores(0.45, 0.3), RICH, POOR).because
    assert "on poor (10 labels) the student of rich retains 0.90 of the weighted F1 of poor's own student" in because
    assert "(0.450 (mean of 3 seeds, ± 0.000) of 0.500" in because
    assert "+0.327 F1 against the untrained little 0.123" in because
    assert "the student of poor retains 0.60" in because


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (make_transfer_scores(0.4, 0.4, poor_labels=20), "both homes have 20 labels"),
        (make_transfer_scores(0.4, 0.4, own=0.0), "trained on poor has weighted F1 0 there"),
        (make_transfer_scores(0.4, 0.4, seeds=range(2)), "3 training seeds, and there are 2"),
        (
            [score for score in make_transfer_scores(0.4, 0.4) if score["dataset"] == POOR or score["kind"] == "base"]
            + [make_base("x", 0.1)],
            "no score on rich of a student of little that was trained on",
        ),
        (make_transfer_scores(0.4, 0.4)[1:], "no score of little on poor"),
        ([make_base("little", 0.1), make_base("little", 0.1, dataset=POOR, labels=9)], "there is no student"),
    ],
)
def test_transfer_is_not_testable_between_equals_of_few_seeds_or_without_all_four_students(scores, reason):
    with pytest.raises(NotTestableError, match=reason):
        transfer_is_asymmetric(scores, RICH, POOR)


def test_training_sets_of_unequal_size_are_not_compared_but_equal_ones_beside_them_are():
    unequal = transfer(0.6, 0.35, examples=(600, 190))
    with pytest.raises(NotTestableError, match="equal size; there are 190 and 600 examples"):
        transfer_is_asymmetric(unequal, RICH, POOR)
    equal = [
        score | {"variant": "nsmallest", "recogniser": f"{score['recogniser']}_n"}
        for score in transfer(0.35, 0.6, examples=(190, 186))
        if score["kind"] == "student"
    ]
    finding = transfer_is_asymmetric(select_scores([*unequal, *equal]), RICH, POOR)
    assert finding.verdict == NOT_HELD
    # Another group that was trained on one home only changes nothing.
    partial = make_student(0.9, variant="n7", recogniser="partial", base="m1")
    assert transfer_is_asymmetric(select_scores([*unequal, *equal, partial]), RICH, POOR).verdict == NOT_HELD
    larger = transfer(0.6, 0.35, examples=(300, 300))[2:]
    larger = [score | {"variant": "n300", "recogniser": f"{score['recogniser']}_n300"} for score in larger]
    assert transfer_is_asymmetric(select_scores([*unequal, *equal, *larger]), RICH, POOR).verdict == HELD


def test_only_a_limit_of_examples_is_a_variant_that_transfer_looks_at():
    variants = ["", "n32", "nsmallest", "nothink", "n32-by-other", "constrained"]
    scores = [make_student(0.5, recogniser=f"s{place}", variant=name) for place, name in enumerate(variants)]
    scores.append(make_student(0.5, recogniser="labels", variant="n32", recipe="labels"))
    assert [score["variant"] for score in select_scores(scores)] == ["", "n32", "nsmallest"]
    assert select_scores([make_base("m", 0.1) | {"variant": "n32"}]) == []


@pytest.mark.parametrize(
    ("rich_on_poor", "poor_on_rich", "base", "verdict"),
    [(0.6, 0.3, 0.3, HELD), (0.3, 0.6, 0.3, NOT_HELD), (0.6, 0.3, 0.7, NOT_HELD)],
)
def test_all_pairs_are_decided_together_in_resamples_of_homes(rich_on_poor, poor_on_rich, base, verdict):
    scores = make_homes_run(6, base=base, rich_on_poor=rich_on_poor, poor_on_rich=poor_on_rich)
    homes = taught_homes(scores)
    finding = transfer_is_asymmetric_over_homes(select_scores(scores), *homes)
    assert finding.verdict == verdict
    assert finding.groups == len(homes) == 6
    assert finding.effect.value == pytest.approx((rich_on_poor - poor_on_rich) / 0.7, abs=0.08)
    assert finding.because.startswith("15 pairs of 6 homes, students of m1 of equal size")
    pairs = [transfer_is_asymmetric(select_scores(scores), *pair) for pair in combinations(homes, 2)]
    assert finding.effect.value == pytest.approx(np.mean([pair.effect.value for pair in pairs]))


def test_pairs_of_as_many_labels_are_left_out_and_few_homes_decide_nothing():
    scores = make_homes_run(3)
    for score in scores:
        if score["dataset"] == "h1":
            score["provenance"]["home"] = score["provenance"]["home"] | {"labels": 10}
    finding = transfer_is_asymmetric_over_homes(select_scores(scores), "h0", "h1", "h2")
    assert finding.because.startswith("2 pairs of 3 homes")
    assert finding.verdict == UNDECIDED
    for score in scores:
        score["provenance"]["home"] = score["provenance"]["home"] | {"labels": 10}
    with pytest.raises(NotTestableError, match="all homes have equally many labels"):
        transfer_is_asymmetric_over_homes(select_scores(scores), "h0", "h1", "h2")


def test_homes_are_decided_together_only_if_all_have_students_of_one_size():
    scores = make_homes_run(3)
    larger = [score for score in scores if score["train_dataset"] == "h2"]
    for score in larger:
        student = score["provenance"]["student"]
        score["provenance"]["student"] = student | {"examples": student["examples"] | {"used": 900}}
    with pytest.raises(NotTestableError, match="equal size; there are 100 and 900 examples"):
        transfer_is_asymmetric_over_homes(select_scores(scores), "h0", "h1", "h2")


def test_two_homes_are_not_decided_together():
    assert several_taught_homes(transfer(0.5, 0.5)) is None
    scores = make_homes_run(3)
    assert several_taught_homes(scores) == ["h0", "h1", "h2"]
    untaught = [score for score in scores if score["kind"] == "base"]
    assert several_taught_homes(untaught) is None
    assert paired_homes(untaught) == ["h0", "h1", "h2"]


def test_resamples_of_pairs_draw_homes():
    homes = [f"h{number}" for number in range(8)]
    draw = np.random.default_rng(0)
    low_side = high_side = 0
    for _ in range(100):
        # One effect is drawn per home, so the pairs of a home depend on each other.
        gives = draw.normal(0, 0.2, len(homes))
        pairs = {
            (homes[one], homes[other]): gives[one] - gives[other] + draw.normal(0, 0.1)
            for one, other in combinations(range(len(homes)), 2)
        }
        low, high = mean_over_pairs(pairs, homes).interval
        low_side += low > 0
        high_side += high < 0
    assert low_side <= 8
    assert high_side <= 8
    assert mean_over_pairs(dict.fromkeys(pairs, 0.25), homes).interval == [0.25, 0.25]
