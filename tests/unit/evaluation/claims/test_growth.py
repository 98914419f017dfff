"""Test the claims that F1 grows with size and flattens, and the steps between neighbouring sizes."""

import numpy as np
import pytest
from claim_factories import POOR, RICH, make_base, make_student
from hearth.evaluation.claims.growth import (
    base_sizes,
    flattens,
    gain_per_doubling,
    grows,
    plateau_shares,
    shown_plateau,
)
from hearth.evaluation.claims.steps import build_steps_table
from hearth.evaluation.claims.verdicts import HELD, NOT_HELD, UNDECIDED, NotTestableError
from hearth.evaluation.statistics import holm
from simulated_scores import SimulatedHome


def scores_by_size(points, groups=60, seed=0):
    """Return simulated scores of base models; `points` maps a size in millions to the true weighted F1."""
    home = SimulatedHome(np.random.default_rng(seed), RICH, groups)
    return [home.score(f"m{size}", f1, size=size) for size, f1 in points.items()]


PLATEAU = {1: 0.3, 2: 0.45, 4: 0.65, 8: 0.66, 16: 0.66}
STEEP = {1: 0.2, 2: 0.3, 4: 0.4, 8: 0.55, 16: 0.75}
FALLING = {1: 0.7, 2: 0.6, 4: 0.4}


@pytest.mark.parametrize(
    ("points", "groups", "growth", "plateau"),
    [
        (PLATEAU, 60, HELD, HELD),
        (STEEP, 60, HELD, NOT_HELD),
        (FALLING, 60, NOT_HELD, NOT_HELD),
        ({1: 0.5, 2: 0.52, 4: 0.53}, 10, UNDECIDED, UNDECIDED),
    ],
)
def test_f1_grows_and_flattens_where_the_intervals_say_so(points, groups, growth, plateau):
    scores = scores_by_size(points, groups)
    assert grows(scores, RICH).verdict == growth
    assert flattens(scores, RICH).verdict == plateau


def test_growth_is_that_from_the_smallest_to_the_largest_and_the_step_the_last():
    scores = [make_base(f"m{size}", f1, size) for size, f1 in ((4, 0.55), (1, 0.2), (2, 0.5))]
    assert grows(scores, RICH).effect.value == pytest.approx(0.35)
    assert "from 0.200 of m1 (1.0M) to 0.550 of m4 (4.0M)" in grows(scores, RICH).because
    assert flattens(scores, RICH).effect.value == pytest.approx(0.05)
    assert "smallest size that is at most 0.05 below the largest: m2 (2.0M)" in flattens(scores, RICH).because


def test_the_trend_is_the_slope_over_the_logarithm_of_size():
    sizes, f1 = [1, 2, 8, 32], [0.1, 0.4, 0.3, 0.7]
    scores = [make_base(f"m{size}", value, size) for size, value in zip(sizes, f1, strict=True)]
    expected = np.polyfit(np.log2(sizes), f1, 1)[0]
    assert gain_per_doubling(base_sizes(scores, RICH)).value == pytest.approx(expected)


def test_a_trend_that_points_down_refutes_growth_from_the_smallest_to_the_largest():
    scores = scores_by_size({1: 0.4, 2: 0.85, 4: 0.8, 8: 0.2, 16: 0.45}, 150)
    finding = grows(scores, RICH)
    assert [condition.verdict for condition in finding.conditions] in ([HELD, NOT_HELD], [UNDECIDED, NOT_HELD])
    assert finding.verdict == NOT_HELD


def test_the_size_from_which_nothing_is_gained_has_a_distribution_and_a_test_in_sequence():
    sizes = base_sizes(scores_by_size(PLATEAU, 150), RICH)
    shares = plateau_shares(sizes)
    assert shares.sum() == pytest.approx(1)
    assert shares[2] > 0.9
    assert shown_plateau(sizes).models == ("m4",)
    steep = base_sizes(scores_by_size(STEEP, 150), RICH)
    assert shown_plateau(steep) is None
    assert plateau_shares(steep)[-1] > 0.99


def test_the_sequence_of_tests_ends_at_the_first_that_shows_nothing():
    # Size 4 lies far below the largest, so size 2 is not looked at, although it is as good as the largest.
    sizes = base_sizes(scores_by_size({1: 0.2, 2: 0.7, 4: 0.4, 8: 0.7, 16: 0.7}, 150), RICH)
    assert shown_plateau(sizes).models == ("m8",)


def test_models_of_one_size_count_as_one_by_their_mean():
    scores = [make_base("a", 0.1), make_base("b", 0.3), make_base("c", 0.4, 2), make_base("d", 0.5, 4)]
    assert grows(scores, RICH).effect.value == pytest.approx(0.3)
    assert "from 0.200 of a, b (1.0M)" in grows(scores, RICH).because
    with pytest.raises(NotTestableError, match="base models of 3 sizes, and there are 2"):
        grows(scores[:3], RICH)


@pytest.mark.parametrize("decide", [grows, flattens])
def test_only_base_models_on_that_home_make_the_curve(decide):
    scores = [make_base("a", 0.2), make_base("b", 0.4, 2), make_base("c", 0.5, 4, dataset=POOR), make_student(0.9)]
    with pytest.raises(NotTestableError, match="and there are 2"):
        decide(scores, RICH)


def test_every_step_between_neighbouring_sizes_has_its_gain_interval_and_p():
    scores = scores_by_size({1: 0.3, 2: 0.6, 8: 0.5}, 100)
    table = build_steps_table(scores, [])
    up, down = table.records
    f1 = {score["recogniser"]: score["strict"]["weighted_f1"] for score in scores}
    assert (up["smaller"], up["larger"], up["doublings"]) == ("m1", "m2", 1)
    assert (down["smaller"], down["larger"], down["doublings"]) == ("m2", "m8", 2)
    assert up["difference"] == pytest.approx(f1["m2"] - f1["m1"])
    assert down["difference_low"] < down["difference"] < down["difference_high"] < 0
    assert [up["p_holm"], down["p_holm"]] == holm([up["p"], down["p"]])
    assert max(up["p"], down["p"]) < 0.01
    assert table.cells[0][4] == f"{up['difference']:+.3f} [{up['difference_low']:+.3f}, {up['difference_high']:+.3f}]"


def test_there_is_no_table_of_steps_without_two_sizes():
    assert build_steps_table([make_base("a", 0.1), make_base("b", 0.3)], []) is None
