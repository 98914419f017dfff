"""Test the CASAS loader: three ways of labelling, the faults in the Kyoto data set's files, and no line lost."""

import os
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from hearth.data.events import check_events
from hearth.data.sources import casas, table
from hearth.homes.home import Home, Sensor, load_home
from hearth.homes.raw_format import Recording, TimeForm, parse_recording
from hearth.homes.recording_problems import recording_problems
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import REPOSITORY

REAL = Path(os.environ.get("HEARTH_SHARED", REPOSITORY.parent / "shared")) / "data" / "casas_kyoto_adlmr"
HOME = Home(
    name="Flat",
    about="A flat for two.",
    timezone="UTC",
    rooms={"hall": ""},
    sensors={
        "M1": Sensor("hall", "motion", {"ON": "detected", "OFF": "ended"}),
        "D1": Sensor("hall", "door", {"OPEN": "opened"}),
    },
    labels=("sleeping", "eating", "cooking", "other"),
    rules=(),
    example={},
    transition="keep",
    recording=Recording(
        several="any",
        activities={
            "1": "sleeping",
            "2": "eating",
            "3": "cooking",
            "R1_Sleep": "sleeping",
            "Sleep": "sleeping",
            "wake up": "other",
            "Nothing": None,
        },
    ),
)


def line(second, tail="", sensor="M1", state="ON", date="2009-02-03"):
    return f"{date}\t08:00:{second:09.6f}\t{sensor}\t{state} {tail}".rstrip()


def load(root, *lines, home=HOME, name="P01.txt", end="\n", last=""):
    root.mkdir(exist_ok=True)
    (root / name).write_bytes((end.join(lines) + last).encode())
    table, report = casas.read(root, home)
    check_events(table, home)
    assert report.loaded == len(table)
    assert report.rows == report.loaded + len(report.broken) + sum(report.skipped.values())
    return table, report


def labels(table):
    return table["alternatives"].tolist() if "alternatives" in table else [[one] for one in table["activity"]]


def test_an_event_is_in_words_with_who_did_it(tmp_path):
    table, _ = load(tmp_path, line(1.25, "2 1"))
    assert table.to_dict("records") == [
        {
            "session": "P01",
            "event": 0,
            "time": datetime(2009, 2, 3, 8, 0, 1, 250000),
            "room": "hall",
            "sensor": "M1",
            "state": "detected",
            "description": "hall motion detected",
            "residents": ["2"],
            "activity": "sleeping",
            "group_day": "2009-02-03",
        }
    ]


def test_two_pairs_give_both_residents_and_the_first_activity_as_gold(tmp_path):
    table, report = load(tmp_path, line(1, "2 1 1 3"), line(2, "1 2 2 2"), line(3, "1 1"))
    assert labels(table) == [["sleeping", "cooking"], ["eating"], ["sleeping"]]
    assert table["residents"].tolist() == [["1", "2"], ["1", "2"], ["1"]]
    [found] = [text for text in report.notes + report.warnings if "annotations" in text]
    assert found == (
        "2 events have several annotations, 1 of them different activities: any of them is accepted (several: any)"
    )
    assert report.several == 1


@pytest.mark.parametrize("keys", [frozenset(), frozenset({"several"})])
def test_several_first_accepts_one_activity_with_a_warning_unless_the_yaml_says_so(tmp_path, keys):
    home = replace(HOME, recording=replace(HOME.recording, several="first", keys=keys))
    table, report = load(tmp_path, line(1, "2 1 1 3"), home=home)
    assert "alternatives" not in table
    assert list(table["activity"]) == ["sleeping"]
    found = report.notes if keys else report.warnings
    assert "the first is accepted (several: first)" in found[0]


@pytest.mark.parametrize(
    ("begin", "end", "residents"),
    [
        ("Sleep begin", "Sleep end", []),
        ("R1_Sleep begin", "R1_Sleep end", ["R1"]),
        ("R1 Sleep begin", "R1 Sleep end", ["R1"]),
        ("Sleep Begin", "Sleep END", []),
    ],
)
def test_an_activity_lasts_from_its_begin_mark_to_its_end_mark(tmp_path, begin, end, residents):
    table, report = load(tmp_path, line(0), line(1, begin), line(2), line(3, end), line(4))
    assert list(table["activity"]) == ["sleeping"] * 3
    assert table["residents"].tolist() == [residents] * 3
    assert report.skipped == {"no activity (unlabelled: drop)": 2}
    assert report.places == {"no activity (unlabelled: drop)": ["P01.txt:1", "P01.txt:5"]}


