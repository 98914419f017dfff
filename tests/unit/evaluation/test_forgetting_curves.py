"""Test which students are put on a curve, and which parts of a variant name settings of the training."""

import pytest
from hearth.evaluation.forgetting_curves import Curve, Training, find_curves, without_settings

PLAIN = Training("little", "reasoning", "large", "", "size", 0.001, 8, 0.0, 1, "a", "b")


@pytest.mark.parametrize(
    ("variant", "rest"),
    [
        ("", ""),
        ("lr0.001", ""),
        ("lr1e-05", ""),
        ("n50-lr0.001-r8-replay0.25-balance-home-by-little", "n50-by-little"),
        ("nsmallest", "nsmallest"),
        ("r8-constrained", "constrained"),
        ("by-r8x", "by-r8x"),
    ],
)
def test_settings_are_no_part_of_the_rest_of_a_variant(variant, rest):
    assert without_settings(variant) == rest


def test_a_curve_needs_two_values_and_everything_else_equal():
    assert find_curves([PLAIN, PLAIN]) == {}
    faster = PLAIN._replace(learning_rate=0.01)
    shared = PLAIN._replace(learning_rate=None, trained_on="", dataset="")
    assert find_curves([PLAIN, faster]) == {Curve("learning_rate", shared, (0.001, 0.01)): [PLAIN, faster]}
    for change in ({"rest": "n5"}, {"rank": 4}, {"base": "middle"}, {"dataset": "c"}, {"trained_on": "c"}):
        assert find_curves([PLAIN, faster._replace(**change)]) == {}
    assert find_curves([PLAIN._replace(rank=None), faster._replace(rank=4)]) == {}


def test_numbers_of_homes_are_compared_on_equal_homes_whatever_was_learned_from():
    others = [PLAIN, PLAIN._replace(trained_on="c")]
    both = PLAIN._replace(trained_on="all-but-b", n_homes=2)
    ((curve, trainings),) = find_curves([*others, both]).items()
    assert (curve.factor, curve.values) == ("n_homes", (1, 2))
    assert trainings == [*others, both]


def test_homes_with_other_values_are_on_a_curve_of_their_own():
    rates = [PLAIN._replace(dataset=home, learning_rate=rate) for home in "bcd" for rate in (0.1, 0.2)]
    extra = PLAIN._replace(dataset="d", learning_rate=0.3)
    curves = find_curves([*rates, extra])
    assert [(curve.values, sorted({one.dataset for one in found})) for curve, found in curves.items()] == [
        ((0.1, 0.2), ["b", "c"]),
        ((0.1, 0.2, 0.3), ["d"]),
    ]
