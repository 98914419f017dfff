"""Test that labels accepted for an event besides its gold label count as correct."""

from hearth.data.gold_labels import map_to_gold


def test_an_accepted_label_becomes_the_gold_label_and_any_other_stays():
    window = {"gold": ["a", "b", "c"], "gold_any": [["a", "b"], ["b"], ["c", "a"]]}
    assert map_to_gold(window, ["b", "a", "a"]) == ["a", "a", "c"]
    assert map_to_gold(window, [None, "b", "x"]) == [None, "b", "x"]
    assert map_to_gold({"gold": ["a"]}, ["b"]) == ["b"]
