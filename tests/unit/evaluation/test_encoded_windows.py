"""Test windows as arrays of numbers: what is kept, and the errors for labels and statuses that cannot be scored."""

import pytest
from count_factories import encode_windows

LABELS = ("COOKING", "EATING", "USING_PC")


def test_groups_are_sorted_and_windows_keep_their_order():
    gold = [["EATING", "COOKING"], ["COOKING"], ["EATING"]]
    windows = encode_windows(LABELS, gold, [["EATING", None], ["USING_PC"], [None]], ["ok"] * 3, ["b", "a", "b"])
    assert windows.groups == ("a", "b")
    assert (windows.group.tolist(), windows.sizes.tolist()) == ([1, 0, 1], [2, 1, 1])
    assert windows.group_of_event.tolist() == [1, 1, 0, 1]
    assert windows.gold.tolist() == [1, 0, 0, 1]
    assert windows.answers["strict"].labels.tolist() == [1, 3, 2, 3]


def test_selected_windows_have_only_their_own_groups():
    gold = [["EATING", "COOKING"], ["COOKING"], ["EATING"]]
    windows = encode_windows(LABELS, gold, gold, ["ok", "ok", "malformed"], ["b", "a", "c"])
    part = windows.select(windows.group != 0, "strict")
    assert (part.groups, part.group.tolist(), part.gold.tolist()) == (("b", "c"), [0, 1], [1, 0, 1])
    assert part.has_status("strict", "malformed", "truncated").tolist() == [False, True]
    assert set(part.answers) == {"strict"}


@pytest.mark.parametrize(
    ("gold", "predicted", "status", "message"),
    [
        (["EATING", "SLEEPING"], ["EATING"] * 2, "ok", "event 2: gold label 'SLEEPING' is not a label of the home"),
        ([None], ["EATING"], "ok", "event 1: gold label None is not a label of the home"),
        (["EATING"], ["eating"], "ok", "event 1: predicted label 'eating' is not a label of the home; known: "),
        (["EATING"], [], "ok", "1 gold labels, 0 predicted labels"),
        (["EATING"], ["EATING"], "fine", "unknown status 'fine'"),
        ([], [], "ok", "no events to score"),
    ],
)
def test_what_cannot_be_scored_is_an_error(gold, predicted, status, message):
    with pytest.raises(ValueError, match=message):
        encode_windows(LABELS, [gold], [predicted], [status])
