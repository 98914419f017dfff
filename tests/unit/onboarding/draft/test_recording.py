"""Test drafts of files whose rows are not events of one table: label files, lines of CASAS, wide tables, label rows."""

import pandas as pd
import pytest
from draft_factories import NAMES, ROWS, head, load, table, write
from hearth.data.sources.registry import SOURCES
from hearth.onboarding.draft.home_draft import draft_home


def test_label_files_are_told_from_event_files_and_other_files_are_named(tmp_path):
    data = write(tmp_path / "data", *[line.rpartition(",")[0] for line in table()], name="events.csv")
    write(
        data,
        "start;end;activity",
        "03.02.2024 07:00:00;03.02.2024 08:00:00;Tea",
        "14.02.2024 07:58:00;14.02.2024 07:58:59;Coming",
        ";;",
        ";;",
        name="labels.csv",
    )
    write(data, "ItemId,Location", "1,hall", name="plan.csv")
    write(data, "by Anna", name="README.txt")
    text, home, events, report = load(data, tmp_path)
    assert (report.label_rows, report.broken_labels) == (2, [])
    assert home.recording.intervals.files == ("labels.csv",)
    assert home.recording.intervals.time.format == "%d.%m.%Y %H:%M:%S"
    assert home.recording.intervals.form.delimiter == ";"
    assert events["activity"].tolist() == ["Tea", "Tea"]
    assert "plan.csv: not read, since the columns differ" in head(text)
    assert "README.txt: not read" in head(text)


@pytest.mark.parametrize("damaged", ["open", "?", "2024-02-03"])
@pytest.mark.parametrize("column", ["begin", "end"])
def test_a_label_file_with_several_damaged_times_is_drafted_and_these_are_named(tmp_path, damaged, column):
    data = write(tmp_path / "data", *[line.rpartition(",")[0] for line in table()], name="events.csv")
    periods = [("Tea", f"2024-02-03 07:{at}:00", f"2024-02-03 07:{at}:59") for at in range(55, 60)]
    periods += [("Coming", f"2024-02-04 07:{at}:00", f"2024-02-04 07:{at}:59") for at in range(55, 60)]
    lines = [",".join(("activity", "begin", "end")), *map(",".join, periods)]
    for line in (2, 7):
        cells = lines[line].split(",")
        cells[1 if column == "begin" else 2] = damaged
        lines[line] = ",".join(cells)
    write(data, *lines, name="labels.csv")
    text, _, events, report = load(data, tmp_path)
    assert [problem.line for problem in report.broken_labels] == [3, 8]
    assert set(events["activity"]) == {"Tea", "Coming"}
    assert "2 of 10 rows of label files are broken" in head(text)
    assert "labels.csv:3" in head(text)


@pytest.mark.parametrize(
    ("lines", "events", "labels"),
    [
        (
            ["M22 ON Sleeping begin", "M22 OFF", "M23 ON Sleeping end", "M22 ON Make Tea begin", "M23 ON Make Tea end"],
            5,
            2,
        ),
        (["M22 ON", "M22 OFF R1_Work", "M22 ON", "D01 OPEN R1_Sleep"], 2, 2),
        (["M22 OFF R1_Work", "M22 ON R2_Work", "D01 OPEN R2_Sleep", "D01 OPEN R1_Sleep R2_Work"], 4, 2),
        (["M22 ON 1 2", "M22 OFF 1 3 2 5", "M23 ON 2 2"], 3, 3),
        (["M22 ON Coming Home", "D01 OPEN Making Tea", "D01 CLOSE Cook"], 3, 3),
    ],
)
def test_lines_of_casas_are_drafted_for_the_source_casas(tmp_path, lines, events, labels):
    lines = [f"2008-11-{day:02d} 14:28:{n:02d}.98{n} {line}" for day in (10, 11) for n, line in enumerate(lines)]
    data = write(tmp_path / "data", *lines, name="p01")
    text, home, loaded, report = load(data, tmp_path)
    assert "SOURCE=casas" in head(text)
    assert (len(loaded), len(report.broken), len(home.labels)) == (2 * events, 0, labels)


