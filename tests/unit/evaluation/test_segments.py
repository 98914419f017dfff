"""Test scores by segment: which events form one, when it was found, and how late."""

import pytest
from hearth.evaluation.segments import DEFINITIONS, find_segments, score_segments
from recorded_factories import make_recorded

LABELS = ("COOKING", "EATING")


def score(*windows):
    return score_segments("made-up", *make_recorded(LABELS, windows), "strict")


def test_a_segment_ends_with_its_label_and_with_its_session_but_not_with_its_window():
    segments = find_segments(
        *make_recorded(
            LABELS,
            [
                ("1", [("08:00:00", "A", "COOKING", None), ("08:00:10", "A", "COOKING", "EATING")]),
                ("1", [("08:00:20", "A", "COOKING", "COOKING"), ("08:00:30", "A", "EATING", "EATING")]),
                ("2", [("08:00:40", "A", "EATING", "COOKING")]),
            ],
        ),
        "strict",
    )
    assert segments.events.tolist() == [3, 1, 1]
    assert segments.right.tolist() == [1, 1, 0]
    assert segments.onset.tolist() == [20, 0, -1]
    assert (segments.label.tolist(), segments.group.tolist()) == ([0, 1, 1], [0, 0, 1])


def test_residents_have_segments_of_their_own_and_share_joint_events():
    metrics = score(
        (
            "1",
            [
                ("08:00:00", "A", "COOKING", "EATING"),
                ("08:00:01", "B", "EATING", "EATING"),
                ("08:00:02", "AB", "COOKING", "COOKING"),
                ("08:00:04", "B", "COOKING", None),
                ("08:00:05", "", "COOKING", "COOKING"),
            ],
        )
    )
    # A cooks (found after 2 s, one of two events right); B eats and then cooks, nobody cooks (all found at once).
    assert (metrics["segments"], metrics["found"], metrics["found_by_majority"]) == (4, 1, pytest.approx(2 / 4))
    assert (metrics["onset_mean"], metrics["onset_median"]) == (0.5, 0)
    assert metrics["by_label"] == {"COOKING": {"segments": 3, "found": 3}, "EATING": {"segments": 1, "found": 1}}


def test_nothing_found_has_no_onset():
    metrics = score(("1", [("08:00:00", "A", "COOKING", None)]))
    assert (metrics["found"], metrics["onset_mean"], metrics["onset_median"]) == (0, None, None)
    assert metrics["intervals"] == dict.fromkeys(("found", "found_by_majority", "onset_mean"))


def test_an_interval_is_over_groups():
    right, wrong = [("08:00:00", "A", "COOKING", "COOKING")], [("08:00:00", "A", "COOKING", "EATING")]
    metrics = score(*((str(group), wrong if group < 3 else right) for group in range(6)))
    # Of the resamples of six groups, 1.6 % have only the first three, and as many only the others.
    assert metrics["intervals"]["found"] == [0, 1]
    assert metrics["intervals"]["onset_mean"] is None  # undefined where nothing was found


def test_every_number_is_defined_in_words():
    metrics = score(("1", [("08:00:00", "A", "COOKING", None)]))
    assert set(DEFINITIONS) == set(metrics) - {"intervals", "by_label"}
