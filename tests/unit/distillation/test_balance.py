"""Test that examples are divided among datasets by size or equally, and that a larger draw contains a smaller one."""

from itertools import pairwise

import pytest
from hearth.distillation.balance import divide, own_limit, replayed_count


@pytest.mark.parametrize(
    ("count", "available", "balance", "expected"),
    [
        (None, [10, 4, 7], "size", [10, 4, 7]),
        (30, [10, 4, 7], "size", [10, 4, 7]),
        (10, [60, 30, 10], "size", [6, 3, 1]),
        (3, [5, 5], "size", [2, 1]),
        (0, [5, 5], "size", [0, 0]),
        (None, [10, 4, 7], "home", [4, 4, 4]),
        (10, [10, 4, 7], "home", [4, 3, 3]),
        (39, [39] * 20, "home", [2] * 19 + [1]),
        (100, [10, 4, 7], "home", [4, 4, 4]),
        (8, [5], "size", [5]),
        (3, [5], "home", [3]),
    ],
)
def test_examples_are_divided(count, available, balance, expected):
    assert divide(count, available, balance) == expected


@pytest.mark.parametrize("available", [[60, 30, 10], [7, 7, 7, 1], [1000, 3]])
@pytest.mark.parametrize("balance", ["size", "home"])
def test_no_dataset_gives_fewer_examples_of_a_larger_count(available, balance):
    counts = [divide(count, available, balance) for count in range(sum(available) + 1)]
    for fewer, more in pairwise(counts):
        assert all(one <= other for one, other in zip(fewer, more, strict=True))
        if sum(fewer) < min(available) * len(available):
            assert sum(more) == sum(fewer) + 1
    if balance == "size":
        assert [sum(each) for each in counts] == list(range(sum(available) + 1))


@pytest.mark.parametrize(("share", "own", "expected"), [(0.25, 300, 100), (0.5, 7, 7), (0, 5, 0), (0.1, 90, 10)])
def test_replayed_examples_are_a_share_of_all(share, own, expected):
    assert replayed_count(share, own) == expected


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_replayed_examples_fill_a_limit_with_others_that_fill_theirs(share):
    for limit in range(2, 60):
        most = own_limit(limit, share)
        assert most + replayed_count(share, most, limit) == limit
        for own in range(most):
            replayed = replayed_count(share, own, limit)
            assert own + replayed <= limit
            assert abs(replayed - share * (own + replayed)) <= 0.5
