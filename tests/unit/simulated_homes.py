"""Read the raw files of simulated homes for tests, without the loaders in hearth.data.sources."""

import csv
import json
from pathlib import Path

from hearth.homes.home import Home, load_home
from repository import HOMES

SESSIONS = 24
# Sensor, state, residents, label.
LabelledEvent = tuple[str, str, tuple[str, ...], str]


def files_below(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def load_home_named(name: str) -> Home:
    return load_home(HOMES / f"{name}.yaml")


def marble_instances(root: Path) -> list[dict]:
    """Return a dict for each instance: its folder, its events, and a dict from each subject to its label spans.

    An event is (time, sensor, state, subject), and a span is (start, end, label), with times in epoch milliseconds.
    """
    instances = []
    for folder in sorted(root.glob("dataset/*/instance*")):
        events = [
            (int(row["ts"]), row["sensor_id"], row["sensor_status"], row["subject_id"])
            for row in read_csv(folder / "environmental.csv")
        ]
        spans = {}
        for own in folder.glob("subject-*"):
            subject = own.name.removeprefix("subject-")
            spans[subject] = [
                (int(row["ts_start"]), int(row["ts_end"]), row["act"]) for row in read_csv(own / "labels.csv")
            ]
            if (own / "smartphone.csv").exists():
                calls = read_csv(own / "smartphone.csv")
                assert calls
                events += [(int(row["ts"]), row["event_id"], row["event_status"], subject) for row in calls]
        instances.append({"folder": folder, "events": sorted(events), "spans": spans})
    return instances


def marble_label(instance: dict, time: int, subject: str) -> str:
    distance, label = min((max(start - time, time - end, 0), label) for start, end, label in instance["spans"][subject])
    assert distance <= 560
    return label


def mural_sessions(root: Path) -> list[list[dict]]:
    return [read_csv(path) for path in sorted(root.glob("*/data.csv"))]


def labelled_events(name: str, root: Path) -> list[list[LabelledEvent]]:
    """Return for each session of the simulated home a list of its sensor events with their labels.

    `name` is the format of the files below `root`: "marble" or "mural".
    """
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
