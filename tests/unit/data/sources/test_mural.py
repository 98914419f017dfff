"""Test the MuRAL loader: sessions, midnight, several residents, labels with commas, and no row lost."""

import json
from datetime import datetime

import pytest
from hearth.data.events import check_events
from hearth.data.sources import mural
from hearth.homes.home import Home, Sensor, load_home
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import REPOSITORY

HOME = Home(
    name="Flat",
    about="A flat for two.",
    timezone="UTC",
    rooms={"kitchen": "fridge", "entrance": "main door"},
    sensors={
        "kitchen fridge door": Sensor("kitchen", "fridge door", {"OPENED": "OPENED", "CLOSED": "CLOSED"}),
        "main door": Sensor("entrance", "main door", {"OPENED": "OPENED", "CLOSED": "CLOSED"}),
    },
    labels=("others", "drinking water, coffee or drinks"),
    rules=(),
    example={},
    transition="keep",
)
ACTIVITIES = [
    {"id": 0, "name": "others", "description": ""},
    {"id": 14, "name": "drinking water, coffee or drinks", "description": "a, b"},
    {"id": 20, "name": "dancing", "description": "not a label of the home"},
]
HEADER = "uid,time,sensor,action,Subject,Description,activity"


def row(uid, time="07:22:45", sensor="main door", action="OPENED", subject="A", description="", activity="0"):
    return f"{uid},{time},{sensor},{action},{subject},{description},{activity}"


def session(root, lines, name="01", end="\n", encoding="utf-8"):
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / "data.csv").write_bytes("".join(line + end for line in [HEADER, *lines]).encode(encoding))
    (root / "activities.json").write_text(json.dumps(ACTIVITIES))


def load(root):
    table, report = mural.read(root, HOME)
    check_events(table, HOME)
    assert report.loaded == len(table)
    assert report.rows == report.loaded + len(report.broken) + sum(report.skipped.values())
    return table, report


def test_an_event_is_in_words_with_its_residents_and_exact_label(tmp_path):
    session(
        tmp_path, [row(0, sensor="kitchen fridge door", subject='"B, A"', description='"B, A: ""milk"""', activity=14)]
    )
    table, _ = load(tmp_path)
    assert table.to_dict("records") == [
        {
            "session": "01",
            "event": 0,
            "time": datetime(1970, 1, 1, 7, 22, 45),
            "room": "kitchen",
            "sensor": "kitchen fridge door",
            "state": "OPENED",
            "description": "kitchen fridge door OPENED",
            "residents": ["A", "B"],
            "activity": "drinking water, coffee or drinks",
        }
    ]


def test_annotations_without_an_event_are_skipped_and_counted(tmp_path):
    session(tmp_path, [row(0), row(1, sensor="", action="", description="A sits down"), row(2)])
    table, report = load(tmp_path)
    assert len(table) == 2
    assert report.skipped == {"annotation without sensor and action": 1}


@pytest.mark.parametrize(
    ("times", "loaded", "late"),
    [
        (["23:59:58", "00:00:01", "00:00:01"], ["01 23:59:58", "02 00:00:01", "02 00:00:01"], 0),
        (["13:00:00", "01:00:00"], ["01 01:00:00", "01 13:00:00"], 1),  # back by no more than half a day
        (["13:00:01", "01:00:00"], ["01 13:00:01", "02 01:00:00"], 0),
        (["01:00:00", "23:00:00", "22:59:58"], ["01 01:00:00", "01 22:59:58", "01 23:00:00"], 1),
        (
            ["23:59:58", "00:00:01", "23:59:59", "00:00:02"],
            ["01 23:59:58", "01 23:59:59", "02 00:00:01", "02 00:00:02"],
            1,
        ),
        (
            ["22:00:00", "01:00:00", "12:00:00", "23:00:00", "02:00:00"],
            ["01 22:00:00", "02 01:00:00", "02 12:00:00", "02 23:00:00", "03 02:00:00"],
            0,
        ),
    ],
)
def test_a_session_continues_after_midnight_and_rows_out_of_order_are_sorted(tmp_path, times, loaded, late):
    session(tmp_path, [row(uid, time) for uid, time in enumerate(times)])
    table, report = load(tmp_path)
    assert list(table["time"].dt.strftime("%d %H:%M:%S")) == loaded
    assert report.notes == ([f"01/data.csv: {late} rows out of order of time, sorted"] if late else [])


def test_events_of_one_second_keep_their_order(tmp_path):
    session(tmp_path, [row(0, "07:00:01"), row(1, "07:00:00", "kitchen fridge door"), row(2, "07:00:00")])
    assert list(load(tmp_path)[0]["sensor"]) == ["kitchen fridge door", "main door", "main door"]


