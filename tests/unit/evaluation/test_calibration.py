import random

import pytest
from hearth.evaluation.calibration import measure_calibration


def measured(pairs, unread=0):
    """Metrics of (confidence, is right) pairs and of `unread` events without a label, ten events a window."""
    events = [("A", "A" if right else "B", confidence) for confidence, right in pairs] + [("A", None, None)] * unread
    windows = [list(zip(*events[at : at + 10], strict=True)) for at in range(0, len(events), 10)]
    return measure_calibration(*zip(*windows, strict=True))


def test_by_hand():
    found = measured([(0.95, True), (0.85, True), (0.85, False), (0.15, False)], unread=1)
    assert found["n_events"] == 4
    assert found["coverage"] == 0.8
    assert found["accuracy"] == 0.5
    assert found["mean_confidence"] == pytest.approx(0.7)
    assert found["ece"] == pytest.approx((0.05 + 2 * 0.35 + 0.15) / 4)
    assert found["brier"] == pytest.approx((0.05**2 + 0.15**2 + 0.85**2 + 0.15**2) / 4)
    assert [b["events"] for b in found["bins"]] == [0, 1, 0, 0, 0, 0, 0, 0, 2, 1]
    assert found["bins"][8]["accuracy"] == 0.5
    assert found["bins"][0]["accuracy"] is None
    # of the two surest events one is surely right, and the other one of two with equal confidence
    assert found["selective"]["0.5"] == pytest.approx(0.75)
    assert found["selective"]["1.0"] == 0.5
    assert found["aurc"] == pytest.approx((0 + 0.25 + 1 / 3 + 0.5) / 4)


def test_the_order_of_events_does_not_matter():
    pairs = [(round(n / 7, 1) % 1, n % 3 == 0) for n in range(60)]
    shuffled = list(pairs)
    random.Random(3).shuffle(shuffled)
    one, other = measured(pairs), measured(shuffled)
    assert one["selective"] == pytest.approx(other["selective"])
    assert one["aurc"] == pytest.approx(other["aurc"])


def test_a_confidence_that_says_nothing_has_its_error_rate_as_area():
    found = measured([(0.6, True), (0.6, False), (0.6, True), (0.6, True)])
    assert found["aurc"] == pytest.approx(0.25)
    assert set(found["selective"].values()) == {0.75}


def test_certainty_falls_into_the_last_bin():
    found = measured([(1.0, True), (0.0, False)])
    assert (found["ece"], found["brier"], found["aurc"]) == (0, 0, 0.25)
    assert found["bins"][-1]["events"] == found["bins"][0]["events"] == 1


def test_without_any_confidence_there_is_nothing_to_measure():
    assert measure_calibration([["A"]], [["A"]], [[None]]) is None
    assert measure_calibration([["A"]], [[None]], [[0.5]]) is None
