"""Simulated homes: same seed same bytes, the formats' oddities, people who interleave, labels that need context."""

import csv
import datetime
import json
import os
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
import simulate_home
from hearth.common.cli import UserError
from hearth.homes.home import load_home
from hearth.simulation import FORMATS, mural
from hearth.simulation.behaviour import Household, Resident, stream
from repository import HOMES

SESSIONS = 24


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def home_of(name: str):
    return load_home(HOMES / f"{name}.yaml")


@pytest.fixture(scope="module")
def roots(tmp_path_factory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp(name) for name in FORMATS}
    for name, folder in folders.items():
        FORMATS[name](folder, 7, SESSIONS, home_of(name))
    return folders


@pytest.fixture(scope="module")
def homes(roots) -> dict[str, list[list[tuple]]]:
    return {name: labelled(name, root) for name, root in roots.items()}


def marble_instances(root: Path) -> list[dict]:
    """Per instance: events (time, sensor, state, subject), spans of labels and of places by subject."""
    instances = []
    for folder in sorted(root.glob("dataset/*/instance*")):
        events = [
            (int(row["ts"]), row["sensor_id"], row["sensor_status"], row["subject_id"])
            for row in table(folder / "environmental.csv")
        ]
        spans = {}
        for own in folder.glob("subject-*"):
            subject = own.name.removeprefix("subject-")
            spans[subject] = [
                (int(row["ts_start"]), int(row["ts_end"]), row["act"]) for row in table(own / "labels.csv")
            ]
            if (own / "smartphone.csv").exists():
                calls = table(own / "smartphone.csv")
                assert calls
                events += [(int(row["ts"]), row["event_id"], row["event_status"], subject) for row in calls]
        instances.append({"folder": folder, "events": sorted(events), "spans": spans})
    return instances


def marble_label(instance: dict, time: int, subject: str) -> str:
    distance, label = min((max(start - time, time - end, 0), label) for start, end, label in instance["spans"][subject])
    assert distance <= 150
    return label


def mural_sessions(root: Path) -> list[list[dict]]:
    return [table(path) for path in sorted(root.glob("*/data.csv"))]


def labelled(name: str, root: Path) -> list[list[tuple]]:
    """Per session the sensor events: (sensor, state, residents, label)."""
    if name == "marble":
        return [
            [(sensor, state, (who,), marble_label(i, time, who)) for time, sensor, state, who in i["events"]]
            for i in marble_instances(root)
        ]
    names = {entry["id"]: entry["name"] for entry in json.loads((root / "activities.json").read_text())}
    return [
        [
            (row["sensor"], row["action"], tuple(row["Subject"].split(", ")), names[int(row["activity"])])
            for row in rows
            if row["sensor"]
        ]
        for rows in mural_sessions(root)
    ]


def windows(sessions: list[list[tuple]]) -> list[list[tuple]]:
    return [events[start : start + 10] for events in sessions for start in range(0, len(events), 10)]


def majority_accuracy(sessions: list[list[tuple]]) -> float:
    """Of the rule "the most frequent label of that sensor and state", learned on the first half of the sessions."""
    half = len(sessions) // 2
    seen = defaultdict(Counter)
    for events in sessions[:half]:
        for sensor, state, _, label in events:
            seen[sensor, state][label] += 1
    test = [event for events in sessions[half:] for event in events]
    return sum(bool(seen[e[:2]]) and seen[e[:2]].most_common(1)[0][0] == e[3] for e in test) / len(test)


@pytest.mark.parametrize("name", FORMATS)
def test_equal_seeds_give_equal_bytes_and_other_seeds_other_people(name, roots, tmp_path):
    home = home_of(name)
    FORMATS[name](tmp_path / "again", 7, SESSIONS, home)
    FORMATS[name](tmp_path / "other", 8, SESSIONS, home)
    assert tree(tmp_path / "again") == tree(roots[name])
    assert tree(tmp_path / "other") != tree(roots[name])


@pytest.mark.parametrize("name", FORMATS)
def test_a_session_does_not_depend_on_how_many_there_are(name, roots, tmp_path):
    FORMATS[name](tmp_path, 7, 5, home_of(name))
    few, many = tree(tmp_path), tree(roots[name])
    assert few == {path: many[path] for path in few}


@pytest.mark.parametrize("name", FORMATS)
def test_all_labels_and_sensors_occur_and_no_others(name, homes):
    home = home_of(name)
    assert {event[3] for events in homes[name] for event in events} == set(home.labels)
    assert {event[0] for events in homes[name] for event in events} == set(home.sensors)


