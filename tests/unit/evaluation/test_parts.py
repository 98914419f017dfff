"""Test the scores of parts of the tested events: without some labels, by residents and by activities."""

import pytest
from hearth.evaluation.bootstrap import FEWEST_GROUPS
from hearth.evaluation.parts import PartScorer, score_breakdown
from hearth.evaluation.score_document import PART_METRICS
from recorded_factories import make_recorded
from sklearn.metrics import f1_score

LABELS = ("COOKING", "EATING", "TRANSITION")
WINDOWS = [
    ("1", [("08:00:00", "A", "COOKING", "TRANSITION"), ("08:00:01", "B", "EATING", "EATING")]),
    ("1", [("08:00:02", "AB", "TRANSITION", "COOKING"), ("08:00:03", "A", "COOKING", "COOKING")]),
    ("2", [("08:00:00", "A", "COOKING", None), ("08:00:01", "A", "COOKING", "COOKING")]),
    ("3", [("08:00:00", "B", "TRANSITION", "TRANSITION")]),
]


def make_scorer(windows=WINDOWS, lost_answers="recall"):
    encoded, recorded = make_recorded(LABELS, windows)
    return PartScorer("little", "made-up", encoded, lost_answers), recorded


def weighted_f1(pairs):
    gold, predicted = zip(*pairs, strict=True)
    return f1_score(gold, [label or "none" for label in predicted], labels=sorted(set(gold)), average="weighted")


def events(windows, keep):
    return [(gold, label) for _, window in windows for time, names, gold, label in window if keep(names, gold)]


def test_labels_are_left_out_by_gold_label_and_stay_wrong_as_predictions():
    scorer, _ = make_scorer()
    metrics = scorer.score_without(["TRANSITION", "a label of another home"])
    kept = events(WINDOWS, lambda names, gold: gold != "TRANSITION")
    assert metrics["labels"] == ["TRANSITION"]
    assert (metrics["windows"], metrics["events"]) == (3, 5)
    assert metrics["metrics"]["weighted_f1"] == pytest.approx(weighted_f1(kept))
    assert metrics["metrics"]["accuracy"] == pytest.approx(3 / 5)
    assert metrics["groups"]["names"] == ["1", "2"]
    assert metrics["groups"]["gold"] == {"COOKING": "2 2", "EATING": "1 0"}


def test_without_labels_that_the_home_lacks_all_events_count():
    scorer, _ = make_scorer()
    metrics = scorer.score_without(["others"])
    assert (metrics["labels"], metrics["events"]) == ([], 7)
    assert metrics["metrics"]["weighted_f1"] == pytest.approx(weighted_f1(events(WINDOWS, lambda names, gold: True)))


def test_without_all_labels_there_is_nothing_to_score():
    assert make_scorer()[0].score_without(LABELS) is None


def test_a_part_follows_the_reading_of_lost_answers():
    recall, precision = (make_scorer(lost_answers=reading)[0].score_without([]) for reading in ("recall", "precision"))
    assert recall["metrics"]["accuracy"] == precision["metrics"]["accuracy"]
    assert recall["metrics"]["weighted_f1"] > precision["metrics"]["weighted_f1"]


def test_windows_are_divided_by_residents_and_by_activities():
    breakdown = score_breakdown(*make_scorer())
    present, activities = breakdown["residents_present"], breakdown["activities"]
    assert {number: (part["windows"], part["events"]) for number, part in present.items()} == {"1": (2, 3), "2": (2, 4)}
    assert present["2"]["metrics"]["accuracy"] == pytest.approx(2 / 4)
    assert {name: part["events"] for name, part in activities.items()} == {"one": 3, "several": 4}
    assert activities["one"]["metrics"]["accuracy"] == pytest.approx(2 / 3)


def test_a_joint_event_belongs_to_each_resident():
    resident = score_breakdown(*make_scorer())["resident"]
    for name, part in resident.items():
        own = events(WINDOWS, lambda names, gold, name=name: name in names)
        assert part["events"] == len(own)
        assert part["metrics"]["weighted_f1"] == pytest.approx(weighted_f1(own))
    assert set(resident) == {"A", "B"}


def test_unknown_residents_have_no_parts():
    windows = [(session, [(time, "", gold, label) for time, _, gold, label in window]) for session, window in WINDOWS]
    breakdown = score_breakdown(*make_scorer(windows))
    assert (breakdown["residents_present"], breakdown["resident"]) == ({}, {})
    assert set(breakdown["activities"]) == {"one", "several"}


def test_intervals_are_over_the_groups_of_the_part_and_need_several():
    windows = [
        (str(group), [("08:00:00", resident, "COOKING", "COOKING" if group < 3 else "EATING")])
        for group in range(FEWEST_GROUPS)
        for resident in ("AB" if group else "A")
    ]
    resident = score_breakdown(*make_scorer(windows))["resident"]
    assert (resident["A"]["n_groups"], resident["B"]["n_groups"]) == (FEWEST_GROUPS, FEWEST_GROUPS - 1)
    low, high = resident["A"]["intervals"]["accuracy"]
    assert 0 <= low < 3 / 5 < high <= 1
    assert resident["B"]["intervals"] == dict.fromkeys(PART_METRICS)
