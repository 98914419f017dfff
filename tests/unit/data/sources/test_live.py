"""Test that lines of a table are read one by one."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from hearth.data.sources.live import LineReader
from hearth.homes.home import load_home
from hearth.homes.raw_format import FileForm, LabelRows, LineGroups, Wide
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


def lines_of(form, *lines):
    """Return the descriptions of the events in lines of CSV that are read one by one in the form `form`, and faults."""
    home = load_home(TEMPLATE)
    reader = LineReader(replace(home, recording=replace(home.recording, form=form)), "csv")
    read = [reader.read(line) for line in lines]
    events = [event["description"] for found, _ in read for event in found]
    return events, [fault for _, faults in read for fault in faults]


ROW = "2024-02-03T07:58:12{0}hall_pir{0}1{0}anna{0}\n"


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        (FileForm(delimiter=";"), [HEADER.replace(",", ";"), ROW.format(";")]),
        (FileForm(), ["sep=;\n", HEADER.replace(",", ";"), ROW.format(";")]),
        (FileForm(), ["\ufeff" + HEADER, ROW.format(",")]),
        (FileForm(), [HEADER, ROW.format(",").replace("\n", ",\r\n")]),
        (FileForm(comments=("#",)), ["# a logger\n", HEADER, "# noise\n", "\n", ROW.format(",")]),
        (FileForm(delimiter="tabs"), [HEADER.replace(",", "\t\t"), ROW.format("\t").replace("\t\n", "\t?\t\n")]),
        (FileForm(short_rows="fill"), [HEADER, "2024-02-03 07:58:12,hall_pir,1\n"]),
        (FileForm(header=("time", "device", "value")), ["2024-02-03 07:58:12,hall_pir,1\n"]),
    ],
)
def test_lines_are_read_in_the_form_of_the_files(form, lines):
    assert lines_of(form, *(line.encode() for line in lines)) == (["hall motion detected"], [])


def test_lines_in_an_8_bit_encoding_are_read_and_its_invalid_bytes_are_faults():
    header = HEADER.replace("device", "gerät").encode("cp1252")
    home = load_home(TEMPLATE)
    columns = home.recording.columns | {"sensor": ("gerät",)}
    recording = replace(home.recording, form=FileForm(encoding="cp1252"), columns=columns)
    reader = LineReader(replace(home, recording=recording), "csv")
    assert reader.read(header) == ([], [])
    assert len(reader.read(ROW.format(",").encode("cp1252"))[0]) == 1
    assert reader.read(b"\x81\n")[1][0].startswith("stdin:3: not cp1252 (byte 0x81)")


def test_lines_in_utf_16_cannot_be_read_live():
    with pytest.raises(ValueError, match="lines in utf-16 cannot be read one by one"):
        lines_of(FileForm(encoding="utf-16"))


def test_rows_across_lines_cannot_be_read_live():
    with pytest.raises(ValueError, match=r"rows are written across lines \(line_groups\)"):
        lines_of(FileForm(line_groups=LineGroups(("activity",), ("time", "device", "value"))))


def test_lines_above_a_table_are_read_live_as_no_rows():
    row = b"2024-02-03 07:58:12,hall_pir,1,anna,x"
    assert lines_of(FileForm(preamble=2), b"time: local", b"", HEADER.encode(), row) == (["hall motion detected"], [])


def test_joined_columns_ignored_states_and_label_rows_are_read_live_as_from_files():
    home = load_home(TEMPLATE)
    columns = {"time": ("time",), "sensor": ("place", "thing"), "state": ("value",)}
    recording = replace(
        home.recording,
        columns=columns,
        joiner="_",
        ignored_states=("unavailable",),
        label_rows=LabelRows("_label", "START:", "STOP:"),
    )
    lines = LineReader(replace(home, recording=recording), "jsonl")
    rows = [
        ("hall", "pir", "1"),
        ("hall", "pir", "unavailable"),
        ("", "label", "START:nap"),
        ("hall", "pir", "0"),
    ]
    read = [
        lines.read(json.dumps({"time": "2024-02-03 07:58:12", "place": a, "thing": b, "value": c}).encode())
        for a, b, c in rows
    ]
    assert [len(events) for events, _ in read] == [1, 0, 0, 1]
    assert not any(faults for _, faults in read)


def test_wide_tables_cannot_be_read_live():
    home = load_home(TEMPLATE)
    recording = replace(home.recording, columns={"activity": ("what",)}, wide=Wide(("M*",), "2024-02-03 00:00:00"))
    with pytest.raises(ValueError, match="rows of a wide table are states, not events"):
        LineReader(replace(home, recording=recording), "csv")


@pytest.mark.parametrize(("repeated_states", "expected"), [("keep", 5), ("skip", 3)])
def test_a_line_that_repeats_the_last_state_of_its_sensor_is_no_event_where_the_yaml_says_so(repeated_states, expected):
    home = load_home(TEMPLATE)
    lines = LineReader(replace(home, recording=replace(home.recording, repeated_states=repeated_states)), "jsonl")
    events = []
    for second, state in enumerate(["on", "on", "off", "off", "on"]):
        row = {"time": f"2024-02-03 07:00:0{second}", "device": "desk_lamp", "value": state}
        events += lines.read(json.dumps(row).encode())[0]
    assert len(events) == expected
