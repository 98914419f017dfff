"""Test the conditions of a claim, and the findings that follow: whether it holds, and whether that is certain."""

import numpy as np
from hearth.evaluation.claims.measures import Estimate
from hearth.evaluation.claims.verdicts import Condition, conclude


def test_one_condition_that_surely_fails_is_enough_for_a_sure_no():
    fails, open_, met = (
        Condition(Estimate(np.array([value, *bounds])))
        for value, bounds in ((-0.5, [-0.6, -0.4]), (-0.1, [-0.3, 0.1]), (0.2, [0.1, 0.3]))
    )
    unknown = Condition(Estimate(np.array([0.2, np.nan, np.nan])))
    assert conclude("", met, met).certain is True
    assert conclude("", met, Condition(Estimate(np.array([0.1, -0.1, 0.2])))).certain is False
    assert conclude("", fails, open_).certain is True
    assert conclude("", open_, met).certain is False
    assert conclude("", met, unknown).certain is None
    assert conclude("", fails, unknown).certain is True


def test_a_difference_of_nothing_is_within_chance_where_it_must_be_beyond():
    at = Estimate(np.zeros(3))
    assert (Condition(at).met, Condition(at, strictly=True).met) == (True, False)
