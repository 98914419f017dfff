"""Test that tables are read in every format, and that unreadable rows are reported."""

import json

import pandas as pd
import pytest
from hearth.data.sources import text_lines
from hearth.data.sources.registry import raw_files
from hearth.data.sources.tabular import read_blocks
from hearth.homes.raw_format import FileForm
from hypothesis import given, settings
from hypothesis import strategies as st
from table_factories import DRINKS, HEADER, HOME, columns_with, home_with, load, row, write_csv

RECORDS = [
    {"time": "2024-02-03T08:00:01", "sensor": "E1", "state": "ON", "activity": "cooking"},
    {"time": "2024-02-03T08:00:02", "sensor": "E2", "state": "ON", "activity": DRINKS},
]


def as_csv(path, delimiter=","):
    pd.DataFrame(RECORDS).to_csv(path, index=False, sep=delimiter)


WRITERS = {
    "a.csv": as_csv,
    "a.tsv": lambda path: as_csv(path, "\t"),
    "a.jsonl": lambda path: path.write_text("\n".join(map(json.dumps, RECORDS))),
    "a.ndjson": lambda path: path.write_text("\n\n".join(map(json.dumps, RECORDS)) + "\n"),
    "a.parquet": lambda path: pd.DataFrame(RECORDS).assign(extra=1).to_parquet(path),
    "A.CSV": as_csv,
    "a.Parquet": lambda path: pd.DataFrame(RECORDS).to_parquet(path),
    "a.json": lambda path: path.write_text(json.dumps(RECORDS, indent=1)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_events_from_a_file_and_from_a_folder(tmp_path, name):
    WRITERS[name](tmp_path / name)
    for root in (tmp_path, tmp_path / name):
        events, _ = load(root)
        assert events["description"].tolist() == ["kitchen stove turned ON", "kitchen fan turned ON"]
        assert events["activity"].tolist() == ["cooking", DRINKS]
        assert events["time"].tolist() == [pd.Timestamp(record["time"]) for record in RECORDS]
        assert raw_files("table", root, HOME) == [str(tmp_path / name)]


def test_parquet_may_have_types_of_its_own(tmp_path):
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(["2024-02-03T07:00:01Z"], utc=True),
            "sensor": pd.Categorical(["E1"]),
            "state": ["ON"],
            "activity": [["cooking", "eating"]],
            "who": [["B", "A"]],
        }
    )
    frame.to_parquet(tmp_path / "a.parquet")
    events, _ = load(tmp_path, home_with(columns=columns_with(resident="who"), several="any"))
    assert events["time"].tolist() == [pd.Timestamp("2024-02-03 08:00:01")]
    assert events["alternatives"].tolist() == [["cooking", "eating"]]
    assert events["residents"].tolist() == [["A", "B"]]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"PK\x03\x04\0\0", "no column 'time'|not text"),
        ("a.csv", HEADER.encode("utf-16-le"), r"a\.csv:1: not text, or in UTF-16 without a byte order mark"),
        ("a.csv", b"time,sensor,state,state,activity\n", "'state'; the header names it more than once"),
        ("a.csv", b"time;sensor;state;activity\n", "no column 'time'.*set `recording.delimiter: \";\"`"),
        ("a.csv", b"time\tsensor\tstate\tactivity\n", r"no column 'time'.*set `recording.delimiter: \"\\t\"`"),
        ("a.csv", b"time sensor  state activity\n", "no column 'time'.*set `recording.delimiter: blanks`"),
        (
            "a.csv",
            row(1).encode(),
            "the first line looks like a row, not like names: name the columns in `recording.header`",
        ),
        ("a.parquet", b"PAR1 or not", "a.parquet: not a Parquet file"),
        ("a.parquet", b"", "a.parquet: not a Parquet file"),
    ],
)
def test_a_file_of_another_format_is_named(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "a JSON list, not an object"),
        (b"{", "not JSON"),
        (b"[" * 50_000, "not JSON"),
        (b'{"time": "\xff"}', "not utf-8"),
        (b'{"time": 9' + b"9" * 5000 + b"}", "not JSON: Exceeds the limit"),
        (b"{}", "column time: '' is no time"),
        (b'{"time": null, "sensor": {"a": 1}, "state": true}', "column time: '' is no time"),
    ],
)
def test_a_broken_line_of_json_is_reported(tmp_path, line, reason):
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([json.dumps(RECORDS[0]).encode(), line]))
    events, report = load(tmp_path)
    assert len(events) == 1
    assert report.broken[0].line == 2
    assert reason in report.broken[0].reason


