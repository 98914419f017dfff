"""Test the event log, and that it is a dataset which the workflow loads."""

import csv
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import load_dataset
import pandas as pd
import pytest
from config_factories import write_yaml
from factories import HOME, LABELS
from hearth.common.cli import UserError
from hearth.data.event_files import read_events
from hearth.service.corrections import CorrectionError
from hearth.service.event_log import EventLog
from service_factories import answered_window, labelled_event

COOKING, DRINKING, EATING = LABELS
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
RAW = HOME | {
    "sensors": {"s1": {"room": "kitchen", "words": "stove", "states": {"on": "turned ON", "off": "turned OFF"}}},
    "recording": {"files": "*.txt", "ignored_sensors": ["*"]},
    "entities": {"binary_sensor.stove": "s1"},
    "example": {
        "reasoning": "Someone cooks.",
        "events": [{"time": "23:00:00", "sensor": "s1", "state": "on", "label": COOKING}] * 2,
    },
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_yaml(tmp_path / "home.yaml", RAW)


def fill(log: EventLog, labels: list[str | None], day: int = 2, first: int = 1, size: int = 4) -> None:
    """Add windows of `size` events with these answers to a log; the state alternates."""
    events = [
        labelled_event(
            number,
            label,
            time=f"2026-03-{day:02}T08:00:{number % 60:02}.250999",
            state=("turned ON", "turned OFF")[number % 2],
        )
        for number, label in enumerate(labels, start=first)
    ]
    for begin in range(0, len(events), size):
        log.add(answered_window(*events[begin : begin + size], number=1 + (first - 1 + begin) // size))


def load(folder: Path, tmp_path: Path) -> pd.DataFrame:
    """Return the events of the log as the workflow's program loads them."""
    events = tmp_path / "loaded" / "events.parquet"
    load_dataset.main(
        [
            *("--source", "table", "--root", str(folder), "--home", str(folder / "home.yaml")),
            *("--max-broken-share", "0", "--max-broken-label-share", "0"),
            *("--events", str(events), "--card", str(events.with_name("card.md"))),
        ]
    )
    return read_events(events)


def test_corrected_events_are_the_next_students_data(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING] * 4 + [EATING, EATING, DRINKING, DRINKING])
    assert log.correct(b"EATING", NOW).label == EATING  # the two that are shown
    log.correct(json.dumps({"right": True, "window": 1}).encode(), NOW)
    log.correct(json.dumps({"label": DRINKING, "event": 2}).encode(), NOW)
    fill(log, [COOKING] * 4, day=3, first=9)
    log.correct(json.dumps({"label": EATING, "from": "2026-03-03T00:00:00"}).encode(), NOW)
    events = load(tmp_path / "log", tmp_path)
    assert events["activity"].tolist() == [COOKING, DRINKING, COOKING, COOKING, EATING, EATING, *[EATING] * 4]
    assert events["session"].nunique() == 2
    assert events["description"].tolist()[:2] == ["kitchen stove turned OFF", "kitchen stove turned ON"]
    assert str(events["time"][0]) == "2026-03-02 08:00:01.250000"


def test_without_corrections_nothing_is_loaded(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING] * 4)
    with pytest.raises(UserError, match="no events in 2 files, 4 rows"):
        load(tmp_path / "log", tmp_path)


def test_a_correction_may_be_taken_back(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING] * 4)
    log.correct(json.dumps({"label": EATING, "window": 1}).encode(), NOW)
    assert log.correct(json.dumps({"label": None, "event": 3}).encode(), NOW).label is None
    assert load(tmp_path / "log", tmp_path)["activity"].tolist() == [EATING] * 3


def test_the_home_keeps_all_but_how_its_files_are_read(tmp_path, home):
    EventLog(tmp_path / "log", home)
    written = (tmp_path / "log" / "home.yaml").read_text()
    assert "binary_sensor.stove: s1" in written
    assert "ignored_sensors" not in written


def test_windows_that_come_again_are_added_once(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING] * 8)
    assert log.last_window == 2
    path = tmp_path / "log" / "events" / "2026-03.csv"
    before = path.read_bytes()
    again = EventLog(tmp_path / "log", home)
    assert again.last_window == 2
    fill(again, [COOKING] * 8)
    assert path.read_bytes() == before
    fill(again, [COOKING] * 12)
    assert [int(row["event"]) for row in csv.DictReader(path.open())] == list(range(1, 13))


@pytest.mark.parametrize(
    "end", [b"2026-03-02T08:00:", b'2026-03-02T08:00:05.250,s1,"o', "2026-03-02T08:00:05.250,ä".encode()[:-1]]
)
def test_a_line_that_was_torn_by_a_loss_of_power_is_written_again(tmp_path, home, end):
    fill(EventLog(tmp_path / "log", home), [COOKING] * 4)
    path = tmp_path / "log" / "events" / "2026-03.csv"
    path.write_bytes(path.read_bytes() + end)
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING] * 8)
    log.correct(json.dumps({"label": EATING, "from": "2026-03-02T00:00:00"}).encode(), NOW)
    assert load(tmp_path / "log", tmp_path)["activity"].tolist() == [EATING] * 8


