import random

import numpy as np
import pytest
from count_factories import encode_windows
from hearth.evaluation.calibration import measure_calibration


def measure(pairs, unread=0):
    """Measure the calibration of (confidence, is correct) pairs and of `unread` events without a label.

    The events are put into one window.
    """
    predicted = ["A" if right else "B" for _, right in pairs] + [None] * unread
    windows = encode_windows(["A", "B"], [["A"] * len(predicted)], [predicted], ["ok"])
    return measure_calibration(windows, np.array([confidence for confidence, _ in pairs] + [np.nan] * unread))


def test_calibration_of_four_events_computed_by_hand():
    calibration = measure([(0.95, True), (0.85, True), (0.85, False), (0.15, False)], unread=1)
    assert calibration["n_events"] == 4
    assert calibration["coverage"] == 0.8
    assert calibration["accuracy"] == 0.5
    assert calibration["mean_confidence"] == pytest.approx(0.7)
    assert calibration["ece"] == pytest.approx((0.05 + 2 * 0.35 + 0.15) / 4)
    assert calibration["brier"] == pytest.approx((0.05**2 + 0.15**2 + 0.85**2 + 0.15**2) / 4)
    assert [b["events"] for b in calibration["bins"]] == [0, 1, 0, 0, 0, 0, 0, 0, 2, 1]
    assert calibration["bins"][8]["accuracy"] == 0.5
    assert calibration["bins"][0]["accuracy"] is None
    # Half of the four events are kept. The most confident one is right. The second is either of two events of equal
    # confidence, one of which is right, so it counts as half right.
    assert calibration["selective"]["0.5"] == pytest.approx(0.75)
    assert calibration["selective"]["1.0"] == 0.5
    assert calibration["aurc"] == pytest.approx((0 + 0.25 + 1 / 3 + 0.5) / 4)


def test_the_order_of_events_does_not_matter():
    pairs = [(round(n / 7, 1) % 1, n % 3 == 0) for n in range(60)]
    shuffled = list(pairs)
    random.Random(3).shuffle(shuffled)
    one, other = measure(pairs), measure(shuffled)
    assert one["selective"] == pytest.approx(other["selective"])
    assert one["aurc"] == pytest.approx(other["aurc"])


def test_the_area_of_an_uninformative_confidence_is_its_error_rate():
    calibration = measure([(0.6, True), (0.6, False), (0.6, True), (0.6, True)])
    assert calibration["aurc"] == pytest.approx(0.25)
    assert set(calibration["selective"].values()) == {0.75}


def test_confidence_1_belongs_to_the_last_bin():
    calibration = measure([(1.0, True), (0.0, False)])
    assert (calibration["ece"], calibration["brier"], calibration["aurc"]) == (0, 0, 0.25)
    assert calibration["bins"][-1]["events"] == calibration["bins"][0]["events"] == 1


def test_predictions_without_confidence_have_no_calibration():
    assert measure([(np.nan, True)]) is None
    windows = encode_windows(["A"], [["A"]], [[None]], ["missing_events"])
    assert measure_calibration(windows, np.array([0.5])) is None