@pytest.mark.parametrize("name", FORMATS)
def test_residents_interleave(name, homes):
    sessions = homes[name]
    changes = [a[2] != b[2] for events in sessions for a, b in pairwise(events)]
    shared = [len({who for event in window for who in event[2]}) > 1 for window in windows(sessions)]
    # The real part of MARBLE has 0.39 and 0.86, in scenarios of two and four.
    assert sum(changes) / len(changes) > 0.35
    assert sum(shared) / len(shared) > 0.75


@pytest.mark.parametrize(("name", "most"), [("marble", 0.7), ("mural", 0.5)])
def test_a_sensor_alone_does_not_tell_the_label(name, most, homes):
    assert 0.2 < majority_accuracy(homes[name]) < most


@pytest.mark.parametrize("name", FORMATS)
def test_sensors_can_be_missing(name, tmp_path):
    home = home_of(name)
    FORMATS[name](tmp_path, 7, 14, home, missing=3)
    seen = {event[0] for events in labelled(name, tmp_path) for event in events}
    assert len(seen) == len(home.sensors) - 3
    with pytest.raises(ValueError, match="missing sensors"):
        FORMATS[name](tmp_path, 7, 1, home, missing=len(home.sensors))


def test_marble_files_are_as_the_reference_describes(roots):
    headers = {
        "environmental.csv": b"sensor_id,sensor_status,ts,subject_id\r\n",
        "labels.csv": b"ts_start,ts_end,act\r\n",
        "locations.csv": b"ts_start,ts_end,location\r\n",
        "smartphone.csv": b"event_id,event_status,ts\r\n",
    }
    for path, content in tree(roots["marble"]).items():
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
    assert max(gaps) <= 150
    assert sum(gap > 40 for gap in gaps) > 5
    assert empty > 0
    assert acts["TRANSITION"] > sum(acts.values()) / 4


def test_marble_events_lie_in_their_subjects_labels_and_places(roots):
    for instance in marble_instances(roots["marble"]):
        for time, _, _, who in instance["events"]:
            marble_label(instance, time, who)
        for own in instance["folder"].glob("subject-*"):
            places = {row["location"] for row in table(own / "locations.csv")}
            assert places <= {"HALL", "KITCHEN", "DINING_ROOM", "MEDICINE_AREA", "LIVING_ROOM", "OFFICE", "OUT"}


def test_marble_calls_are_in_smartphone_files_alone(roots):
    subjects = [path for path in roots["marble"].glob("dataset/*/*/subject-*")]
    with_calls = [own for own in subjects if (own / "smartphone.csv").exists()]
    assert 0 < len(with_calls) < len(subjects)
    assert {row["event_id"] for own in with_calls for row in table(own / "smartphone.csv")} == {"S1", "S2"}
    sensors = {row["sensor_id"] for path in roots["marble"].rglob("environmental.csv") for row in table(path)}
    assert not sensors & {"S1", "S2"}


def test_marble_devices_are_shared_and_lose_their_end(roots):
    """An ON by one resident and its OFF by another; an ON of a mat or a plug without any OFF."""
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


def test_mural_files_are_as_the_reference_describes(roots):
    root, home = roots["mural"], home_of("mural")
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == [f"{n:02d}" for n in range(1, SESSIONS + 1)]
    activities = json.loads((root / "activities.json").read_text())
    ids = {entry["name"]: entry["id"] for entry in activities}
    assert [entry["id"] for entry in activities] == list(range(27))
    assert set(ids) == set(home.labels)
    assert {label: ids[label] for label in mural.KNOWN_IDS} == mural.KNOWN_IDS
    sensors = json.loads((root / "sensors.json").read_text())
    assert len(sensors) == 23
    assert all(set(entry) == {"sensor name", "sensor type", "sensor location"} for entry in sensors)
    for rows, folder in zip(mural_sessions(root), sorted(root.glob("[0-9]*")), strict=True):
        context = json.loads((folder / "context.json").read_text())
        assert set(context) == {"start time", "day", "resident number", "roles", "scenario"}
        assert [int(row["uid"]) for row in rows] == list(range(len(rows)))
        people = {who for row in rows for who in row["Subject"].split(", ")}
        assert people <= set(context["roles"])
        assert 2 <= context["resident number"] == len(context["roles"]) <= 4
        assert 95 <= sum(bool(row["sensor"]) for row in rows) <= 132
        assert rows[0]["time"] >= context["start time"]


