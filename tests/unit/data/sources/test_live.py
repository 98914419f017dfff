"""Test that lines of a table are read one by one."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from hearth.data.sources.live import LineReader
from hearth.homes.home import load_home
from repository import REPOSITORY

TEMPLATE = REPOSITORY / "config" / "homes" / "TEMPLATE.yaml"
HEADER = "time,device,value,person,activity\n"


def test_lines_of_csv_are_read_and_broken_ones_are_reported():
    lines = LineReader(load_home(TEMPLATE), "csv")
    assert lines.read(HEADER.encode()) == ([], [])
    (event,), faults = lines.read(b"2024-02-03 07:58:12,hall_pir,1,anna,unheard-of\n")
    assert not faults
    assert event["description"] == "hall motion detected"
    assert (event["session"], event["time"]) == ("2024-02-03", pd.Timestamp("2024-02-03 07:58:12"))
    for line, message in (
        (b"2024-02-03 07:58:12,hall_pri,1,,\n", "stdin:3: unknown sensor 'hall_pri'; did you mean hall_pir"),
        (b"noon,hall_pir,1,,\n", "stdin:4: column time: 'noon' is no time"),
        (b"2024-02-03 07:58:12,hall_pir\n", "stdin:5: "),
        (b"\xff\n", "stdin:6: "),
    ):
        events, (fault,) = lines.read(line)
        assert events == []
        assert fault.startswith(message.partition("; did")[0])


def test_lines_of_json_are_read():
    lines = LineReader(load_home(TEMPLATE), "jsonl")
    (event,), _ = lines.read(b'{"time": "2024-02-03 07:58:12", "device": "desk_lamp", "value": "on"}\n')
    assert event["description"] == "bedroom desk lamp turned ON"
    assert lines.read(b"{\n")[1][0].startswith("stdin:2: not JSON")
    assert lines.read(b"\n") == ([], [])


def test_a_pause_ends_a_session_by_gap():
    home = load_home(TEMPLATE)
    home = replace(home, recording=replace(home.recording, sessions="gap", gap_minutes=10))
    lines = LineReader(home, "jsonl")
    sessions = []
    for clock in ("07:00:00", "07:10:00", "07:20:01"):
        row = {"time": f"2024-02-03 {clock}", "device": "desk_lamp", "value": "on"}
        sessions += [each["session"] for each in lines.read(json.dumps(row).encode())[0]]
    assert sessions == ["1", "1", "2"]


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match="stdin:1: no column 'device'"):
        LineReader(load_home(TEMPLATE), "csv").read(b"time,sensor,value\n")


def test_rows_that_are_intervals_cannot_be_read_live():
    home = load_home(TEMPLATE)
    columns = {"begin": ("from",), "end": ("to",), "sensor": ("device",)}
    with pytest.raises(ValueError, match="arrive only at their end"):
        LineReader(replace(home, recording=replace(home.recording, columns=columns)), "csv")