@pytest.mark.parametrize(
    ("tail", "activity", "residents"),
    [
        ("wake up", "other", []),
        ("R1 wake up", "other", ["R1"]),
        ("r2 eating", "eating", ["r2"]),
        ("R1.Sleep", "sleeping", ["R1"]),
        ("R2_Sleep", "sleeping", ["R2"]),
        ("R2_wake up", "other", ["R2"]),
        ("r2.eating", "eating", ["r2"]),
        ("R1_eating R2_cooking", "eating", ["R1", "R2"]),
        ("R2 sleeping 2", "sleeping", ["R2"]),
        ("R1 eating R2 cooking", "eating", ["R1", "R2"]),
        ("7 eating", "eating", ["7"]),
    ],
)
def test_activities_may_have_several_words_after_a_resident(tmp_path, tail, activity, residents):
    names = HOME.recording.activities | {"R1.Sleep": "sleeping", "sleeping 2": "sleeping"}
    home = replace(HOME, recording=replace(HOME.recording, activities=names, several="first", keys={"several"}))
    table, report = load(tmp_path, line(1, tail), home=home)
    assert (table["activity"].tolist(), table["residents"].tolist()) == ([activity], [residents])
    assert (report.broken, report.warnings) == ([], [])


@pytest.mark.parametrize("name", ["R1 sleep", "Bed to toilet", "2 eat"])
def test_an_activity_that_the_home_names_is_read_as_a_whole(tmp_path, name):
    home = replace(HOME, recording=replace(HOME.recording, activities={name: "sleeping"}))
    table, _ = load(tmp_path, line(0, f"{name} begin"), line(1), line(2, f"{name} end"), line(3, name), home=home)
    assert table["activity"].tolist() == ["sleeping"] * 4


def test_an_unknown_activity_of_two_words_names_no_resident(tmp_path):
    table, report = load(tmp_path, line(1, "eating"), line(2, "Make Tea"))
    assert len(table) == 1
    assert report.broken[0].reason.startswith("unknown activity 'Make Tea'")


@pytest.mark.parametrize("gap", [",", " "])
def test_commas_may_separate_words_and_marks_may_be_assigned(tmp_path, gap):
    tails = ['Sleep="begin"', "Sleep", "", '"Sleep=""end"""', "eating", ""]
    rows = [f"2009-02-03{gap}08:00:0{n}.5,M1,ON{',' if tail else ''}{tail}" for n, tail in enumerate(tails)]
    table, report = load(tmp_path, *rows, name="hh101.csv")
    assert table["activity"].tolist() == ["sleeping"] * 4 + ["eating"]
    assert report.skipped == {"no activity (unlabelled: drop)": 1}
    assert not report.broken


def test_an_activity_with_commas_among_blanks_keeps_them(tmp_path):
    home = replace(HOME, recording=replace(HOME.recording, activities={"Cook, eat": "cooking"}))
    assert load(tmp_path, line(1, "Cook, eat"), home=home)[0]["activity"].tolist() == ["cooking"]


def test_times_may_have_a_zone_of_their_own(tmp_path):
    home = replace(HOME, timezone="Europe/Rome", recording=replace(HOME.recording, time=TimeForm(zone="UTC")))
    table, _ = load(tmp_path, line(1, "eating"), home=home)
    assert str(table["time"][0]) == "2009-02-03 09:00:01"


@pytest.mark.parametrize(
    ("words", "sensor"),
    [
        ("Kitchen Fridge ON Cook", "Kitchen Fridge"),
        ("Kitchen Fridge OPEN", "Kitchen Fridge"),
        ("M003\tKitchen\tKitchen\tON\tControl4-Motion\tCook", "M003"),
        ("M003 Kitchen Kitchen OFF Control4-Motion", "M003"),
    ],
)
def test_lines_with_columns_of_places_are_refused_with_settings_that_read_them(tmp_path, words, sensor):
    (tmp_path / "data").write_text(f"2012-07-18 12:54:45.12 {words}\n" * 3)
    with pytest.raises(ValueError, match=r"data:1: the state is word [56], not word 4.*`source: table`") as error:
        casas.read(tmp_path, HOME)
    recording = yaml.safe_load(str(error.value).partition("recording: ")[2])
    assert not list(recording_problems(recording, HOME.labels))
    states = {state: state for state in ("ON", "OFF", "OPEN")}
    home = replace(
        HOME,
        sensors={sensor: Sensor("hall", "motion", states)},
        recording=replace(parse_recording(recording), activities={"Cook": "cooking"}, unlabelled="other"),
    )
    events, report = table.read(tmp_path, home)
    assert set(events["activity"]) == {"cooking" if "Cook" in words else "other"}
    assert report.skipped == {"duplicate row": 2}