def test_raw_data_beside_their_labelled_copy_are_not_read_twice(tmp_path):
    lines = [f"2008-11-{day} 14:28:0{n} M22 {'ON' if n else 'OFF'}" for day in (10, 11) for n in range(2)]
    data = write(tmp_path / "data", *lines, name="rawdata.txt")
    write(data, *(f"{line} {'Sleep' if at % 2 else 'Cook'}" for at, line in enumerate(lines)), name="data")
    text, _, events, report = load(data, tmp_path)
    assert (len(events), report.rows) == (4, 4)
    assert "rawdata.txt: not read: it begins as another file, but without its labels" in head(text)


def test_commas_and_marks_are_lines_of_casas_but_commas_and_labels_a_table(tmp_path):
    begun = [
        f"2012-07-{day},10:38:{n}0.5,Door,ON{mark}"
        for day in (20, 21)
        for n, mark in enumerate([',Step_Out="begin"', "", ',Step_Out="end"', ',Cook="begin"', ',Cook="end"'])
    ]
    text, home, events, _ = load(write(tmp_path / "marks", *begun, name="hh101.csv"), tmp_path)
    assert "SOURCE=casas" in head(text)
    assert (home.labels, len(events)) == (("Cook", "Step_Out"), 10)
    plain = [f"2012-07-{day},10:38:{n}0.5,Door,ON,{'ab'[n]}" for day in (20, 21) for n in range(2)]
    text, home, events, _ = load(write(tmp_path / "plain", *plain, name="hh101.csv"), tmp_path)
    assert "SOURCE=casas" not in head(text)
    assert (home.labels, len(events)) == (("a", "b"), 4)


def test_casas_lines_with_place_and_detail_are_a_table(tmp_path):
    rows = [
        f"2011-06-{15 + day} 08:00:0{n}.{n} {place} {thing} {state} {label}"
        for day in range(2)
        for n, (place, thing, state, label) in enumerate(
            [("Kitchen", "Fridge", "ON", "tea"), ("Hall", "Fridge", "OFF", "cook"), ("Kitchen", "Door", "OPEN", "cook")]
        )
    ]
    _, home, events, _ = load(write(tmp_path / "data", *rows, name="data"), tmp_path)
    assert sorted(home.sensors) == ["Hall Fridge", "Kitchen Door", "Kitchen Fridge"]
    assert len(events) == 6


def test_wide_tables_are_drafted_with_and_without_times(tmp_path):
    rows = [f"{n // 3 % 2} {n // 5 % 2} 0 {n // 7 % 2} {12 + n // 30} 17" for n in range(60)]
    data = write(tmp_path / "aras", *rows, name="DAY_1.txt")
    write(data, rows[0], *rows, name="DAY_2.txt")
    text, home, events, _ = load(data, tmp_path)
    changes = sum(rows[n].split()[at] != rows[n - 1].split()[at] for n in range(1, 60) for at in range(4))
    assert len(events) == 2 * changes
    assert len(home.labels) == 3
    assert "OPEN: wide.start" in text
    assert "OPEN: activities: column5 (activity1), column6 (activity2) each give an activity" in text
    named = ["timestamp,lamp,door,tap,Activity"]
    named += [f"2024-02-0{3 + n // 30} 08:00:{n % 30:02d},{n % 2},{n // 4 % 2},0,{'ab'[n % 2]}" for n in range(60)]
    data = write(tmp_path / "timed", *named)
    _, home, events, _ = load(data, tmp_path)
    assert home.recording.wide.sensors == ("lamp", "door", "tap")
    assert len(events) == 59 + 14


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        (("a.csv", "b.CSV"), ("*.CSV", "*.csv")),
        (("a.csv", "sub/b.CSV", "sub/c.txt"), ("**/*.CSV", "**/*.csv", "**/*.txt")),
        (("a", "b"), ("a", "b")),
        (("P1", "P2"), ("P*",)),
        (("x1.csv", "x2.csv"), ("*.csv",)),
    ],
)
def test_patterns_of_files_match_no_yaml_that_is_written_beside_them(tmp_path, names, patterns):
    data = tmp_path / "data"
    for day, name in enumerate(names, start=3):
        rows = [(f"2024-02-0{day}{time[10:]}", *rest) for time, *rest in ROWS]
        write(data, *table(rows=rows), name=name)
    _, home, _, _ = load(data, data)
    assert home.recording.files == patterns
    assert SOURCES["table"].read(data, home)[1].files == len(names)


