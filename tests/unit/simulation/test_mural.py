"""Test MuRAL's file format and its oddities: annotations, shared events, and sensors that open or close when used."""

import json
from itertools import pairwise

from hearth.simulation import mural
from simulated_homes import SESSIONS, load_home_named, mural_sessions


def test_mural_files_are_as_the_reference_describes(roots):
    root, home = roots["mural"], load_home_named("mural")
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
    """Sitting down opens a chair's contact and closes the toilet's; a sensor's first row in a session is its use."""
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
    mural.write_home(tmp_path, 7, 2, load_home_named("mural"), events_per_session=40)
    assert all(35 <= sum(bool(row["sensor"]) for row in rows) <= 45 for rows in mural_sessions(tmp_path))
