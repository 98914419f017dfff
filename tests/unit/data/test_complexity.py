import math

import pytest
from hearth.data.complexity import ComplexityScale, complexity_measures


def measures(gold, residents=None):
    """Return the measures of a window with these labels; by default, all events are of one resident."""
    return complexity_measures({"gold": gold, "residents": residents or [["A"]] * len(gold)})


CALM = measures(["eat", "eat", "eat", "eat"])
TURN = measures(["eat", "eat", "wash", "wash"])
BUSY = measures(["eat", "wash", "eat", "wash"], [["A"], ["B"], ["A"], ["B"]])


def test_measures_are_residents_changes_and_entropy():
    assert CALM == (1, 0, 0.0)
    assert TURN == (1, 1, 1.0)
    assert BUSY == (2, 3, 1.0)
    mixed = measures(["eat", "eat", "eat", "wash"], [["A", "B"], [], ["C"], ["A"]])
    assert mixed == (3, 1, pytest.approx(2 - 0.75 * math.log2(3)))


def test_entropy_ignores_the_order_of_labels():
    assert measures(["a", "b", "c", "a", "a"])[2] == measures(["c", "a", "a", "b", "a"])[2]


def test_complexity_is_the_mean_rank_among_the_train_windows():
    scale = ComplexityScale([CALM, TURN, BUSY])
    # The terms are the ranks of residents, changes and entropy, times 3 windows; a window with an equal value counts
    # half. BUSY is above 2, 2 and 1 windows, and equal to 1, 1 and 2.
    assert scale.complexity(BUSY) == pytest.approx((2.5 + 2.5 + 2) / 9)
    assert scale.complexity(TURN) == pytest.approx((1 + 1.5 + 2) / 9)
    assert scale.complexity(CALM) == pytest.approx((1 + 0.5 + 0.5) / 9)
    assert [scale.is_complex(one) for one in (CALM, TURN, BUSY)] == [False, False, True]


def test_complexity_reaches_0_and_1_outside_the_range_of_train_windows():
    scale = ComplexityScale([TURN, TURN, BUSY])
    assert scale.complexity(measures(["a", "b", "c", "d", "e"], [["A"], ["B"], ["C"], ["D"], ["E"]])) == 1
    assert scale.complexity(measures(["eat"], [[]])) == 0


def test_windows_of_equal_complexity_are_simple():
    scale = ComplexityScale([TURN] * 4)
    assert not scale.is_complex(TURN)


def test_a_scale_needs_train_windows():
    with pytest.raises(ValueError, match="no window of the train split"):
        ComplexityScale([])