def test_a_line_of_many_megabytes_is_one_broken_row(tmp_path, monkeypatch):
    monkeypatch.setattr(text_lines, "BLOCK", 4096)
    write_csv(
        tmp_path / "a.csv",
        row(1),
        "x" * 1_000_000,
        row(2),
        *(row(n % 60, day=1 + n // 60) for n in range(300, 900)),
    )
    events, report = load(tmp_path)
    assert len(events) == 602
    assert [problem.line for problem in report.broken] == [3]


def test_a_history_of_home_assistant_becomes_events(tmp_path):
    history = [
        [
            {"entity_id": "E1", "state": "unavailable", "last_changed": "2024-02-03T07:00:00.5+00:00"},
            {"state": "ON", "last_changed": "2024-02-03T07:00:01+00:00"},
        ],
        [{"entity_id": "E2", "state": "ON", "last_changed": "2024-02-03T07:00:02+00:00"}],
    ]
    (tmp_path / "history.json").write_text(json.dumps(history))
    columns = {"time": ("last_changed",), "sensor": ("entity_id",), "state": ("state",)}
    chosen = home_with(columns=columns, format="home-assistant", unlabelled="other", ignored_states=("unavailable",))
    events, report = load(tmp_path, chosen)
    assert events["time"].dt.strftime("%H:%M:%S").tolist() == ["08:00:01", "08:00:02"]
    assert (report.rows, sum(report.skipped.values())) == (3, 1)


def test_items_of_openhab_in_a_file_each_become_events(tmp_path):
    for name, time in (("E1", 1706943601000), ("E2", 1706943602000)):
        item = {"name": name, "datapoints": "1", "data": [{"time": time, "state": "ON"}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(item))
    columns = {"time": ("time",), "sensor": ("name",), "state": ("state",)}
    chosen = home_with(
        columns=columns, format="openhab", time_format="milliseconds", unlabelled="other", sessions="day"
    )
    assert load(tmp_path, chosen)[0]["description"].tolist() == ["kitchen stove turned ON", "kitchen fan turned ON"]


def test_tables_of_influxdb_become_events(tmp_path):
    table = "#default,_result,,,\n,result,_time,_value,_measurement\n,,2024-02-03T07:00:0{0}Z,ON,E{0}\n\n"
    (tmp_path / "export.csv").write_text(table.format(1) + table.format(2))
    columns = {"time": ("_time",), "sensor": ("_measurement",), "state": ("_value",)}
    events, _ = load(tmp_path, home_with(columns=columns, format="influxdb", unlabelled="other"))
    assert events["description"].tolist() == ["kitchen stove turned ON", "kitchen fan turned ON"]


VALID = {
    "csv": b"sep=;\ntime;sensor\n2024-02-03 08:00:00;E1\n",
    "tsv": b"time\tsensor\n2024-02-03 08:00:00\tE1\n",
    "json-lines": b'{"time": "2024", "sensor": "E1"}\n{"time": 5}\n',
    "auto": b'[{"time": "2024", "sensor": ["E1"]}]',
    "home-assistant": b'{"E1": [{"s": "on", "lu": 1706943601.5}], "E2": []}',
    "openhab": b'{"name": "E1", "data": [{"time": 1706943601000, "state": "ON"}]}',
    "influxdb": b"#default,_result,,\n,result,time,sensor\n,,2024-02-03T08:00:00Z,E1\n\n,error,reference\n,x,1\n",
    "parquet": b"PAR1",
}
COLUMNS_OF = {"home-assistant": ["entity_id", "state"], "openhab": ["name", "time"]}


@settings(max_examples=300)
@given(st.data(), st.sampled_from(sorted(VALID)), st.sampled_from(["utf-8", "utf-16", "cp1252"]))
def test_whatever_a_file_holds_it_is_read_or_an_error_names_it(tmp_path_factory, data, form, encoding):
    content = VALID[form]
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(content)))
        inserted = data.draw(st.sampled_from([*b'\n"\xff\0[},\r', b"", b"null", b"1e999"]))
        inserted = inserted if isinstance(inserted, bytes) else bytes([inserted])
        content = content[:at] + inserted + content[at + data.draw(st.integers(0, 4)) :]
    path = tmp_path_factory.mktemp("t") / ("a.json" if form == "auto" else "a")
    path.write_bytes(content.decode("latin-1").encode("utf-16") if encoding == "utf-16" else content)
    columns = COLUMNS_OF.get(form, ["time", "sensor"])
    blocks, message = [], str(path)
    try:
        blocks = list(read_blocks(path, columns, FileForm(format=form, encoding=encoding)))
    except ValueError as error:
        message = str(error)
    assert str(path) in message
    for block in blocks:
        assert list(block.cells.columns) == columns
        assert len(block.cells) == len(block.lines)
        assert all(isinstance(cell, str) for cell in block.cells.to_numpy().ravel())
