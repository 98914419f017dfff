"""Test that recorded events are found in a home's example: equal ones, and a copy that was moved in time."""

import dataclasses
import os
from datetime import datetime, timedelta
from pathlib import Path

import load_dataset
import numpy as np
import pandas as pd
import pytest
import yaml
from config_factories import replace_at, write_yaml
from event_factories import FLAT
from hearth.common import cli
from hearth.data.event_files import read_events
from hearth.data.events import event_table
from hearth.data.example_leaks import clock_text, find_free_time, find_moved_copy, find_recorded_rows
from hearth.homes.home import load_home
from repository import REPOSITORY

SHARED = Path(os.environ.get("HEARTH_SHARED", REPOSITORY.parent / "shared")) / "data"
HOMES = REPOSITORY / "config/homes"
REAL = {
    "marble": ("marble", SHARED / "marble_more/dataset"),
    "mural": ("mural", SHARED / "mural_part"),
    "casas-kyoto": ("casas", SHARED / "casas_kyoto_adlmr"),
}


def recording(*events, start="2024-01-02 08:00:00", session="s-1"):
    """Return the events of a session of FLAT; each is a triple of seconds after `start`, sensor and state."""
    rows = []
    for seconds, sensor, state in events:
        room, words, description = FLAT.describe(sensor, state)
        time = datetime.fromisoformat(start) + timedelta(seconds=seconds)
        row = {"session": session, "time": time, "room": room, "sensor": sensor, "state": words}
        rows.append({**row, "description": description, "residents": [], "activity": "COOKING"})
    return event_table(rows)


def flat(*events):
    """Return FLAT with an example; each of `events` is a triple of time, sensor and state."""
    rows = [{"time": time, "sensor": sensor, "state": state, "label": "COOKING"} for time, sensor, state in events]
    return dataclasses.replace(FLAT, example={"reasoning": "Someone cooks.", "events": rows})


def test_a_recorded_event_is_named_with_a_time_that_is_free():
    events = recording((0, "S1", "ON"), (61.9, "E1", "ON"), (70, "E1", "OFF"))
    messages = find_recorded_rows(events, flat(("08:00:30", "E1", "ON"), ("08:01:01", "E1", "ON")))
    assert (
        messages[0]
        == "example.events.1: 08:01:01 'kitchen stove turned ON' is event 1 of session s-1, labelled 'COOKING'"
    )
    # Ten minutes earlier: later, the first event would be as far away after ten minutes and a half.
    assert "(from 07:50:30 on, nothing like them is recorded)" in messages[1]
    assert len(messages) == 2


@pytest.mark.parametrize(
    "example",
    [
        [("08:01:00", "E1", "ON"), ("08:01:02", "E1", "ON")],  # other seconds
        [("08:01:01", "E1", "OFF"), ("08:01:01", "S1", "ON")],  # another state, another sensor
        [("20:01:01", "E1", "ON"), ("20:01:02", "E1", "OFF")],  # another half of the day
    ],
)
def test_events_that_differ_in_time_sensor_or_state_are_no_recorded_ones(example):
    events = recording((0, "S1", "ON"), (61.9, "E1", "ON"), (70, "E1", "OFF"))
    assert find_recorded_rows(events, flat(*example)) == []


def test_the_first_of_several_equal_events_is_named():
    days = [recording((5, "E1", "ON"), start=f"2024-01-0{day} 08:00:00", session=f"day{day}") for day in (2, 3)]
    events = pd.concat(days)
    [message, _] = find_recorded_rows(events, flat(("08:00:05", "E1", "ON"), ("08:00:09", "S1", "ON")))
    assert "is event 0 of session day2" in message


def test_an_example_is_accepted_where_every_second_of_the_day_is_recorded():
    events = recording(*((second, "E1", "ON") for second in range(86_400)))
    assert find_recorded_rows(events, flat(("08:00:05", "E1", "ON"), ("08:00:09", "S1", "ON"))) == []


def test_the_free_time_is_the_nearest_at_which_all_events_are_clear():
    recorded = {"a": np.arange(0, 43_200), "b": np.array([45_000])}
    assert find_free_time(np.array([100, 103]), ["a", "b"], recorded) == 43_199 + 600
    assert find_free_time(np.array([100, 103]), ["b", "b"], recorded) == 100
    assert find_free_time(np.array([86_399]), ["a"], {"a": np.array([], dtype=int)}) == 86_399
    assert clock_text(43_799) == "12:09:59"


def test_a_free_time_may_be_near_recorded_events_if_there_is_no_better_one():
    every_minute = np.arange(0, 86_460, 60)
    assert find_free_time(np.array([120]), ["a"], {"a": every_minute}) == 90
    assert find_free_time(np.array([120]), ["a"], {"a": np.arange(0, 86_400)}) is None


COPY = [("14:30:00", "S1", "ON"), ("14:30:09", "E1", "ON"), ("14:30:20", "E1", "OFF"), ("14:30:21", "S1", "ON")]


def test_a_copy_that_was_moved_in_time_is_found():
    other = recording((0, "E1", "ON"), (3, "E1", "OFF"))
    copied = recording(
        (7, "E1", "ON"), (100, "S1", "ON"), (109, "E1", "ON"), (120.4, "E1", "OFF"), (122, "S1", "ON"), session="s-2"
    )
    events = pd.concat([other, copied])
    [warning] = find_moved_copy(events, flat(*COPY))
    assert "from event 1 of session s-2 on" in warning
    assert find_moved_copy(other, flat(*COPY)) == []
    assert find_moved_copy(events[events["event"] != 3], flat(*COPY)) == []
    assert find_moved_copy(events, flat(*COPY[:3])) == []


