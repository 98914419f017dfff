"""Test the counts of windows and events by group."""

import numpy as np
import pytest
from count_factories import encode_windows
from factories import LABELS
from hearth.evaluation.counts import count_groups, counts_of_score, counts_of_subset, split_columns
from score_factories import make_score

GOLD = [["COOKING", "EATING"], ["EATING"], ["EATING", "EATING"]]
PREDICTED = [["COOKING", None], ["COOKING"], [None, None]]
STATUSES = ["unknown_label", "ok", "truncated"]


def test_windows_and_events_are_counted_by_group():
    counts = count_groups(encode_windows(LABELS, GOLD, PREDICTED, STATUSES, ["1", "2", "1"]))
    assert counts == {
        "names": ["1", "2"],
        "windows": "2 1",
        "gold": {"COOKING": "1 0", "EATING": "3 1"},
        "strict": {
            "predicted": {"COOKING": "1 1", "EATING": "0 0"},
            "right": {"COOKING": "1 0", "EATING": "0 0"},
            **{"ok": "0 1", "malformed": "1 0", "missing": "2 0", "unknown": "1 0"},
        },
        "lenient": counts["strict"],
    }


def test_a_matrix_has_sorted_groups_and_only_labels_with_gold_events():
    groups = count_groups(encode_windows(LABELS, GOLD, PREDICTED, STATUSES, ["b", "a", "b"]))
    counts = counts_of_score(make_score() | {"groups": groups})
    assert (counts.groups, counts.labels) == (("a", "b"), ("COOKING", "EATING"))
    gold, predicted, correct, windows = split_columns(counts.matrix)
    assert np.array_equal(gold, [[0, 1], [1, 3]])
    assert np.array_equal(predicted, [[1, 0], [1, 0]])
    assert np.array_equal(correct, [[0, 0], [1, 0]])
    assert np.array_equal(windows, [[1, 1, 0, 0, 0], [2, 0, 1, 2, 1]])


def test_a_subset_has_counts_of_its_own_name_and_none_without_windows():
    score = make_score()
    assert counts_of_subset(score, "simple").dataset == "made-up simple"
    assert counts_of_subset(score, "complex") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda counts: counts["gold"].update(SLEEPING="1 0"), "label 'SLEEPING' of its groups is not a label"),
        (lambda counts: counts["gold"].pop("EATING"), "counts of different labels"),
        (lambda counts: counts["strict"].update(ok="1 0 0"), "'1 0 0' is not one number for each of its 2 groups"),
        (lambda counts: counts["strict"].update(ok="1 -1"), "'1 -1' is not one number for each of its 2 groups"),
        (lambda counts: counts["strict"].update(ok="1 x"), "'1 x' is not one number for each of its 2 groups"),
    ],
)
def test_counts_that_do_not_fit_the_score_are_an_error(change, message):
    score = make_score()
    change(score["groups"])
    with pytest.raises(ValueError, match=f"score of little on made-up: .*{message}.*run the rule `score` again"):
        counts_of_score(score)