def test_residents_may_be_empty_and_are_listed_once(tmp_path):
    session(tmp_path, [row(0, subject=""), row(1, subject='"B,A, B,"')])
    assert list(load(tmp_path)[0]["residents"]) == [[], ["A", "B"]]


@pytest.mark.parametrize(("end", "encoding"), [("\r\n", "utf-8"), ("\n", "utf-8-sig"), ("\r\n\r\n", "utf-8-sig")])
def test_line_ends_byte_order_mark_and_blank_lines_change_nothing(tmp_path, end, encoding):
    session(tmp_path, [row(0), row(1, description="thé")], end=end, encoding=encoding)
    table, report = load(tmp_path)
    assert (len(table), report.rows) == (2, 2)


def test_a_description_may_run_over_lines(tmp_path):
    session(tmp_path, [row(0, description='"one,\n\n2,three"'), row(1, sensor="cellar")])
    table, report = load(tmp_path)
    assert len(table) == 1
    assert report.broken[0].line == 5


def test_an_open_quote_consumes_no_good_row_even_if_a_later_quote_closes_it(tmp_path):
    session(tmp_path, ['0,07:22:45,main door,OPENED,A,"open', row(1), 'close",0', row(2)])
    table, report = load(tmp_path)
    assert len(table) == 2
    assert [problem.line for problem in report.broken] == [2, 4]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row(0), "uid 0 is already on line 2"),
        (row("0.0"), "uid 0 is already on line 2"),
        (row("x"), "uid 'x' is not a whole number"),
        (row("1.5"), "uid '1.5' is not a whole number"),
        (row(1, subject="nan", sensor="nan"), "unknown sensor 'nan'"),
        (row(1, activity="14.5"), "activity '14.5' is not an id"),
        (
            row(1, sensor="kitchen frigde door"),
            "unknown sensor 'kitchen frigde door'; did you mean 'kitchen fridge door'?",
        ),
        (row(1, sensor=""), "unknown sensor ''"),
        (row(1, action=""), "unknown state ''"),
        (row(1, action="turned ON"), "unknown state 'turned ON'"),
        (row(1, "24:00:00"), "time '24:00:00' is not HH:MM:SS"),
        (row(1, "7:22"), "is not HH:MM:SS"),
        (row(1, activity="5"), "activity '5' is not an id"),
        (row(1, activity=""), "activity '' is not an id"),
        (row(1, activity="9" * 5000), "is not an id"),
        (row(1, activity="20"), "activity 20 is 'dancing', not a label of the home Flat"),
        (row(1, subject="A, B"), "8 cells, but the header has 7"),
        (row(1, description='"never closed'), "not CSV"),
        (row(1, description="\0"), "NUL"),
        (row(1, description="x" * 1_000_000), "longer than"),
    ],
)
def test_a_broken_row_is_reported_and_other_rows_are_kept(tmp_path, line, reason):
    session(tmp_path, [row(0), line, row(2), row(3)])
    table, report = load(tmp_path)
    assert len(table) == 3
    [problem] = report.broken
    assert (problem.file, problem.line) == ("01/data.csv", 3)
    assert reason in problem.reason


def test_a_file_in_another_encoding_is_named_and_the_other_sessions_are_loaded(tmp_path):
    session(tmp_path, [row(0)], "10")
    session(tmp_path, [row(0)], "01", encoding="utf-16")
    table, report = load(tmp_path)
    assert list(table["session"]) == ["10"]
    assert {problem.file for problem in report.broken} == {"01/data.csv"}
    assert all("the file is not UTF-8" in problem.reason for problem in report.broken)


def test_a_byte_that_is_not_utf8_breaks_a_row_only_where_the_cell_is_read(tmp_path):
    lines = [row(0, description="thé"), row(1, subject="Zoé"), row(2)]
    session(tmp_path, lines, encoding="cp1252")
    table, report = load(tmp_path)
    assert list(table["residents"]) == [["A"], ["A"]]
    assert [str(problem) for problem in report.broken] == [
        "01/data.csv:3: column Subject: 'Zo\ufffd': the file is not UTF-8; convert it"
    ]


def test_forms_that_a_spreadsheet_or_pandas_gives_the_files_have_their_one_meaning(tmp_path):
    plain = [row(4, "07:22:45", activity=14), row(5, "07:23:00", sensor="", action="", subject="")]
    session(tmp_path / "plain", plain)
    written = [row("4.0", "7:22:45", activity="14.0"), row("5.0", "7:23:00", "nan", "nan", "nan", "nan", "nan")]
    session(tmp_path / "outer/inner", written)
    activities = [entry | {"id": float(entry["id"]), "name": f"{entry['name']} "} for entry in ACTIVITIES]
    (tmp_path / "outer/inner/activities.json").write_text(json.dumps(activities))
    (table, report), (expected, _) = load(tmp_path / "outer"), load(tmp_path / "plain")
    assert table.to_dict("records") == expected.to_dict("records")
    assert len(table) == 1
    assert report.skipped == {"annotation without sensor and action": 1}