def test_events_of_two_sessions_are_no_copy():
    halves = [
        recording((0, "S1", "ON"), (9, "E1", "ON")),
        recording((20, "E1", "OFF"), (21, "S1", "ON"), session="s-2"),
    ]
    assert find_moved_copy(pd.concat(halves), flat(*COPY)) == []


TABLE = ["time,sensor,state,activity", "2024-01-02 08:00:00,s1,ON,COOKING", "2024-01-03 08:30:00,s1,ON,EATING"]


def load(home, folder, *options):
    arguments = [
        "--source",
        "table",
        "--root",
        folder,
        "--home",
        home,
        "--max-broken-share",
        "0",
        "--max-broken-label-share",
        "0",
        *options,
    ]
    arguments += ["--events", folder.parent / "events.parquet", "--card", folder.parent / "card.md"]
    cli.run(lambda: load_dataset.main([str(argument) for argument in arguments]))


@pytest.fixture
def table(tmp_path):
    """Return a folder with a table, and a yaml of its home whose example is its first event."""
    write_yaml(tmp_path / "data/log.csv", "\n".join(TABLE) + "\n")
    home = yaml.safe_load((HOMES / "TEMPLATE.yaml").read_text(encoding="utf-8"))
    home |= {"sensors": {"s1": {"room": "kitchen", "words": "stove", "states": {"ON": "turned ON"}}}}
    home |= {"labels": ["COOKING", "EATING"], "rules": ["A stove is for COOKING."]}
    del home["aliases"], home["common_labels"], home["entities"]
    event = {"sensor": "s1", "state": "ON", "label": "COOKING"}
    home["example"]["events"] = [{"time": "07:58:00", **event}, {"time": "08:00:00", **event}]
    home["recording"] = {"columns": {name: name for name in ("time", "sensor", "state", "activity")}}
    return tmp_path / "data", home


def test_loading_refuses_a_recorded_example_and_writes_nothing(table, tmp_path, capsys):
    folder, home = table
    with pytest.raises(SystemExit, match="1"):
        load(write_yaml(tmp_path / "home.yaml", home), folder)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith(
        "home.yaml: example.events.1: 08:00:00 'kitchen stove turned ON' is event 0 of session log, labelled 'COOKING'"
    )
    assert "an example has to be invented" in lines[1]
    with pytest.raises(SystemExit, match="1"):
        load(tmp_path / "home.yaml", folder, "--home-name", "flat/rec.yaml")
    assert capsys.readouterr().err.startswith("error: flat/rec.yaml: example.events.1: ")
    assert not (tmp_path / "events.parquet").exists()
    assert not (tmp_path / "card.md").exists()


def test_loading_warns_of_a_rule_that_one_event_may_have_taught(table, tmp_path, capsys):
    folder, home = table
    load(write_yaml(tmp_path / "home.yaml", replace_at(home, "example/events/1/time", "08:00:01")), folder)
    warning = "the rule 'A stove is for COOKING.' names kitchen stove turned ON and COOKING, of which the data hold 1 e"
    assert f"warning: {warning}" in capsys.readouterr().out
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert f"- {warning}" in card
    assert "| A stove is for COOKING. | not stated | 1 |" in card


def test_an_example_may_equal_a_simulated_event(table, tmp_path):
    folder, home = table
    load(write_yaml(tmp_path / "home.yaml", home), folder, "--simulated")
    assert len(read_events(tmp_path / "events.parquet")) == 2


@pytest.mark.parametrize("name", REAL)
def test_the_examples_of_shipped_homes_are_invented(name, tmp_path):
    source, root = REAL[name]
    if not root.is_dir():
        pytest.skip(f"no recording of {name} at {root}")
    home = HOMES / f"{name}.yaml"
    arguments = ["--source", source, "--root", root, "--home", home, "--max-broken-share", "0.02"]
    arguments += ["--max-broken-label-share", "0.02"]
    load_dataset.main([*map(str, arguments), "--events", str(tmp_path / "e.parquet"), "--card", str(tmp_path / "c.md")])
    events = read_events(tmp_path / "e.parquet")
    assert find_moved_copy(events, load_home(home)) == []
    descriptions = {
        load_home(home).describe(row["sensor"], row["state"]).description for row in load_home(home).example["events"]
    }
    assert descriptions <= set(events["description"])


@pytest.mark.parametrize("name", REAL)
def test_an_example_of_real_events_is_refused(name, tmp_path, capsys):
    source, root = REAL[name]
    if not root.is_dir():
        pytest.skip(f"no recording of {name} at {root}")
    home = yaml.safe_load((HOMES / f"{name}.yaml").read_text(encoding="utf-8"))
    events, _ = load_dataset.SOURCES[source].read(root, load_home(HOMES / f"{name}.yaml"))
    spelled = {}
    for sensor, spec in home["sensors"].items():
        for state, words in spec["states"].items():
            spelled.setdefault((sensor, words), state)
    copied = events[events["session"] == events["session"].iloc[0]].head(5)
    example = [
        {"time": f"{time:%H:%M:%S}", "sensor": sensor, "state": spelled[sensor, words], "label": label}
        for time, sensor, words, label in zip(
            *(copied[key] for key in ("time", "sensor", "state", "activity")), strict=True
        )
    ]
    file = write_yaml(tmp_path / "home.yaml", replace_at(home, "example/events", example))
    assert len(find_recorded_rows(events, load_home(file))) == 6
    moved = [{**row, "time": f"{(int(row['time'][:2]) + 5) % 24:02d}{row['time'][2:]}"} for row in example]
    file = write_yaml(tmp_path / "moved.yaml", replace_at(home, "example/events", moved))
    assert len(find_moved_copy(events, load_home(file))) == 1
