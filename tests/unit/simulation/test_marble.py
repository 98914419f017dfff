"""Test MARBLE's file format and its oddities: gaps between labels, files of phone calls, uses without an end."""

import datetime
from collections import Counter
from itertools import pairwise

import pytest
from hearth.data.sources import marble
from real_data import MARBLE_MORE, needs_data
from simulated_homes import files_below, load_home_named, marble_instances, marble_label, read_csv

CALLS = ("MAKING_PHONE_CALL", "ANSWERING_PHONE")
GAPS = ((0, 41), (42, 150), (151, 560))  # ms; together nearly all gaps between two labels


def test_marble_files_are_as_the_reference_describes(roots):
    headers = {
        "environmental.csv": b"sensor_id,sensor_status,ts,subject_id\r\n",
        "labels.csv": b"ts_start,ts_end,act\r\n",
        "locations.csv": b"ts_start,ts_end,location\r\n",
        "smartphone.csv": b"event_id,event_status,ts\r\n",
    }
    for path, content in files_below(roots["marble"]).items():
        assert content.startswith(headers[path.rsplit("/", 1)[1]])
        assert content.count(b"\n") == content.count(b"\r\n")
        assert content.endswith(b"\r\n")
    first = next(roots["marble"].glob("dataset/*/*/environmental.csv")).read_text().splitlines()[1]
    sensor, state, _, subject = first.split(",")
    assert state in ('"ON"', '"OFF"')
    assert subject.startswith('"2')
    assert '"' not in sensor


def test_marble_instances_have_the_size_and_clock_of_the_real_ones(roots):
    instances = marble_instances(roots["marble"])
    counts = []
    for instance in instances:
        times = [time for time, *_ in instance["events"]]
        begin = datetime.datetime.fromtimestamp(times[0] / 1000, datetime.timezone(datetime.timedelta(hours=1)))
        spans = [span for own in instance["spans"].values() for span in own]
        minutes = (max(end for _, end, _ in spans) - min(start for start, _, _ in spans)) / 60_000
        assert begin.year == 2018
        assert 10 <= begin.hour < 14
        assert 6.5 < minutes < 11
        scenario = instance["folder"].parent.name
        assert int(scenario[1]) == len(instance["spans"])
        if scenario[1] == "2":
            counts.append(len(instance["events"]))
    assert 30 < sum(counts) / len(counts) < 50


def test_marble_labels_have_gaps_transitions_and_empty_rows(roots):
    gaps, empty, acts = [], 0, Counter()
    for instance in marble_instances(roots["marble"]):
        for spans in instance["spans"].values():
            assert all(end >= start for start, end, _ in spans)
            gaps += [b[0] - a[1] for a, b in pairwise(spans)]
            empty += sum(start == end for start, end, _ in spans)
            acts.update(label for *_, label in spans)
    assert min(gaps) >= 0
    assert max(gaps) <= 25_000
    assert 0 < sum(gap > 1000 for gap in gaps) / len(gaps) < 0.02
    assert empty > 0
    assert acts["TRANSITION"] > sum(acts.values()) / 4


def test_marble_events_lie_in_labels_and_places_of_their_subject(roots):
    for instance in marble_instances(roots["marble"]):
        for time, _, _, who in instance["events"]:
            marble_label(instance, time, who)
        for own in instance["folder"].glob("subject-*"):
            places = {row["location"] for row in read_csv(own / "locations.csv")}
            assert places <= {"HALL", "KITCHEN", "DINING_ROOM", "MEDICINE_AREA", "LIVING_ROOM", "OFFICE", "OUT"}


def test_marble_calls_are_in_smartphone_files_only(roots):
    subjects = [path for path in roots["marble"].glob("dataset/*/*/subject-*")]
    with_calls = [own for own in subjects if (own / "smartphone.csv").exists()]
    assert 0 < len(with_calls) < len(subjects)
    assert {row["event_id"] for own in with_calls for row in read_csv(own / "smartphone.csv")} == {"S1", "S2"}
    sensors = {row["sensor_id"] for path in roots["marble"].rglob("environmental.csv") for row in read_csv(path)}
    assert not sensors & {"S1", "S2"}


def test_a_marble_call_ends_after_its_label(roots):
    """As in MARBLE, a phone records the end of a call at a whole second, 0.5 to 4.2 s after the end of its label."""
    delays = []
    for own in roots["marble"].glob("dataset/*/*/subject-*"):
        spans = [(int(row["ts_start"]), int(row["ts_end"]), row["act"]) for row in read_csv(own / "labels.csv")]
        for row in read_csv(own / "smartphone.csv") if (own / "smartphone.csv").exists() else ():
            time = int(row["ts"])
            calls = [end for start, end, act in spans if act in CALLS and start <= time]
            if row["event_status"] == "OFF":
                delays.append(time - max(calls))
                assert time % 1000 == 0
            else:
                assert any(start <= time <= end for start, end, act in spans if act in CALLS)
    assert len(delays) > 20
    assert min(delays) >= 500
    assert max(delays) <= 4200


def test_marble_devices_are_shared_and_lose_some_ends_of_uses(roots):
    """Some uses are switched ON and OFF by different residents; some ON events of a mat or a plug have no OFF event."""
    handed_over, open_ended = set(), set()
    for instance in marble_instances(roots["marble"]):
        on = {}
        for _, sensor, state, who in instance["events"]:
            if state == "ON":
                if sensor in on:
                    open_ended.add(sensor)
                on[sensor] = who
            elif on.pop(sensor, who) != who:
                handed_over.add(sensor)
        open_ended |= set(on)
    assert "E2" in handed_over
    assert {sensor[0] for sensor in open_ended} >= {"P", "E"}


@needs_data(MARBLE_MORE)
def test_the_simulated_marble_has_the_labels_of_the_real_one(roots):
    """Compare shares of labels over events with those of 41 recorded sessions; both vary between sessions."""
    home = load_home_named("marble")
    real, simulated = (marble.read(root, home)[0]["activity"] for root in (MARBLE_MORE, roots["marble"]))
    for label in home.labels:
        expected = float((real == label).mean())
        assert float((simulated == label).mean()) == pytest.approx(expected, abs=0.01 + 0.25 * expected), label


@needs_data(MARBLE_MORE)
def test_the_gaps_between_simulated_labels_are_as_long_as_the_real_ones(roots):
    shares = []
    for root in (MARBLE_MORE, roots["marble"]):
        spans = [sorted(own) for instance in marble_instances(root) for own in instance["spans"].values()]
        gaps = [b[0] - a[1] for own in spans for a, b in pairwise(own)]
        gaps = [gap for gap in gaps if 0 <= gap <= 1000]
        shares.append([sum(low <= gap <= high for gap in gaps) / len(gaps) for low, high in GAPS])
    assert shares[1] == pytest.approx(shares[0], abs=0.03)