def test_mural_rows_have_the_oddities_of_the_real_ones(roots):
    sessions = mural_sessions(roots["mural"])
    rows = [row for session in sessions for row in session]
    notes = [row for row in rows if not row["sensor"]]
    assert 0.003 < len(notes) / len(rows) < 0.03
    assert all(not row["action"] and row["Subject"] and row["Description"] and row["activity"] for row in notes)
    assert any(", " in row["Subject"] for row in rows)
    assert 0.3 < sum(not row["Description"] for row in rows) / len(rows) < 0.9
    assert any("," in row["Description"] for row in rows)
    assert {row["action"] for row in rows} == {"OPENED", "CLOSED", "turned ON", "turned OFF", ""}
    assert any(a["time"] == b["time"] for session in sessions for a, b in pairwise(session))
    starts = [int(session[0]["time"][:2]) for session in sessions]
    assert any(start < 10 for start in starts)
    assert any(17 <= start < 20 for start in starts)
    assert any(session[0]["time"] > session[-1]["time"] for session in sessions), "no session passes midnight"


def test_mural_polarity_differs_by_sensor(roots):
    """Sitting down opens a chair and closes the toilet; the first row of each sensor in a session is a use."""
    for session in mural_sessions(roots["mural"]):
        first = {}
        for row in session:
            first.setdefault(row["sensor"], row["action"])
        for sensor, action in first.items():
            if sensor.startswith("dining room chair"):
                assert action == "OPENED"
            if sensor == "bathroom toilet contact":
                assert action == "CLOSED"


def test_mural_meals_go_by_the_time_of_the_day(roots):
    names = {entry["id"]: entry["name"] for entry in json.loads((roots["mural"] / "activities.json").read_text())}
    for session in mural_sessions(roots["mural"]):
        for row in session:
            label = names[int(row["activity"])]
            assert not label.endswith("breakfast") or int(row["time"][:2]) < 11
            assert not label.endswith("dinner") or int(row["time"][:2]) > 16


def test_mural_session_length_is_an_argument(tmp_path):
    FORMATS["mural"](tmp_path, 7, 2, home_of("mural"), events_per_session=40)
    assert all(35 <= sum(bool(row["sensor"]) for row in rows) <= 45 for rows in mural_sessions(tmp_path))


def test_a_motion_sensor_goes_off_after_the_last_of_all_movements():
    household = Household(stream(1), ("walking", "idle"), ("mov",))
    one, two = (Resident(name, household, 1, "idle", "room") for name in "AB")

    def walk(me, at):
        yield at
        yield from me.begins("walking")
        me.moves("mov", 10)

    household.start(walk(one, 1))
    household.start(walk(two, 8))
    household.run(until=60_000)
    (on, off) = household.events
    assert (on.residents, on.active, off.residents, off.active) == (("A",), True, ("B",), False)
    assert 18_000 < off.time < 18_200


def test_a_label_that_the_home_lacks_is_named():
    household = Household(stream(1), ("idle",), ())
    household.start(Resident("A", household, 1, "idle", "room").begins("flying"))
    with pytest.raises(ValueError, match="flying"):
        household.run(until=1000)


@pytest.mark.parametrize("name", FORMATS)
def test_the_program_writes_a_home_that_says_it_is_simulated(name, tmp_path):
    out = tmp_path / "new" / "home"
    arguments = ["--format", name, "--home", str(HOMES / f"{name}.yaml"), "--out", str(out), "--seed", "7"]
    simulate_home.main([*arguments, "--sessions", "3"])
    assert "SIMULATED" in (out / "README.txt").read_text()
    assert "seed 7" in (out / "README.txt").read_text()
    before = tree(out)
    simulate_home.main([*arguments, "--sessions", "2"])
    assert len(tree(out)) < len(before)
    simulate_home.main([*arguments, "--sessions", "3"])
    assert tree(out) == before
    assert os.listdir(out.parent) == ["home"]


def test_the_program_replaces_nothing_but_simulated_homes(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    arguments = ["--format", "mural", "--home", str(HOMES / "mural.yaml"), "--seed", "7"]
    with pytest.raises(UserError, match="something else"):
        simulate_home.main([*arguments, "--sessions", "1", "--out", str(tmp_path)])
    with pytest.raises(UserError, match="--sessions 0"):
        simulate_home.main([*arguments, "--sessions", "0", "--out", str(tmp_path / "new")])
    assert tree(tmp_path) == {"thesis.txt": b"precious"}


@pytest.mark.parametrize("name", FORMATS)
def test_the_loaders_read_every_row(name, roots, homes):
    sources = pytest.importorskip("hearth.data.sources")
    events, report = sources.SOURCES[name](roots[name], home_of(name))
    assert report.broken == []
    assert len(events) == sum(map(len, homes[name]))
    assert report.rows == report.loaded + sum(report.skipped.values())
    if name == "marble":
        assert not report.skipped
