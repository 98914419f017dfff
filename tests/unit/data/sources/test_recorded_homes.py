"""Load the recorded parts of MARBLE and MuRAL, and count their events by other algorithms than the loaders'."""

import csv
import json
from collections import Counter

from hearth.data.events import check_events
from hearth.data.sources.registry import SOURCES
from hearth.homes.home import load_home
from real_data import MARBLE_MORE, MARBLE_PART, MURAL_PART, needs_data
from repository import HOMES


def load(source, root):
    """Return the events and the report of a recorded part; all of its rows are good."""
    home = load_home(HOMES / f"{source}.yaml")
    events, report = SOURCES[source].read(root, home)
    check_events(events, home)
    assert report.broken == []
    return events, report


@needs_data(MARBLE_PART)
def test_labels_of_a_part_of_marble_equal_an_independent_count():
    events, report = load("marble", MARBLE_PART)
    assert events["session"].nunique() == 18
    assert len(events) == 624
    assert events["sensor"].nunique() == 16
    assert len({name for names in events["residents"] for name in names}) == 10
    assert (sum(report.skipped.values()), report.unlabelled, report.unread) == (0, 0, [])
    assert report.notes == ["1 hidden files, documents and files of runs are not read: README.txt"]
    lines = [len(path.read_bytes().splitlines()) - 1 for path in MARBLE_PART.rglob("environmental.csv")]
    assert sum(lines) == report.rows == 624
    assert Counter(events["activity"]) == count_by_sweep(MARBLE_PART / "dataset")


@needs_data(MARBLE_MORE)
def test_marble_with_phones_has_the_events_labels_and_groups_that_its_readme_states():
    events, report = load("marble", MARBLE_MORE)
    assert report.rows == len(events) == 1300
    assert report.unlabelled == 0
    phones = events["sensor"].isin(["S1", "S2"])
    assert int((~phones).sum()) == 1174
    # Labels with phones, and without.
    expected = {
        "TRANSITION": (353, 290),
        "COOKING": (269, 269),
        "PREPARING_COLD_MEAL": (144, 144),
        "WATCHING_TV": (134, 133),
        "SETTING_UP_TABLE": (101, 101),
        "TAKING_MEDICINES": (97, 97),
        "CLEARING_TABLE": (59, 59),
        "ANSWERING_PHONE": (46, 17),
        "MAKING_PHONE_CALL": (45, 12),
        "EATING": (21, 21),
        "USING_PC": (21, 21),
        "WASHING_DISHES": (10, 10),
    }
    counts = Counter(events["activity"]), Counter(events["activity"][~phones])
    assert {label: tuple(count[label] for count in counts) for label in expected} == expected
    assert sum(counts[0].values()) == 1300
    assert counts[0] == count_by_sweep(MARBLE_MORE / "dataset")
    groups = {key: events[f"group_{key}"].nunique() for key in ("scenario", "subjects", "sitting")}
    assert groups == {"scenario": 23, "subjects": 19, "sitting": 22}
    assert events["session"].nunique() == 41


@needs_data(MURAL_PART)
def test_two_sessions_of_mural_equal_a_count_of_their_rows():
    events, report = load("mural", MURAL_PART)
    names = {entry["id"]: entry["name"] for entry in json.loads((MURAL_PART / "activities.json").read_text())}
    rows = []
    for session in ("01", "07"):
        with open(MURAL_PART / session / "data.csv", newline="", encoding="utf-8-sig") as lines:
            rows += [(session, row) for row in csv.DictReader(lines)]
    events_of_rows = [(session, row) for session, row in rows if row["sensor"]]
    assert (report.rows, len(rows)) == (773, 773)
    assert report.skipped == {"annotation without sensor and action": 28}
    assert len(events) == len(events_of_rows) == 745
    assert Counter(zip(events["session"], events["sensor"], events["activity"], strict=True)) == Counter(
        (session, row["sensor"], names[int(row["activity"])]) for session, row in events_of_rows
    )
    assert sum(len(residents) == 2 for residents in events["residents"]) == 22
    assert events["sensor"].nunique() == 22
    assert events["state"].nunique() == 4


def count_by_sweep(dataset):
    """Count labels by another algorithm than the loader: one sweep over time that keeps each subject's current act."""
    counts = Counter()
    for folder in dataset.glob("*/*"):
        steps = []
        for path in folder.glob("*/labels.csv"):
            with open(path, newline="") as lines:
                for start, end, act in list(csv.reader(lines))[1:]:
                    steps += [(int(start), 0, path.parent.name, act), (int(end), 2, path.parent.name, act)]
        with open(folder / "environmental.csv", newline="") as lines:
            steps += [(int(ts), 1, f"subject-{subject}", None) for _, _, ts, subject in list(csv.reader(lines))[1:]]
        for path in folder.glob("*/smartphone.csv"):
            with open(path, newline="") as lines:
                steps += [(int(ts), 1, path.parent.name, None) for _, _, ts in list(csv.reader(lines))[1:]]
        current = {}
        for _, kind, subject, act in sorted(steps, key=lambda step: step[:2]):
            if kind == 0:
                current.setdefault(subject, []).append(act)
            elif kind == 1:
                counts[current[subject][-1]] += 1
            else:
                current[subject].remove(act)
    return counts