@pytest.mark.parametrize(
    ("encodings", "read"),
    [
        (("utf-8", "utf-16"), 2),
        (("utf-8", "utf-16-le"), 1),
        (("utf-8", "utf-8-sig", "utf-8", "utf-16", "utf-16-le"), 3),
        (("utf-8", "cp1252", "cp1252"), 2),
        (("ascii", "cp1252"), 2),
    ],
)
def test_files_in_other_encodings_than_most_are_read_or_named(tmp_path, encodings, read):
    for day, encoding in enumerate(encodings, start=3):
        rows = [(f"2024-02-0{day}{time[10:]}", *rest) for time, *rest in ROWS]
        if encoding != "ascii":
            rows[0] = (*rows[0][:3], "Küche")
        write(tmp_path / "data", *table(rows=rows), name=f"log{day}.csv", encoding=encoding)
    text, _, events, report = load(tmp_path / "data", tmp_path)
    assert (len(events), report.broken) == (4 * read, [])
    assert ("is not that of the others" in head(text)) == (read < len(encodings))


@pytest.mark.parametrize("form", ["{}", "binary_sensor.{}", "sensor_{}", "{}_sensor", "device {}", "{} status"])
def test_columns_of_two_states_are_sensors_whatever_their_names(tmp_path, form):
    names = [form.format(name) for name in ("lamp", "door", "tap")]
    rows = [f"2024-02-0{3 + n // 30} 08:00:{n % 30:02d},{n % 2},{n // 4 % 2},0,{'ab'[n % 2]}" for n in range(60)]
    data = write(tmp_path / "data", ",".join(["timestamp", *names, "activity"]), *rows)
    _, home, events, _ = load(data, tmp_path)
    assert home.recording.wide.sensors == tuple(names)
    assert len(events) == 59 + 14


def test_rows_that_begin_and_end_activities_are_labels(tmp_path):
    lines = ["Time,ItemName,Value"]
    for day in (30, 31):
        lines += [
            f"2017-01-{day} 08:00:00,label,START:Kitchen|Cooking",
            f"2017-01-{day} 08:00:20,door,OPEN",
            f"2017-01-{day} 08:01:00,label,STOP:Kitchen|Cooking",
            f"2017-01-{day} 08:01:10,label,START:Hall|Leaving",
            f"2017-01-{day} 08:01:30,door,CLOSED",
            f"2017-01-{day} 08:01:50,label,STOP:Hall|Leaving",
        ]
    _, home, events, _ = load(write(tmp_path / "data", *lines), tmp_path)
    assert (home.recording.label_rows.begin, home.recording.label_rows.end) == ("START:", "STOP:")
    assert home.labels == ("Hall|Leaving", "Kitchen|Cooking")
    assert events["activity"].tolist() == ["Kitchen|Cooking", "Hall|Leaving"] * 2


LABELS = [
    "begin,end,activity",
    "2025-03-01 00:00:00,2025-03-01 23:59:59,Tea",
    "2025-03-02 00:00:00,2025-03-03 00:00:00,Sleep",
]


def home_assistant_rest(days):
    """Return the document of the REST history, in which only the first record of an entity names it."""
    record = '{{"state": "{}", "last_changed": "2025-03-0{}T08:00:0{}.5+00:00"{}}}'
    entities = [
        [record.format("on" if n else "off", day, n, f', "entity_id": "{name}"') for day in days for n in range(2)]
        for name in ("binary_sensor.hall_motion", "light.kitchen")
    ]
    return "[" + ", ".join("[" + ", ".join(records) + "]" for records in entities) + "]"


def home_assistant_websocket(days):
    records = [
        f'{{"s": "{"on" if n else "off"}", "lu": {1740787200 + 86400 * (day - 1) + 28800 + n}.5}}'
        for day in days
        for n in range(2)
    ]
    return (
        '{"id": 1, "type": "result", "success": true, "result": {'
        + ", ".join(f'"{name}": [{", ".join(records)}]' for name in ("binary_sensor.hall_motion", "light.kitchen"))
        + "}}"
    )


def openhab(days):
    records = [
        f'{{"time": {(1740787200 + 86400 * (day - 1) + 28800 + n) * 1000}, "state": "{"ON" if n else "OFF"}"}}'
        for day in days
        for n in range(2)
    ]
    return '{"name": "NAME", "datapoints": "4", "data": [' + ", ".join(records) + "]}"