def test_of_overlapping_activities_the_last_begun_is_gold(tmp_path):
    marks = ["sleeping begin", "eating begin", "", "wake up begin", "wake up end", "eating end", "", "sleeping end"]
    table, _ = load(tmp_path, *(line(number, mark) for number, mark in enumerate(marks)))
    nap, meal, up = "sleeping", "eating", "other"
    assert labels(table) == [
        [nap],
        [meal, nap],
        [meal, nap],
        [up, meal, nap],
        [up, meal, nap],
        [meal, nap],
        [nap],
        [nap],
    ]


@pytest.mark.parametrize(("sessions", "expected"), [("day", ["sleeping"] * 4), ("file", ["sleeping"] * 2)])
def test_marks_in_two_files_are_a_pair_unless_each_file_is_a_session(tmp_path, sessions, expected):
    home = replace(HOME, recording=replace(HOME.recording, unlabelled="other", sessions=sessions))
    (tmp_path / "a.txt").write_text("2009-02-04 06:00:00 M1 ON\n2009-02-04 06:30:00 M1 OFF Sleep end\n")
    (tmp_path / "b.txt").write_text("2009-02-03 23:00:00 M1 ON Sleep begin\n2009-02-03 23:30:00 M1 OFF\n")
    table, report = casas.read(tmp_path, home)
    assert table["activity"].tolist() == expected
    assert report.skipped["its activity is in a broken label row"] == 4 - len(expected)
    hints = [text for text in report.warnings if text.startswith("1 activities begin in one file and end in the next")]
    assert len(hints) == (sessions == "file")


def test_unlabelled_events_may_get_a_label_and_activities_may_be_dropped(tmp_path):
    home = replace(HOME, recording=replace(HOME.recording, unlabelled="other"))
    assert list(load(tmp_path, line(1), line(2, "eating"), line(3, "Nothing"), home=home)[0]["activity"]) == [
        "other",
        "eating",
        "other",
    ]
    assert load(tmp_path, line(2, "eating"), line(3, "Nothing"))[1].skipped["no activity (unlabelled: drop)"] == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ON 2 13 1 13 1 13", "does not begin with `date time sensor state`"),
        (line(2, "2 13 1 13 1 13"), "'2 13 1 13 1 13' is neither one nor two pairs"),
        (line(2, " 211"), "unknown activity '211'; did you mean"),
        (line(2, "1"), None),
        ("Missing rest of the data", "does not begin with `date time sensor state`"),
        (line(2, "2 1 1"), "neither one nor two pairs"),
        (line(2, "begin"), "'begin' without an activity"),
        (line(2, "1 1", sensor="M2"), "unknown sensor 'M2'; did you mean 'M1'?"),
        (line(2, "1 1", state="OF"), "unknown state 'OF' of sensor 'M1'"),
        (line(2, "1 1", date="2009-02-30"), "is no date"),
        (line(2, "1 1", date="yesterday"), "'yesterday' is not a date"),
        ("2009-02-03\t25:00:00\tM1\tON 1 1", "does not begin with `date time sensor state`"),
        ("2009-02-03\t08:00:00\tM1", "does not begin with `date time sensor state`"),
        ("2009-02-03\t08:00:00\tM1\tON 1 \xff".encode("latin-1"), "not utf-8 (byte 0xff)"),
        ("x" * 20_000, "longer than"),
        ("\0" * 30, "does not begin with `date time sensor state`"),
    ],
)
def test_a_broken_line_is_reported_and_other_lines_are_kept(tmp_path, text, reason):
    text = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "P01.txt").write_bytes(b"\n".join([line(1, "1 1").encode(), text, line(3, "1 1").encode()]))
    table, report = casas.read(tmp_path, HOME)
    if reason is None:
        assert len(table) == 3
        return
    assert len(table) == 2
    [problem] = report.broken
    assert (problem.file, problem.line) == ("P01.txt", 2)
    assert reason in problem.reason


def test_a_damaged_date_is_taken_from_the_line_before_and_noted(tmp_path):
    table, report = load(tmp_path, line(1, "1 1"), line(2, "1 1", date="009-02-03"), line(3, "1 1", date="2009-02-3"))
    assert len(table) == 3
    assert report.notes[0] == "P01.txt:2: the damaged date '009-02-03' is replaced by 2009-02-03, as on the line before"
    _, report = load(tmp_path, line(1, "1 1", date="009-02-03"))
    assert "is not a date" in report.broken[0].reason


def test_blank_lines_are_counted_and_the_last_line_end_is_no_line(tmp_path):
    table, report = load(tmp_path, line(1, "1 1"), "", line(2, "1 1"), end="\r\n", last="\r\n")
    assert (len(table), report.rows, report.skipped) == (2, 3, {"blank line": 1})


