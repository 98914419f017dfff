"""Test that labels accepted for an event count as its gold label, and how common labels replace a home's own."""

import pytest
from hearth.data.gold_labels import map_to_gold, to_common_labels, with_common_labels


def test_an_accepted_label_becomes_the_gold_label_and_any_other_stays():
    window = {"gold": ["a", "b", "c"], "gold_any": [["a", "b"], ["b"], ["c", "a"]]}
    assert map_to_gold(window, ["b", "a", "a"]) == ["a", "a", "c"]
    assert map_to_gold(window, [None, "b", "x"]) == [None, "b", "x"]
    assert map_to_gold({"gold": ["a"]}, ["b"]) == ["b"]


COMMON = {"frying": "cooking", "baking": "cooking", "lunch": "eating"}


def test_the_recorded_labels_of_a_window_become_common_ones_and_the_window_given_stays():
    window = {
        "window_id": "h/s/0",
        "gold": ["frying", "lunch"],
        "gold_any": [["frying", "baking"], ["lunch", "frying"]],
    }
    common = with_common_labels(window, COMMON)
    assert common == {
        "window_id": "h/s/0",
        "gold": ["cooking", "eating"],
        "gold_any": [["cooking"], ["eating", "cooking"]],
    }
    assert window["gold"] == ["frying", "lunch"]
    assert with_common_labels({"gold": ["lunch"]}, COMMON) == {"gold": ["eating"]}


def test_an_answer_is_right_if_it_shares_the_common_label_of_any_accepted_label():
    window = with_common_labels({"gold": ["lunch"], "gold_any": [["lunch", "frying"]]}, COMMON)
    assert map_to_gold(window, to_common_labels(["baking"], COMMON)) == ["eating"]


def test_predicted_labels_become_common_ones_and_no_label_stays_none():
    assert to_common_labels(["baking", None, "lunch"], COMMON) == ["cooking", None, "eating"]
    with pytest.raises(KeyError):
        to_common_labels(["sleep"], COMMON)