def influx(days):
    rows = [
        f",,0,2025-03-0{day}T08:00:0{n}Z,{'on' if n else 'off'},{sensor}"
        for sensor in ("hall", "tap")
        for day in days
        for n in range(2)
    ]
    return "\r\n".join(
        [
            "#datatype,string,long,dateTime:RFC3339,string,string",
            "#group,false,false,false,false,true",
            "#default,_result,,,,",
            ",result,table,_time,_value,entity_id",
            *rows,
            "",
            "",
        ]
    )


@pytest.mark.parametrize(
    ("files", "form"),
    [
        ({"history.json": home_assistant_rest}, "iso8601"),
        ({"history.json": home_assistant_websocket}, "iso8601"),
        ({"Hall.json": openhab, "Tap.json": openhab}, "milliseconds"),
        ({"export.csv": influx}, "iso8601"),
        ({"export.txt": influx}, "iso8601"),
    ],
)
def test_exports_of_platforms_are_drafted_beside_a_label_file(tmp_path, files, form):
    data = write(tmp_path / "data", *LABELS, name="labels.csv")
    for name, document in files.items():
        write(data, document((1, 2)).replace("NAME", name.partition(".")[0]), name=name)
    text, home, events, report = load(data, tmp_path)
    assert home.recording.time.format == form
    assert len(home.sensors) == 2
    assert (len(events), report.rows, report.broken) == (8, 8, [])
    assert events["activity"].value_counts().to_dict() == {"Tea": 4, "Sleep": 4}
    assert [str(time)[11:19] for time in events["time"][:2]] == ["08:00:00", "08:00:00"]
    assert "all times are in UTC" in head(text)
    assert "OPEN: intervals.time.zone: only one of event files and label files has times in UTC" in head(text)


def test_columns_of_a_wide_table_that_are_no_sensors_are_named(tmp_path):
    rows = [
        f"2024-02-0{3 + n // 20} 08:00:{n:02d},{n % 2},{n // 3 % 2},0,{20 + n / 10},{'ab'[n % 2]}" for n in range(40)
    ]
    text = draft_home(write(tmp_path, "time,lamp,door,tap,temperature,activity", *rows), "schema")
    assert "columns that are not used: temperature" in head(text)


@pytest.mark.parametrize(
    ("last", "first", "sessions"), [("23:10:00", "06:50:00", "day"), ("09:10:00", "06:50:00", "file")]
)
def test_files_that_are_parts_of_one_recording_are_divided_by_day(tmp_path, last, first, sessions):
    times = [first, "06:55:00", "08:00:00", "09:00:00", last] if sessions == "file" else [first, "09:00:00", last]
    for day in (25, 26, 27):
        rows = [f"2024-10-{day} {time},{'on' if n % 2 else 'off'}" for n, time in enumerate(times)]
        rows = [f"{row[:19]},{sensor},{row[20:]}" for row in rows for sensor in ("pir", "tap")]
        rows.insert(0, f"2024-10-{day} {first},log,STOP:Sleep" if day > 25 else f"2024-10-25 {first},log,START:Eat")
        rows.insert(
            len(rows), f"2024-10-{day} {last},log,START:Sleep" if day < 27 else f"2024-10-27 {last},log,STOP:Eat"
        )
        if sessions == "file":
            rows = [row for row in rows if ",log," not in row]
            rows = ["time,sensor,state,activity", *(f"{row},{'ab'[n % 2]}" for n, row in enumerate(rows))]
        else:
            rows.insert(0, "time,sensor,state")
        write(tmp_path / "data", *rows, name=f"2024-10-{day}.csv")
    _, home, _, report = load(tmp_path / "data", tmp_path)
    assert home.recording.sessions == sessions
    assert (report.broken, report.broken_labels, report.warnings) == ([], [], [])


def test_a_label_file_with_one_date_for_begin_and_end_is_drafted(tmp_path):
    data = write(tmp_path / "data", *[line.rpartition(",")[0] for line in table()], name="events.csv")
    rows = ["03.02.2024;07:00;08:00;Tea", "03.02.2024;23:10;07:59;Coming"]
    write(data, "date;begin;end;activity", *rows, name="labels.csv")
    _, home, events, report = load(data, tmp_path)
    assert home.recording.intervals.columns["begin"] == ("date", "begin")
    assert events["activity"].tolist() == ["Tea", "Tea", "Coming"]
    assert report.broken_labels == []


