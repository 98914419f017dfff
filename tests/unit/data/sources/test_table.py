"""Tables of events as a home's yaml describes them: formats, clocks, labels, sessions, and no row lost."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
from hearth.data.events import check_events
from hearth.data.sources import table, tabular, times
from hearth.data.sources.registry import raw_files
from hearth.homes.home import Home, Sensor
from hearth.homes.raw_format import Intervals, Recording
from hypothesis import example, given, settings
from hypothesis import strategies as st

COLUMNS = {name: (name,) for name in ("time", "sensor", "state", "activity")}
HOME = Home(
    name="Flat",
    about="A flat for two.",
    timezone="Europe/Rome",
    rooms={"kitchen": "stove"},
    sensors={
        "E1": Sensor("kitchen", "stove", {"ON": "turned ON", "OFF": "turned OFF"}),
        "E2": Sensor("kitchen", "fan", {"ON": "turned ON"}),
    },
    labels=("cooking", "drinking water, coffee or drinks", "eating", "other"),
    rules=(),
    example={},
    transition="keep",
    recording=Recording(columns=COLUMNS),
)
HEADER = "time,sensor,state,activity"


def home(**changes):
    return replace(HOME, recording=replace(HOME.recording, **changes))


def columns(**more):
    return COLUMNS | {role: (names,) if isinstance(names, str) else names for role, names in more.items()}


def row(second=0, sensor="E1", state="ON", activity="cooking", day=3):
    return f"2024-02-{day:02d} 08:00:{second:02d},{sensor},{state},{activity}"


def write(path, *lines, header=HEADER, end="\n", encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in ([header] if header else []) + list(lines)).encode(encoding))
    return path


def load(root, chosen=HOME):
    found, report = table.read(root, chosen)
    check_events(found, chosen)
    assert report.loaded == len(found)
    assert report.rows == report.loaded + len(report.broken) + sum(report.skipped.values())
    return found, report


def test_a_row_is_an_event_in_words(tmp_path):
    write(tmp_path / "a.csv", row(1))
    assert load(tmp_path)[0].to_dict("records") == [
        {
            "session": "a",
            "event": 0,
            "time": datetime(2024, 2, 3, 8, 0, 1),
            "room": "kitchen",
            "sensor": "E1",
            "state": "turned ON",
            "description": "kitchen stove turned ON",
            "residents": [],
            "activity": "cooking",
        }
    ]


DRINKS = "drinking water, coffee or drinks"
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
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_events_from_a_file_and_from_a_folder(tmp_path, name):
    WRITERS[name](tmp_path / name)
    for root in (tmp_path, tmp_path / name):
        found, _ = load(root)
        assert found["description"].tolist() == ["kitchen stove turned ON", "kitchen fan turned ON"]
        assert found["activity"].tolist() == ["cooking", DRINKS]
        assert found["time"].tolist() == [pd.Timestamp(record["time"]) for record in RECORDS]
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
    found, _ = load(tmp_path, home(columns=columns(resident="who"), several="any"))
    assert found["time"].tolist() == [pd.Timestamp("2024-02-03 08:00:01")]
    assert found["alternatives"].tolist() == [["cooking", "eating"]]
    assert found["residents"].tolist() == [["A", "B"]]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso8601", "2024-02-03 08:00:01.228"),
        ("iso8601", "2024-02-03T07:00:01.228Z"),
        ("iso8601", "2024-02-03T09:00:01.228+02:00"),
        ("iso8601", "2024-02-03 02:00:01.2289-05"),
        ("seconds", "1706943601.228"),
        ("milliseconds", "1706943601228"),
        ("microseconds", "1706943601228000"),
        ("nanoseconds", "1706943601228000999"),
        ("%d.%m.%Y %H:%M:%S.%f", "03.02.2024 08:00:01.228"),
        ("%Y-%m-%d %H:%M:%S.%f %z", "2024-02-03 07:00:01.228 +0000"),
    ],
)
def test_a_time_is_shown_on_the_homes_clock(tmp_path, form, text):
    write(tmp_path / "a.csv", f"{text},E1,ON,cooking")
    found, _ = load(tmp_path, home(time_format=form))
    assert found["time"].tolist() == [pd.Timestamp("2024-02-03 08:00:01.228")]


def test_times_without_an_offset_may_be_on_another_clock_than_the_homes(tmp_path):
    write(tmp_path / "a.csv", row(1))
    assert load(tmp_path, home(time_zone="UTC"))[0]["time"].tolist() == [pd.Timestamp("2024-02-03 09:00:01")]


def test_date_and_time_may_be_two_columns(tmp_path):
    write(tmp_path / "a.csv", "03/02/2024,08:00:01,E1,ON,cooking", header="day,clock,sensor,state,activity")
    chosen = home(columns=columns(time=("day", "clock")), time_format="%d/%m/%Y %H:%M:%S")
    assert load(tmp_path, chosen)[0]["time"].tolist() == [pd.Timestamp("2024-02-03 08:00:01")]


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2024-02-30 08:00:00", "08:00:00 o'clock", "99999999999999999999", "1e9", "-", "nan", "NaT"],
)
@pytest.mark.parametrize("form", ["iso8601", "seconds", "%Y-%m-%d %H:%M:%S"])
def test_what_is_no_time_is_named_and_costs_no_other_row(tmp_path, form, text):
    good = {"seconds": "1706943601"}.get(form, "2024-02-03 08:00:01")
    write(tmp_path / "a.csv", f"{good},E1,ON,cooking", f"{text},E1,OFF,cooking")
    found, report = load(tmp_path, home(time_format=form))
    assert len(found) == 1
    assert [(problem.file, problem.line) for problem in report.broken] == [("a.csv", 3)]
    assert f"column time: {text!r} is no time in {form}" in report.broken[0].reason


def test_where_a_clock_is_set_back_its_second_pass_waits_for_the_first_to_end(tmp_path):
    ends = datetime(2024, 10, 27, 0, 30, tzinfo=UTC)  # 02:30 in summer time, half an hour before it ends
    texts = [f"{int(ends.timestamp()) + 1200 * n},E1,{'OFF' if n % 2 else 'ON'},cooking" for n in range(6)]
    write(tmp_path / "a.csv", *texts)
    found, report = load(tmp_path, home(time_format="seconds"))
    assert found["time"].dt.strftime("%H:%M").tolist() == ["02:30", "02:50", "02:50", "02:50", "02:50", "03:10"]
    assert report.notes[0].startswith("2 events lie in an hour that the clock of Europe/Rome shows twice")


def test_times_of_a_clock_in_an_hour_that_it_never_shows_are_noted(tmp_path):
    write(tmp_path / "a.csv", "2024-03-31 02:30:00,E1,ON,cooking", "2024-03-31 03:30:00,E1,OFF,cooking")
    found, report = load(tmp_path)
    assert found["time"].dt.strftime("%H:%M").tolist() == ["02:30", "03:30"]
    assert report.notes[0] == "1 events lie in an hour that the clock of Europe/Rome shows twice or never"


def test_labels_are_mapped_left_out_or_filled_in(tmp_path):
    rows = [row(n, activity=name) for n, name in enumerate(["Cook", "eating", "noise", ""])]
    write(tmp_path / "a.csv", *rows)
    names = {"Cook": "cooking", "noise": None}
    found, report = load(tmp_path, home(activities=names))
    assert found["activity"].tolist() == ["cooking", "eating"]
    assert report.skipped == {"no activity (unlabelled: drop)": 2}
    assert report.places == {"no activity (unlabelled: drop)": ["a.csv:4", "a.csv:5"]}
    assert load(tmp_path, home(activities=names, unlabelled="other"))[0]["activity"].tolist()[2:] == ["other"] * 2


@pytest.mark.parametrize(("several", "right"), [("first", None), ("any", [["eating", "cooking"], ["cooking"]])])
def test_several_activities_and_residents_of_a_cell_are_parted_by_the_separator(tmp_path, several, right):
    write(tmp_path / "a.csv", row(1, activity="eating|cooking|eating,B|A"), row(2) + ",", header=HEADER + ",who")
    found, report = load(tmp_path, home(columns=columns(resident="who"), separator="|", several=several))
    assert found["activity"].tolist() == ["eating", "cooking"]
    assert found["residents"].tolist() == [["A", "B"], []]
    assert (found["alternatives"].tolist() if right else None) == right
    assert report.notes[0].startswith("1 events have several annotations, 1 of them different activities")
    assert f"several: {several}" in report.notes[0]


def test_without_a_separator_a_label_is_whole(tmp_path):
    write(tmp_path / "a.csv", f'2024-02-03 08:00:00,E1,ON,"{DRINKS}"')
    assert load(tmp_path)[0]["activity"].tolist() == [DRINKS]


def test_each_of_several_columns_is_a_label(tmp_path):
    write(tmp_path / "a.csv", row(1) + ",eating", row(2, activity="") + ",eating", header=HEADER + ",second")
    found, _ = load(tmp_path, home(columns=columns(activity=("activity", "second")), several="any"))
    assert found["alternatives"].tolist() == [["cooking", "eating"], ["eating"]]


def with_intervals(who="", **changes):
    named = {"begin": "from", "end": "to", "activity": "what"} | ({"resident": who} if who else {})
    given = {role: names for role, names in COLUMNS.items() if role != "activity"} | changes.pop("columns", {})
    return home(columns=given, intervals=Intervals(("labels*.csv",), named), several="any", **changes)


def test_labels_may_be_intervals_in_a_file_of_their_own(tmp_path):
    write(
        tmp_path / "a.csv",
        *(f"2024-02-03 08:00:{s:02d},E1,{'ON' if s % 2 else 'OFF'}" for s in range(8)),
        header="time,sensor,state",
    )
    spans = ["01,05,cooking", "03,04,eating", "04,06,other", "06,06,eating"]
    texts = [
        ",".join([f"2024-02-03 08:00:{b}", f"2024-02-03 08:00:{e}", what])
        for b, e, what in (s.split(",") for s in spans)
    ]
    write(tmp_path / "labels.csv", *texts, header="from,to,what")
    found, report = load(tmp_path, with_intervals())
    assert found["alternatives"].tolist() == [
        *(["cooking"], ["cooking"], ["eating", "cooking"], ["other", "eating", "cooking"]),
        *(["other", "cooking"], ["eating", "other"]),
    ]
    assert report.skipped == {"no activity (unlabelled: drop)": 2}
    assert report.files == 2


def test_intervals_of_a_resident_label_that_residents_events(tmp_path):
    rows = ["A", "B", "", "C", "A|B"]
    write(
        tmp_path / "a.csv",
        *(f"2024-02-03 08:00:0{n},E1,ON,{who}" for n, who in enumerate(rows)),
        header="time,sensor,state,who",
    )
    day = "2024-02-03 08:00:00,2024-02-03 09:00:00"
    write(tmp_path / "labels.csv", f"{day},cooking,A", f"{day},eating,B", f"{day},other,", header="from,to,what,who")
    found, _ = load(tmp_path, with_intervals("who", columns={"resident": ("who",)}, separator="|"))
    assert [set(right) for right in found["alternatives"]] == [
        *({"cooking", "other"}, {"eating", "other"}, {"cooking", "eating", "other"}, {"other"}),
        {"cooking", "eating", "other"},
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2024-02-03 08:00:09,2024-02-03 08:00:01,eating", "it ends before it begins"),
        ("x,2024-02-03 08:00:01,eating", "column from: no time"),
        ("2024-02-03 08:00:01,,eating", "column to: no time"),
        ("2024-02-03 08:00:01", "1 cells"),
    ],
)
def test_a_broken_interval_is_named(tmp_path, line, reason):
    write(tmp_path / "a.csv", "2024-02-03 08:00:00,E1,ON", header="time,sensor,state")
    write(tmp_path / "labels.csv", "2024-02-03 08:00:00,2024-02-03 08:00:01,cooking", line, header="from,to,what")
    found, report = load(tmp_path, with_intervals())
    assert len(found) == 1
    assert [(problem.file, problem.line) for problem in report.broken] == [("labels.csv", 3)]
    assert reason in report.broken[0].reason


def test_a_row_with_begin_and_end_is_two_events(tmp_path):
    write(
        tmp_path / "a.csv",
        "2024-02-03 08:00:00,2024-02-03 08:00:10,E1,cooking",
        "2024-02-03 08:00:03,2024-02-03 08:00:05,E1,eating",
        "2024-02-03 08:00:03,2024-02-03 08:00:01,E1,eating",
        header="from,to,sensor,activity",
    )
    given = {"begin": ("from",), "end": ("to",), "sensor": ("sensor",), "activity": ("activity",)}
    found, report = load(tmp_path, home(columns=given))
    assert found["description"].str.split().str[-1].tolist() == ["ON", "ON", "OFF", "OFF"]
    assert found["activity"].tolist() == ["cooking", "eating", "eating", "cooking"]
    assert [problem.line for problem in report.broken] == [4]


def test_sessions_may_be_files_days_gaps_or_a_column(tmp_path):
    days = [f"2024-02-03 {clock}" for clock in ("08:00", "08:20", "09:00", "23:50")] + ["2024-02-04 00:10"]
    write(
        tmp_path / "b.csv",
        *(f"{day}:00,E1,ON,cooking,s{len(day) % 2}x{n % 2}" for n, day in enumerate(days)),
        header=HEADER + ",visit",
    )
    write(tmp_path / "a/c.csv", "2024-02-05 08:00:00,E1,ON,cooking,s9", header=HEADER + ",visit")
    found = {
        by: load(tmp_path, home(sessions=by, columns=columns(session="visit")))[0]["session"].astype(str).tolist()
        for by in ("file", "day", "gap", "column")
    }
    assert found == {
        "file": ["a-c", *["b"] * 5],
        "day": [*["2024-02-03"] * 4, "2024-02-04", "2024-02-05"],
        "gap": ["2024-02-03-1"] * 2 + ["2024-02-03-2"] + ["2024-02-03-3"] * 2 + ["2024-02-05-1"],
        "column": ["s0x0"] * 3 + ["s0x1"] * 2 + ["s9"],
    }


def test_a_row_without_a_session_is_named(tmp_path):
    write(tmp_path / "a.csv", row(1) + ",x", row(2) + ",", header=HEADER + ",visit")
    _, report = load(tmp_path, home(sessions="column", columns=columns(session="visit")))
    assert [str(problem) for problem in report.broken] == ["a.csv:3: column visit: no session"]


def test_two_files_that_would_be_one_session_are_refused(tmp_path):
    write(tmp_path / "a/b.csv", row(1))
    write(tmp_path / "a-b.csv", row(2))
    with pytest.raises(ValueError, match=r"a-b\.csv and a/b\.csv would both be session 'a-b'"):
        load(tmp_path)


def test_a_copy_of_a_file_and_an_equal_row_are_skipped_and_counted(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.csv", row(1), row(1), row(2))
    found, report = load(tmp_path)
    assert set(found["session"]) == {"a"}
    assert report.skipped == {"in a copy of a.csv": 3, "duplicate row": 1}


def test_a_header_may_be_given_and_a_delimiter_and_an_encoding(tmp_path):
    write(tmp_path / "a.csv", row(1).replace(",", ";"), header="", encoding="latin-1")
    write(tmp_path / "b.csv", row(2, activity="café").replace(",", ";"), header="", encoding="latin-1")
    chosen = home(delimiter=";", encoding="latin-1", header=tuple(HEADER.split(",")), activities={"café": "eating"})
    assert load(tmp_path, chosen)[0]["activity"].tolist() == ["cooking", "eating"]


def test_only_the_files_that_are_named_are_read(tmp_path):
    write(tmp_path / "events/a.csv", row(1))
    write(tmp_path / "rooms.csv", "x", header="room")
    assert len(load(tmp_path, home(files=("events/*.csv",)))[0]) == 1
    with pytest.raises(ValueError, match=r"rooms\.csv:1: no column 'time'.*files"):
        load(tmp_path)
    with pytest.raises(ValueError, match="leads out of the data's folder"):
        load(tmp_path, home(files=("../*.csv",)))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row(2, sensor="E11"), "unknown sensor 'E11'; did you mean 'E1'?"),
        (row(2, state="on"), "unknown state 'on' of sensor 'E1'; it has 'ON', 'OFF'"),
        (row(2, activity="coking"), "unknown activity 'coking'; did you mean 'cooking'?"),
        (row(2) + ",x", "5 cells, but the header has 4"),
        ("2024-02-03 08:00:02,E1", "2 cells"),
        (row(2, state='"ON'), "not CSV"),
        (row(2, state="O\0N"), "NUL"),
        (row(2, state="é").encode("latin-1"), "not utf-8 (byte 0xe9); convert the file, or name its encoding"),
        (row(2, state="x" * 20_000), "longer than"),
        (b"\xff\xfe\x00", "not utf-8"),
    ],
)
def test_a_broken_row_is_named_and_costs_no_other(tmp_path, line, reason):
    line = line if isinstance(line, bytes) else line.encode()
    (tmp_path / "a.csv").write_bytes(b"\n".join([HEADER.encode(), row(1).encode(), line, row(3).encode(), b""]))
    found, report = load(tmp_path)
    assert found["time"].dt.second.tolist() == [1, 3]
    [problem] = report.broken
    assert (problem.file, problem.line) == ("a.csv", 3)
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"PK\x03\x04\0\0", "no column 'time'|not text"),
        ("a.csv", HEADER.encode("utf-16"), "unreadable: not utf-8|not text"),
        ("a.csv", b"time,sensor,state,state,activity\n", "'state'; it is there more than once"),
        ("a.csv", b"time;sensor;state;activity\n", "no column 'time'.*delimiter"),
        ("a.parquet", b"PAR1 or not", "a.parquet: not a Parquet file"),
        ("a.parquet", b"", "a.parquet: not a Parquet file"),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path, name, data, message):
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
def test_a_broken_line_of_json_is_named(tmp_path, line, reason):
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([json.dumps(RECORDS[0]).encode(), line]))
    found, report = load(tmp_path)
    assert len(found) == 1
    assert report.broken[0].line == 2
    assert reason in report.broken[0].reason


def test_empty_files_and_folders_are_said(tmp_path):
    with pytest.raises(ValueError, match="no table of events here: expected"):
        load(tmp_path)
    write(tmp_path / "a.csv", row(1))
    (tmp_path / "b.csv").write_text("")
    write(tmp_path / "c.csv")
    _, report = load(tmp_path)
    assert report.notes[:2] == ["b.csv holds no rows", "c.csv holds no rows"]


def test_without_columns_it_says_what_is_missing(tmp_path):
    write(tmp_path / "a.csv", row(1))
    with pytest.raises(ValueError, match=r"home Flat: `recording\.columns` is missing"):
        load(tmp_path, replace(HOME, recording=Recording()))


def test_a_line_of_many_megabytes_is_one_broken_row(tmp_path, monkeypatch):
    monkeypatch.setattr(tabular, "BLOCK", 4096)
    write(tmp_path / "a.csv", row(1), "x" * 1_000_000, row(2), *(row(n % 60, day=1 + n // 60) for n in range(300, 900)))
    found, report = load(tmp_path)
    assert len(found) == 602
    assert [problem.line for problem in report.broken] == [3]


cell = st.one_of(
    st.sampled_from(["E1", "E2", "ON", "OFF", "cooking", "eating", "", '"ON"', '"', '"a,b"', "\0", "é", "\r", " E1 "]),
    st.sampled_from(["2024-02-03 08:00:01", "2024-02-03T07:00:00Z", "2024-13-01", "0"]),
    st.text(max_size=4),
)
good_line = st.builds(row, st.integers(0, 59), st.sampled_from(["E1", "E2", "E9"]), st.sampled_from(["ON", "OFF"]))
line = st.one_of(good_line, good_line, st.lists(cell, max_size=6).map(",".join)).map(lambda text: text.encode())
content = st.lists(st.one_of(line, line, line, st.binary(max_size=8)), max_size=10).map(b"\n".join)


@settings(max_examples=50)
@given(content, st.sampled_from(["file", "day", "gap"]), st.sampled_from(["first", "any"]), st.integers(40, 400))
def test_whatever_a_table_holds_every_row_is_accounted_for(tmp_path_factory, content, by, several, block):
    root = tmp_path_factory.mktemp("table")
    (root / "a.csv").write_bytes(HEADER.encode() + b"\n" + content)
    write(root / "b.csv", row(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tabular, "BLOCK", block)
        found, report = load(root, home(sessions=by, several=several, separator="|"))
    assert len(found) >= 1
    assert all(2 <= problem.line <= content.count(b"\n") + 2 for problem in report.broken)


@settings(max_examples=80)
@given(st.lists(st.lists(cell, min_size=4, max_size=4), min_size=1, max_size=6), st.sampled_from([b"\n", b"\r\n"]))
@example([["", "", "", ""]], b"\n")
def test_pandas_and_the_reader_of_single_records_read_the_same(rows, end):
    block = b"".join(",".join(cells).encode() + end for cells in rows)
    names = HEADER.split(",")
    plain = tabular._parse_plain(block, names, 7, ",", "utf-8")
    if plain:
        slow = tabular._parse_record_by_record(block, names, 7, ",", "utf-8")
        stripped = plain.cells.apply(lambda column: column.str.strip())
        assert stripped.to_dict("list") == slow.cells.to_dict("list")
        assert plain.lines.tolist() == slow.lines.tolist()
        assert slow.faults == []


@settings(max_examples=100)
@given(st.datetimes(datetime(1975, 1, 1), datetime(2037, 1, 1)))
def test_milliseconds_of_every_form_of_a_time_are_equal(moment):
    moment = moment.replace(tzinfo=UTC)
    ms = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution * 1000)
    micro = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // datetime.resolution
    forms = {
        "milliseconds": str(ms),
        "microseconds": str(micro),
        "seconds": f"{micro // 10**6}.{micro % 10**6:06d}",
        "iso8601": moment.isoformat(),
        "%Y%m%d %H%M%S.%f%z": moment.strftime("%Y%m%d %H%M%S.%f+0000"),
    }
    for form, text in forms.items():
        found, good, utc = times.parse_times(pd.Series([text], dtype=str), form, "")
        assert (found.tolist(), good.all(), utc.all()) == ([ms], True, True), form