def test_a_correction_that_was_torn_costs_no_other(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING] * 4)
    log.correct(b"EATING", NOW)
    path = tmp_path / "log" / "corrections.jsonl"
    path.write_bytes(path.read_bytes() + b'{"received": "20')
    (tmp_path / "log" / "labels.csv").unlink()  # as if the loss of power had come before it was written
    EventLog(tmp_path / "log", home)
    assert load(tmp_path / "log", tmp_path)["activity"].tolist() == [EATING] * 4


def test_events_have_a_file_for_each_month(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING] * 4, day=31)
    events = [labelled_event(5, COOKING, time="2026-03-31T23:59:59.5"), labelled_event(6, time="2026-04-01T00:00:01")]
    log.add(answered_window(*events, number=2))
    assert [path.name for path in sorted((tmp_path / "log" / "events").iterdir())] == ["2026-03.csv", "2026-04.csv"]
    log.correct(b"EATING", NOW)  # means both events of the last window, also that of the month before
    log.correct(json.dumps({"label": DRINKING, "event": 1}).encode(), NOW)
    assert load(tmp_path / "log", tmp_path)["activity"].tolist() == [DRINKING, EATING, EATING]


def test_a_log_opens_with_a_file_that_has_names_alone(tmp_path, home):
    fill(EventLog(tmp_path / "log", home), [COOKING] * 4, day=1)
    (tmp_path / "log" / "events" / "2026-04.csv").write_text("time,sensor,state,event,window,answer,confidence\n")
    assert EventLog(tmp_path / "log", home).last_window == 1


def test_events_of_one_time_have_labels_of_their_own(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    events = [labelled_event(number, COOKING, time="2026-03-02T08:00:00.1239") for number in range(1, 5)]
    log.add(answered_window(*events[:2], number=1))
    log = EventLog(tmp_path / "log", home)
    log.add(answered_window(*events[2:], number=2))
    for window, label in ((2, EATING), (1, DRINKING)):
        log.correct(json.dumps({"label": label, "window": window}).encode(), NOW)
    loaded = load(tmp_path / "log", tmp_path)
    assert loaded["activity"].tolist() == [DRINKING, DRINKING, EATING, EATING]
    assert loaded["time"].dt.microsecond.tolist() == [123_000, 124_000, 125_000, 126_000]


def test_times_of_a_clock_that_was_put_back_are_kept(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    times = ["2026-10-25T02:59:59", "2026-10-25T02:00:00", "2026-10-25T02:00:05"]
    log.add(answered_window(*(labelled_event(number, time=time) for number, time in enumerate(times, start=1))))
    rows = csv.DictReader((tmp_path / "log" / "events" / "2026-10.csv").open())
    assert [row["time"] for row in rows] == [f"{time}.000" for time in times]


def test_what_was_said_is_kept(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING, COOKING, EATING, EATING])
    log.correct(json.dumps({"label": DRINKING, "window": 1}).encode(), NOW)
    assert json.loads((tmp_path / "log" / "corrections.jsonl").read_text()) == {
        "received": "2026-03-02T09:00:00.000+00:00",
        "said": json.dumps({"label": DRINKING, "window": 1}),
        "events": [1, 4],
        "answers": [COOKING, EATING],
        "periods": [{"begin": "2026-03-02T08:00:01.250", "end": "2026-03-02T08:00:04.250", "label": DRINKING}],
    }


def test_a_correction_that_means_nothing_changes_nothing(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING] * 4)
    with pytest.raises(CorrectionError, match="no events of the log are meant"):
        log.correct(json.dumps({"label": EATING, "window": 9}).encode(), NOW)
    with pytest.raises(CorrectionError, match="unknown label 'x'"):
        log.correct(b"x", NOW)
    assert not (tmp_path / "log" / "corrections.jsonl").exists()


def test_a_file_that_somebody_changed_is_named(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING] * 4)
    path = tmp_path / "log" / "events" / "2026-03.csv"
    path.write_text(path.read_text().replace(",1,", ",one,"))
    with pytest.raises(CorrectionError, match=r"2026-03\.csv: a row of this file was changed"):
        log.correct(b"EATING", NOW)


def test_a_state_that_the_home_no_longer_has_is_written_in_words(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    log.add(answered_window(labelled_event(1, state="glowing"), labelled_event(2, sensor="gone")))
    rows = list(csv.DictReader((tmp_path / "log" / "events" / "2026-03.csv").open()))
    assert [(row["sensor"], row["state"]) for row in rows] == [("s1", "glowing"), ("gone", "turned ON")]


def test_threads_may_add_and_correct_at_once(tmp_path, home):
    log = EventLog(tmp_path / "log", home)
    fill(log, [COOKING] * 4)
    adding = threading.Thread(target=fill, args=(log, [COOKING] * 48))
    adding.start()
    for _ in range(20):
        log.correct(json.dumps({"label": EATING, "window": 1}).encode(), NOW)
    adding.join()
    assert log.last_window == 12
    assert load(tmp_path / "log", tmp_path)["activity"].tolist() == [EATING] * 4
