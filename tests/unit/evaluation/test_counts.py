"""Test the counts of windows and events by session."""

import numpy as np
import pytest
from factories import make_score
from hearth.evaluation.counts import count_sessions, counts_of_score, counts_of_subset, split_columns

GOLD = [["COOKING", "EATING"], ["EATING"], ["EATING", "EATING"]]
PREDICTED = [["COOKING", None], ["COOKING"], [None, None]]


def test_windows_and_events_are_counted_by_session():
    parsings = {"strict": (PREDICTED, ["unknown_label", "ok", "truncated"])}
    assert count_sessions(["1", "2", "1"], GOLD, parsings) == {
        "1": {
            "windows": 2,
            "gold": {"COOKING": 1, "EATING": 3},
            "strict": {
                "predicted": {"COOKING": 1},
                "right": {"COOKING": 1},
                **{"ok": 0, "malformed": 1, "missing": 2, "unknown": 1},
            },
        },
        "2": {
            "windows": 1,
            "gold": {"EATING": 1},
            "strict": {
                "predicted": {"COOKING": 1},
                "right": {},
                **{"ok": 1, "malformed": 0, "missing": 0, "unknown": 0},
            },
        },
    }


def test_a_matrix_has_sorted_sessions_and_only_labels_with_gold_events():
    score = make_score()
    sessions = count_sessions(["b", "a", "b"], GOLD, {"strict": (PREDICTED, ["unknown_label", "ok", "truncated"])})
    counts = counts_of_score(score | {"sessions": sessions})
    assert (counts.sessions, counts.labels) == (("a", "b"), ("COOKING", "EATING"))
    gold, predicted, correct, windows = split_columns(counts.matrix)
    assert np.array_equal(gold, [[0, 1], [1, 3]])
    assert np.array_equal(predicted, [[1, 0], [1, 0]])
    assert np.array_equal(correct, [[0, 0], [1, 0]])
    assert np.array_equal(windows, [[1, 1, 0, 0, 0], [2, 0, 1, 2, 1]])


def test_a_subset_has_counts_of_its_own_name_and_none_without_windows():
    score = make_score()
    assert counts_of_subset(score, "simple").dataset == "made-up simple"
    assert counts_of_subset(score, "complex") is None


def test_a_count_of_a_label_outside_the_home_is_an_error():
    score = make_score()
    score["sessions"]["2"]["gold"]["SLEEPING"] = 1
    with pytest.raises(ValueError, match="little on made-up: label 'SLEEPING' of its sessions is not a label"):
        counts_of_score(score)