def test_two_recordings_in_one_folder_are_refused(tmp_path):
    for name in ("one", "two"):
        session(tmp_path / name, [row(0)])
    with pytest.raises(ValueError, match="no MuRAL here"):
        mural.read(tmp_path, HOME)


def test_empty_sessions_are_noted_and_other_folders_are_not_read(tmp_path):
    session(tmp_path, [row(0)])
    session(tmp_path, [], "02")
    (tmp_path / "03").mkdir()
    session(tmp_path, [row(0)], "__MACOSX")
    table, report = load(tmp_path)
    assert list(table["session"]) == ["01"]
    assert report.notes == ["session 02 has no events", "session 03 has no data.csv"]


def test_another_folder_is_refused_with_what_was_expected_and_its_source(tmp_path):
    (tmp_path / "01").mkdir()
    for root in (tmp_path, tmp_path / "missing"):
        with pytest.raises(
            ValueError, match=f"{root.name}: no MuRAL here: expected activities.json.*https://mural.imag.fr/"
        ):
            mural.read(root, HOME)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"{}x",
        b'{"id": 1}',
        b"3",
        b'["a"]',
        b'[{"id": 1}]',
        b'[{"id": 1, "name": 2}]',
        b"[" * 99_999,
        b'[{"id": 1, "name": "a"}, {"id": "1", "name": "b"}]',
        b'[{"id": 1, "name": "a"}, {"id": 1.0, "name": "b"}]',
        b'[{"id": "one", "name": "a"}]',
    ],
)
def test_an_unreadable_list_of_activities_is_named(tmp_path, data):
    session(tmp_path, [row(0)])
    (tmp_path / "activities.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"activities\.json: "):
        mural.read(tmp_path, HOME)


def test_every_label_and_sensor_of_the_shipped_home_can_be_loaded(tmp_path):
    home = load_home(REPOSITORY / "config/homes/mural.yaml")
    pairs = [(sensor, state) for sensor, spec in home.sensors.items() for state in spec.states]
    session(
        tmp_path,
        [row(n, sensor=sensor, action=state, activity=n % len(home.labels)) for n, (sensor, state) in enumerate(pairs)],
    )
    (tmp_path / "activities.json").write_text(
        json.dumps([{"id": n, "name": name} for n, name in enumerate(home.labels)])
    )
    table, report = mural.read(tmp_path, home)
    check_events(table, home)
    assert not report.broken
    assert set(table["activity"]) == set(home.labels)


cell = st.one_of(
    st.sampled_from(
        ["0", "1", "00:00:01", "23:59:59", "main door", "OPENED", "A", '"A, B"', "14", "20", "", '"', "\0", "é"]
    ),
    st.text(max_size=5),
)
line = st.one_of(
    st.builds(
        row, st.integers(0, 9), st.sampled_from(["23:59:59", "00:00:00", "12:00:00", "x"]), activity=st.integers(13, 15)
    ),
    st.lists(cell, min_size=5, max_size=8).map(",".join),
).map(lambda text: text.encode("utf-8", "replace"))


@settings(max_examples=100)
@given(st.lists(st.one_of(line, line, line, st.binary(max_size=8)), max_size=10).map(b"\n".join))
def test_whatever_a_file_holds_every_row_is_accounted_for(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("mural")
    session(root, [row(0)])
    session(root, [], "02")
    with open(root / "02/data.csv", "ab") as data:
        data.write(content)
    table, report = load(root)
    assert table["session"].iloc[0] == "01"
    numbers = [problem.line for problem in report.broken]
    assert numbers == sorted(set(numbers))


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["good", "broken", "annotation", "open quote"]), max_size=12))
def test_good_rows_are_loaded_whatever_other_rows_hold(tmp_path_factory, kinds):
    root = tmp_path_factory.mktemp("mural")
    make = {
        "good": row,
        "broken": lambda uid: row(uid, activity="x"),
        "annotation": lambda uid: row(uid, sensor="", action=""),
        "open quote": lambda uid: row(uid, description='"open'),
    }
    session(root, [make[kind](uid) for uid, kind in enumerate(kinds)])
    table, report = load(root)
    assert len(table) == kinds.count("good")
    assert sum(report.skipped.values()) == kinds.count("annotation")
    assert [problem.line for problem in report.broken] == [
        line for line, kind in enumerate(kinds, start=2) if kind in ("broken", "open quote")
    ]