def test_a_label_file_is_told_by_its_periods_if_its_columns_have_unknown_names(tmp_path):
    data = write(tmp_path / "data", *[line.rpartition(",")[0] for line in table(rows=3 * ROWS)], name="events.csv")
    rows = ["03.02.2024 07:00;03.02.2024 08:00;;Tee", "04.02.2024 07:00;04.02.2024 07:59;früh;Gehen"]
    write(data, "Alku;Loppu;Huomautus;Työ", *rows, name="Tagebuch.csv", encoding="cp1252")
    text, home, events, report = load(data, tmp_path)
    assert "OPEN: labels: Tagebuch.csv is taken for the label file, with Alku, Loppu and Työ as" in head(text)
    assert home.labels == ("Gehen", "Tee")
    assert set(events["activity"]) == {"Gehen", "Tee"}
    assert report.broken_labels == []


def test_a_label_file_is_told_by_its_periods_if_no_file_names_its_columns(tmp_path):
    def spans(step, ids):
        begins = pd.date_range("2024-02-03 07:00:00", periods=24, freq=step)
        return [f"{begin}\t{begin + pd.Timedelta(seconds=9)}\t{ids[at % len(ids)]}" for at, begin in enumerate(begins)]

    data = write(tmp_path / "data", *(f"{line}\t1" for line in 2 * spans("61min", [12, 5, 14, 7])), name="ss.txt")
    write(data, *spans("122min", [10, 4, 17]), name="as.txt")
    text, home, events, report = load(data, tmp_path)
    assert "OPEN: labels: as.txt is taken for the label file" in head(text)
    assert home.recording.intervals.form.header == ("begin", "end", "activity")
    assert (report.label_rows, report.broken_labels, report.broken) == (24, [], [])
    assert set(events["activity"]) == {"activity 4", "activity 10", "activity 17"}


def test_a_column_of_a_wide_table_that_is_at_times_unavailable_is_a_sensor(tmp_path):
    rows = [f"2024-02-0{3 + n // 20} 08:00:{n:02d},{n % 2},{n // 3 % 2},{n // 4 % 2},{'ab'[n % 2]}" for n in range(40)]
    rows[10] = rows[10].replace(",0,", ",unavailable,", 1)
    _, home, _, report = load(write(tmp_path / "data", "time,lamp,door,tap,activity", *rows), tmp_path)
    assert sorted(home.sensors) == ["door", "lamp", "tap"]
    assert home.recording.ignored_states == ("unavailable",)
    assert report.broken == []


def test_files_that_are_not_text_have_a_remedy(tmp_path):
    data = write(tmp_path / "data", *table())
    (data / "labels.xlsx").write_bytes(b"PK\x03\x04\x00\x00\x00abc")
    assert "labels.xlsx: not read: not text; save a spreadsheet as CSV, unpack" in head(draft_home(data, "schema"))


def test_the_states_of_a_counter_are_its_numbers(tmp_path):
    rows = [(f"2024-02-0{3 + n // 12} 08:00:{n:02d}", "steps", str(n % 4), "ab"[n % 2]) for n in range(24)]
    rows += [(f"2024-02-0{3 + n // 12} 09:00:{n:02d}", "pir", str(n % 2), "ab"[n % 2]) for n in range(24)]
    _, home, _, _ = load(write(tmp_path / "data", *table(rows=rows)), tmp_path)
    assert home.sensors["steps"].states == {state: state for state in "0123"}
    assert home.sensors["pir"].states == {"0": "ended", "1": "detected"}


def test_files_in_which_one_column_has_another_name_are_said_with_the_key_that_reads_them(tmp_path):
    write(tmp_path, *table())
    write(tmp_path, *table(rows=ROWS[:2], names=("when", *NAMES[1:])), name="other.csv")
    text = head(draft_home(tmp_path, "schema"))
    assert "other.csv: not read, since the columns differ: when, sensor" in text
    assert "if when is their time, write column_aliases: {time: [when]}" in text
