from hearth.common.sums import sum_if_known


def test_a_sum_is_unknown_if_a_number_is():
    assert sum_if_known([1, 2.5]) == 3.5
    assert sum_if_known([]) == 0
    assert sum_if_known([1, None]) is None