def test_spaces_separate_words_as_tabs_do(tmp_path):
    assert len(load(tmp_path, line(1, "1 1").replace("\t", " "), line(2, "1\t1"))[0]) == 2


def test_a_copy_of_a_file_is_skipped(tmp_path):
    load(tmp_path, line(1, "1 1"), line(2, "1 1"))
    table, report = load(tmp_path, line(1, "1 1"), line(2, "1 1"), name="P02.txt")
    assert set(table["session"]) == {"P01"}
    assert report.skipped == {"in a copy of P01.txt": 2}


def test_equal_lines_are_one_event(tmp_path):
    table, report = load(tmp_path, line(1, "1 1"), line(1, "1 1"), line(1, "2 1"))
    assert len(table) == 2
    assert report.places == {"duplicate row": ["P01.txt:2"]}


def test_lines_out_of_order_are_sorted_and_noted(tmp_path):
    table, report = load(tmp_path, line(2, "1 1"), line(1, "1 2"))
    assert list(table["activity"]) == ["eating", "sleeping"]
    assert report.notes[0] == "P01.txt: 1 rows out of order of time, sorted"


def test_sensors_can_be_ignored_and_are_counted(tmp_path):
    home = replace(HOME, recording=replace(HOME.recording, ignored_sensors=("T*",)))
    table, report = load(tmp_path, line(1, "1 1"), line(2, "1 1", sensor="T001", state="21.5"), home=home)
    assert len(table) == 1
    assert report.skipped == {"sensor T001 (ignored_sensors)": 1}


def test_readmes_are_not_read_and_an_empty_file_is_noted(tmp_path):
    (tmp_path / "README.txt").write_text("words")
    (tmp_path / "P02.txt").write_text("")
    table, report = load(tmp_path, line(1, "1 1"))
    assert len(table) == 1
    assert "P02.txt holds no lines" in report.notes


def test_another_folder_is_refused_with_what_was_expected(tmp_path):
    for root in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match=r"no CASAS data here.*docs/datasets\.md"):
            casas.read(root, HOME)


word = st.sampled_from(["2009-02-03", "09-02-03", "08:00:01", "M1", "ON", "1", "2", "Sleep", "begin", "end", "", "\0"])
odd = st.one_of(
    st.lists(word, max_size=9).map(" ".join),
    st.builds(line, st.integers(0, 59), st.sampled_from(["1 1", "Sleep begin", "Sleep end", "", "9", "1 1 2 2"])),
).map(lambda text: text.encode())


@settings(max_examples=150)
@given(st.lists(st.one_of(odd, odd, odd, st.binary(max_size=9)), max_size=12).map(b"\n".join))
def test_whatever_a_file_holds_every_line_is_accounted_for(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("casas")
    (root / "P01.txt").write_bytes(content)
    try:
        table, report = casas.read(root, HOME)
    except ValueError as error:
        assert "not word 4" in str(error) or "no line has a label" in str(error)  # noqa: PT017
        return
    check_events(table, HOME)
    assert report.rows == content.count(b"\n") + (not content.endswith(b"\n") and bool(content))
    assert report.rows == len(table) + len(report.broken) + sum(report.skipped.values())


@pytest.mark.skipif(not REAL.is_dir(), reason=f"CASAS Kyoto is not at {REAL}")
def test_every_line_of_kyoto_is_an_event_or_reported():
    home = load_home(REPOSITORY / "config/homes/casas-kyoto.yaml")
    table, report = casas.read(REAL, home)
    check_events(table, home)
    texts = {path.name: path.read_text().split("\n") for path in sorted(REAL.glob("P*.txt"))}
    assert report.rows == sum(map(len, texts.values())) == 17_236
    assert len(table) == 17_229
    assert sorted(
        [f"{problem.file}:{problem.line}" for problem in report.broken]
        + [place for places in report.places.values() for place in places]
    ) == [*("P02.txt:1", "P04.txt:645", "P06.txt:452", "P09.txt:391", "P09.txt:392", "P19.txt:13", "P19.txt:18")]
    assert report.notes[0].startswith("P03.txt:265: the damaged date '008-11-11' is replaced")
    assert report.notes[1].startswith("2909 events have several annotations")
    assert (table["session"].nunique(), table["sensor"].nunique()) == (26, 37)
    assert Counter(table["session"]) == {
        Path(name).stem: sum(len(text.split()) in (6, 8) for text in lines) for name, lines in texts.items()
    }
    expected = Counter(
        home.recording.activities[words[at]]
        for lines in texts.values()
        for words in map(str.split, lines)
        if len(words) in (6, 8)
        for at in [5]
    )
    assert Counter(table["activity"]) == expected
