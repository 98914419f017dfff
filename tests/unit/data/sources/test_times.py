"""Test that times as raw files write them become times on the home's clock."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
from hearth.data.sources import times
from hypothesis import given, settings
from hypothesis import strategies as st
from table_factories import columns_with, home_with, load, row, write_csv


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso8601", "2024-02-03 08:00:01.228"),
        ("iso8601", "2024-02-03T07:00:01.228Z"),
        ("iso8601", "2024-02-03T09:00:01.228+02:00"),
        ("iso8601", "2024-02-03 02:00:01.2289-05"),
        ("iso8601", "20240203T070001.228Z"),
        ("iso8601", "20240203 090001.228+0200"),
        ("iso8601", "2024-02-03 07:00:01.228 +00"),
        ("iso8601", "2024-02-03T08:00:01.228+1"),
        ("iso8601", '"2024-02-03 07:00:01,228 UTC"'),
        ("iso8601", "2024-02-03 07:00:01.228 GMT"),
        ("iso8601", "2024-02-03t07:00:01.228z"),
        ("iso8601", '"2024-02-03 08:00:01,228"'),
        ("iso8601", "2024/2/3 8:00:01.228"),
        ("iso8601", "2024-02-03 08:00:01.228 AM"),
        ("iso8601", "2024-02-03 8:00:01.228a.m."),
        ("seconds", "1706943601.228"),
        ("seconds", '"1706943601,228"'),
        ("%Y-%m-%d %I:%M:%S.%f %p", "2024-02-03 08:00:01.228 AM"),
        ("milliseconds", "1706943601228"),
        ("microseconds", "1706943601228000"),
        ("nanoseconds", "1706943601228000999"),
        ("%d.%m.%Y %H:%M:%S.%f", "03.02.2024 08:00:01.228"),
        ("%Y-%m-%d %H:%M:%S.%f %z", "2024-02-03 07:00:01.228 +0000"),
    ],
)
def test_a_time_is_shown_on_the_homes_clock(tmp_path, form, text):
    write_csv(tmp_path / "a.csv", f"{text},E1,ON,cooking")
    events, _ = load(tmp_path, home_with(time_format=form))
    assert events["time"].tolist() == [pd.Timestamp("2024-02-03 08:00:01.228")]


def test_times_without_an_offset_may_be_on_another_clock_than_the_homes(tmp_path):
    write_csv(tmp_path / "a.csv", row(1))
    assert load(tmp_path, home_with(time_zone="UTC"))[0]["time"].tolist() == [pd.Timestamp("2024-02-03 09:00:01")]


def test_date_and_time_may_be_two_columns(tmp_path):
    write_csv(tmp_path / "a.csv", "03/02/2024,08:00:01,E1,ON,cooking", header="day,clock,sensor,state,activity")
    chosen = home_with(columns=columns_with(time=("day", "clock")), time_format="%d/%m/%Y %H:%M:%S")
    assert load(tmp_path, chosen)[0]["time"].tolist() == [pd.Timestamp("2024-02-03 08:00:01")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-02-03",
        "2024-02-30 08:00:00",
        "08:00:00 o'clock",
        "2024-02-03 20:00:00 PM x",
        "99999999999999999999",
        "1e9",
        "-",
        "nan",
        "NaT",
    ],
)
@pytest.mark.parametrize("form", ["iso8601", "seconds", "%Y-%m-%d %H:%M:%S"])
def test_an_unreadable_time_is_reported_and_other_rows_are_kept(tmp_path, form, text):
    good = {"seconds": "1706943601"}.get(form, "2024-02-03 08:00:01")
    write_csv(tmp_path / "a.csv", f"{good},E1,ON,cooking", f"{text},E1,OFF,cooking")
    events, report = load(tmp_path, home_with(time_format=form))
    assert len(events) == 1
    assert [(problem.file, problem.line) for problem in report.broken] == [("a.csv", 3)]
    assert f"column time: {text!r} is no time in {form}" in report.broken[0].reason


def test_events_in_the_second_pass_of_an_hour_have_the_time_at_which_the_first_ended(tmp_path):
    ends = datetime(2024, 10, 27, 0, 30, tzinfo=UTC)  # 02:30 in summer time, half an hour before it ends
    texts = [f"{int(ends.timestamp()) + 1200 * n},E1,{'OFF' if n % 2 else 'ON'},cooking" for n in range(6)]
    write_csv(tmp_path / "a.csv", *texts)
    events, report = load(tmp_path, home_with(time_format="seconds"))
    assert events["time"].dt.strftime("%H:%M").tolist() == ["02:30", "02:50", "02:50", "02:50", "02:50", "03:10"]
    assert report.notes[0].startswith("2 events lie in an hour that the clock of Europe/Rome shows twice")


@pytest.mark.parametrize("state", ["ON", "OFF"])
def test_the_order_of_rows_tells_the_passes_of_an_hour_on_the_home_s_clock(tmp_path, state):
    clock = ["01:50:00", "02:20:00", "02:50:00", "02:10:00", "02:40:00", "03:10:00"]
    texts = [f"2024-10-27 {time},E1,{state},{what}" for time, what in zip(clock, "abcdef", strict=True)]
    write_csv(tmp_path / "a.csv", *texts)
    write_csv(tmp_path / "b.csv", "2024-10-27 02:30:00,E2,ON,cooking")
    home = replace(home_with(), labels=(*"abcdef", "cooking"))
    events, report = load(tmp_path, home)
    events = events[events["sensor"] == "E1"]
    assert events["activity"].tolist() == list("abcdef")
    assert events["time"].dt.strftime("%H:%M").tolist() == ["01:50", "02:20", "02:50", "02:50", "02:50", "03:10"]
    assert report.notes[0].startswith("2 events lie in an hour that the clock of Europe/Rome shows twice: they are in")
    assert report.warnings == []


@pytest.mark.parametrize(
    "clock",
    [
        ["02:20", "02:50", "02:10", "02:40", "02:00", "03:10"],  # back twice
        ["02:20", "02:50", "02:10", "02:40", "05:10", "04:50"],  # back again on that day
        ["02:20", "05:50", "02:10", "02:40", "02:30", "03:10"],
    ],
)
def test_rows_in_an_hour_shown_twice_whose_order_does_not_tell_the_passes_are_said(tmp_path, clock):
    write_csv(
        tmp_path / "a.csv",
        *(f"2024-10-27 {time}:00,E1,{'ON' * (n % 2) or 'OFF'},cooking" for n, time in enumerate(clock)),
    )
    events, report = load(tmp_path)
    assert events["time"].dt.strftime("%H:%M").tolist() == sorted(clock)
    count = sum(time.startswith("02") for time in clock)
    # Once sorted, events also repeat states, which is a warning of its own.
    assert report.warnings[0] == (
        f"{count} rows lie in an hour that the clock of Europe/Rome shows twice, out of order of time; they are "
        "sorted as of its first pass"
    )


def test_rows_out_of_order_elsewhere_are_no_second_pass(tmp_path):
    write_csv(tmp_path / "a.csv", "2024-10-26 02:50:00,E1,ON,cooking", "2024-10-26 02:10:00,E1,OFF,cooking")
    events, report = load(tmp_path)
    assert events["time"].dt.strftime("%H:%M").tolist() == ["02:10", "02:50"]
    assert report.warnings == []


def test_times_in_an_hour_that_the_clock_never_shows_are_noted(tmp_path):
    write_csv(tmp_path / "a.csv", "2024-03-31 02:30:00,E1,ON,cooking", "2024-03-31 03:30:00,E1,OFF,cooking")
    events, report = load(tmp_path)
    assert events["time"].dt.strftime("%H:%M").tolist() == ["02:30", "03:30"]
    assert report.notes[0] == "1 events lie in an hour that the clock of Europe/Rome shows twice or never"


@pytest.mark.parametrize(
    ("text", "hour"),
    [("12:00:00 AM", 0), ("12:00:00 PM", 12), ("1:00:00 pm", 13), ("11:00:00 AM", 11), ("13:00:00 PM", None)],
)
def test_a_half_day_decides_the_hour(text, hour):
    milliseconds, valid, _ = times.parse_times(pd.Series([f"2024-02-03 {text}"], dtype=str), "iso8601", "")
    assert valid.tolist() == [hour is not None]
    assert hour is None or milliseconds[0] // 3_600_000 % 24 == hour


@pytest.mark.parametrize(
    ("text", "form", "time"),
    [
        ("2024-02-28 24:00", "iso8601", "2024-02-29"),
        ("2024-12-31T24:00:00.000", "iso8601", "2025-01-01"),
        ("2024-02-28T24:00:00+02:00", "iso8601", "2024-02-28 22:00"),
        ("31.12.2024 24:00:00", "%d.%m.%Y %H:%M:%S", "2025-01-01"),
        ("2024-02-28 24:01", "iso8601", None),
        ("2024-02-28 24:00:01", "iso8601", None),
        ("31.12.2024 24:30", "%d.%m.%Y %H:%M", None),
        ("9999-12-31 24:00", "iso8601", None),
    ],
)
def test_the_end_of_a_day_is_the_beginning_of_the_next(text, form, time):
    others = ["2024-02-03 07:00", "03.02.2024 07:00", "03.02.2024 07:00:00"]
    milliseconds, valid, _ = times.parse_times(pd.Series([*others, text], dtype=str), form, "")
    assert valid[-1] == (time is not None)
    assert time is None or milliseconds[-1] == pd.Timestamp(time).value // 10**6


@pytest.mark.parametrize("text", ["2024-02-03", "20240203", "2024/2/3"])
def test_a_date_without_a_time_of_day_is_no_time(tmp_path, text):
    write_csv(tmp_path / "a.csv", row(1), f"{text},E1,ON,cooking", "2024-02-04 00:00:00,E1,OFF,cooking")
    events, report = load(tmp_path)
    assert events["time"].dt.day.tolist() == [3, 4]
    assert [problem.line for problem in report.broken] == [3]


@pytest.mark.parametrize(
    ("form", "lines", "warning"),
    [
        ("milliseconds", [row(1)], ""),
        (
            "milliseconds",
            ["1706943601,E1,ON,cooking"],
            "all times are of 1970 or before; counted in seconds",
        ),
        (
            "microseconds",
            ["1706943601228,E1,ON,cooking"],
            "all times are of 1970 or before; counted in milliseconds",
        ),
        ("seconds", ["17,E1,ON,cooking"], "all times are of 1970 or before: check the unit in time.format"),
        ("seconds", ["1706943601,E1,ON,cooking"], ""),
        ("iso8601", ["1970-01-02 08:00:00,E1,ON,cooking"], ""),
        ("iso8601", [row(1), "2024-02-03 07:00:02Z,E1,OFF,cooking"], "1 times have an offset from UTC and 1 have none"),
        ("iso8601", ["2024-02-03 07:00:02Z,E1,OFF,cooking", "2024-02-03 07:00:03+01,E1,ON,cooking"], ""),
    ],
)
def test_a_wrong_unit_and_a_mixture_of_times_are_warned_of(tmp_path, form, lines, warning):
    write_csv(tmp_path / "a.csv", *lines)
    _, report = load(tmp_path, home_with(time_format=form))
    assert [text[: len(warning)] for text in report.warnings] == ([warning] if warning else [])


@pytest.mark.parametrize(
    ("dates", "likelier", "text"),
    [
        (["03/01/2024", "04/01/2024", "05/01/2024"], False, "then from 2024-03-01 to 2024-05-01"),
        (["01/03/2024", "01/04/2024", "01/05/2024"], True, "then from 2024-01-03 to 2024-01-05; check time.format"),
        (["03/01/2024", "13/01/2024"], False, ""),
        (["03/03/2024", "04/04/2024"], False, ""),
    ],
)
@pytest.mark.parametrize("zone", ["", "Europe/Rome", "Asia/Tokyo"])
def test_an_exchange_of_day_and_month_is_said(tmp_path, dates, likelier, text, zone):
    write_csv(tmp_path / "a.csv", *(f"{date} 00:30:00,E1,ON,cooking" for date in dates))
    _, report = load(tmp_path, home_with(time_format="%d/%m/%Y %H:%M:%S", time_zone=zone))
    said = [each for each in report.warnings + report.notes if "can also be read as" in each]
    assert bool(report.warnings) == likelier
    assert len(said) == bool(text)
    assert all("'%m/%d/%Y %H:%M:%S'" in each and each.endswith(text) for each in said)


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
        milliseconds, valid, utc = times.parse_times(pd.Series([text], dtype=str), form, "")
        assert (milliseconds.tolist(), valid.all(), utc.all()) == ([ms], True, True), form
