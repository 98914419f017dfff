"""Test conditions and findings: what an interval decides, and p values of several conditions."""

import numpy as np
import pytest
from hearth.evaluation.bootstrap import FEWEST_GROUPS, RESAMPLES
from hearth.evaluation.claims.estimates import Estimate
from hearth.evaluation.claims.verdicts import HELD, NOT_HELD, UNDECIDED, Condition, Finding


def estimate(value, deviation=0.1, groups=30):
    """Return an estimate whose resamples are normal."""
    draws = value + deviation * np.random.default_rng(0).normal(size=RESAMPLES)
    return Estimate(np.concatenate([[value], draws]), groups)


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.5, HELD), (0.25, HELD), (0.1, UNDECIDED), (-0.1, UNDECIDED), (-0.5, NOT_HELD)]
)
def test_only_an_interval_beyond_0_decides(value, verdict):
    assert Condition(estimate(value)).verdict == verdict


def test_nothing_is_decided_by_few_groups_or_without_an_interval():
    assert Condition(estimate(5, groups=FEWEST_GROUPS - 1)).verdict == UNDECIDED
    assert Condition(estimate(5, groups=FEWEST_GROUPS)).verdict == HELD
    assert Condition(Estimate(np.full(RESAMPLES + 1, np.nan), 30)).verdict == UNDECIDED


def test_a_margin_of_just_nothing_decides_nothing():
    assert Condition(estimate(0, 0)).verdict == UNDECIDED


@pytest.mark.parametrize("groups", [FEWEST_GROUPS, 7, 20])
def test_a_condition_is_held_just_where_its_p_is_below_0_05(groups):
    for value in np.linspace(0.1, 0.4, 40):
        condition = Condition(estimate(value, groups=groups))
        assert (condition.verdict == HELD) == (condition.margin.p < 0.05)


def test_a_permutation_test_must_agree_with_the_interval():
    for value, decided in ((0.5, HELD), (-0.5, NOT_HELD)):
        assert Condition(estimate(value), paired_p=0.04).verdict == decided
        assert Condition(estimate(value), paired_p=0.06).verdict == UNDECIDED
    assert Condition(estimate(0.5), paired_p=0.04).p == 0.04


def test_the_weakest_condition_is_refuted_or_not_shown_or_of_largest_p():
    strong, shown, open_, refuted = (Condition(estimate(value)) for value in (0.9, 0.5, 0.1, -0.5))
    for conditions, weakest in (
        ((strong, shown), shown),
        ((shown, open_), open_),
        ((shown, refuted, open_), refuted),
    ):
        assert Finding(strong.margin, "F1", conditions, "").weakest is weakest


def test_all_conditions_must_be_shown_and_one_refuted_is_enough():
    shown, open_, refuted = (Condition(estimate(value)) for value in (0.5, 0.1, -0.5))

    def decide(*conditions):
        return Finding(shown.margin, "F1", conditions, "").verdict

    assert decide(shown, shown) == HELD
    assert decide(shown, open_) == UNDECIDED
    assert decide(shown, open_, refuted) == NOT_HELD


def test_p_of_a_finding_is_that_of_its_weakest_condition():
    strong, weak = Condition(estimate(0.5)), Condition(estimate(0.1))
    finding = Finding(strong.margin, "F1", (strong, weak), "")
    assert finding.p == weak.margin.p
    assert strong.margin.p < 0.001 < 0.1 < weak.margin.p
    unknown = Condition(Estimate(np.full(RESAMPLES + 1, np.nan), 30))
    assert Finding(strong.margin, "F1", (strong, unknown), "").p is None


def test_a_derived_number_has_the_resamples_of_its_parts_and_the_fewest_groups():
    one, other = estimate(0.6, groups=12), estimate(0.2, groups=30)
    for derived, values in (
        (one - other, one.values - other.values),
        (one + other, one.values + other.values),
        (one / other, one.values / other.values),
        (0.05 - one, 0.05 - one.values),
        (0.5 * one - 0.1, 0.5 * one.values - 0.1),
    ):
        assert derived.values == pytest.approx(values)
        assert derived.groups == 12
