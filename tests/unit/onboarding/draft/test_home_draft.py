"""Test drafts of a home's yaml: what they find in files of many forms, and that a run reads the files by them."""

import check_home
import pytest
import yaml
from config_factories import write_yaml
from hearth.common import cli
from hearth.data.events import check_events
from hearth.data.example_leaks import find_recorded_rows
from hearth.data.sources.registry import SOURCES
from hearth.homes.home import load_home
from hearth.onboarding.draft.home_draft import draft_home
from hearth.onboarding.draft.home_yaml import drafted_parts
from repository import REPOSITORY


def write(folder, *lines, name="log.csv", encoding="utf-8"):
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return folder


def run(*args):
    cli.run(lambda: check_home.main([str(arg) for arg in args]))


def head(text):
    """Return the text of the comments at the head of a draft."""
    return "\n".join(line for line in text.splitlines() if line.startswith("#"))


def finish(draft, path):
    """Write a draft to `path` with its placeholders replaced, as a person would; return the path."""
    document = yaml.safe_load(draft)
    document["about"] = "A flat in which Anna lives."
    document["example"]["reasoning"] = "Anna makes tea."
    return write_yaml(path, document)


def load(data, tmp_path):
    """Draft a yaml for the folder `data`, finish it and load the data by it; return draft, home, events and report."""
    text = draft_home(data, "schema")
    home = load_home(finish(text, tmp_path / "home.yaml"))
    source = "casas" if "SOURCE=casas" in text else "table"
    events, report = SOURCES[source].read(data, home)
    check_events(events, home)
    return text, home, events, report


LOG = [
    "Timestamp;entity_id;new_value;Label",
    "03.02.2024 07:58:12;kitchen_kettle;on;Tea",
    "03.02.2024 07:58:12;hall_pir;1;Coming",
    "04.02.2024 07:58:13;hall_pir;0;Coming",
    "04.02.2024 07:59:13;kitchen_kettle;off;",
]
ROWS = [
    ("2024-02-03 07:58:12", "kettle", "on", "Tea"),
    ("2024-02-03 07:58:30", "pir", "1", "Coming"),
    ("2024-02-04 07:58:13", "pir", "0", "Coming"),
    ("2024-02-04 07:59:13", "kettle", "off", "Tea"),
]
NAMES = ("time", "sensor", "state", "activity")


def table(delimiter=",", rows=ROWS, names=NAMES):
    return [delimiter.join(cells) for cells in ([names] if names else []) + list(rows)]


def test_a_draft_from_a_table_can_be_used_once_its_placeholders_are_replaced(tmp_path, capsys):
    data = write(tmp_path / "data", *LOG)
    home = tmp_path / "home.yaml"
    run("--draft", "--root", data, "--home", home)
    loaded = load_home(home)
    assert loaded.describe("kitchen_kettle", "on") == ("kitchen", "turned ON", "kitchen kettle turned ON")
    assert loaded.labels == ("Coming", "Tea")
    events, report = SOURCES["table"].read(data, loaded)
    check_events(events, loaded)
    assert (len(events), report.skipped) == (3, {"no activity (unlabelled: drop)": 1})
    capsys.readouterr()
    with pytest.raises(SystemExit, match="1"):
        run("--home", home, "--root", data)
    lines = capsys.readouterr().out.splitlines()
    assert "2024-02-03 07:58:12  kitchen kettle turned ON  [no resident named: Tea]" in lines
    assert [line.split(": ")[1] for line in lines if line.startswith("wrong: ")] == ["about", "example"]
    finish(home.read_text(), home)
    run("--home", home, "--root", data)
    assert capsys.readouterr().out.splitlines()[-1] == "clean"


def test_a_draft_replaces_no_file_and_a_failed_one_leaves_none(tmp_path, capsys):
    data = write(tmp_path / "data", *LOG)
    kept = write(tmp_path, "mine", name="home.yaml") / "home.yaml"
    with pytest.raises(SystemExit, match="1"):
        run("--draft", "--root", data, "--home", kept)
    assert kept.read_text() == "mine\n"
    write(tmp_path / "data", "", name="log.csv")
    with pytest.raises(SystemExit, match="1"):
        run("--draft", "--root", data, "--home", tmp_path / "other.yaml")
    assert "log.csv: not read: empty" in capsys.readouterr().err
    assert not (tmp_path / "other.yaml").exists()


def test_a_home_that_somebody_wrote_has_no_drafted_parts():
    homes = [load_home(path) for path in (REPOSITORY / "config/homes").glob("*.yaml")]
    assert homes
    assert not any(map(drafted_parts, homes))


@pytest.mark.parametrize(
    ("lines", "name", "encoding"),
    [
        (table(";"), "a.csv", "utf-8-sig"),
        (table("|"), "a.csv", "utf-8"),
        (table("\t"), "a.tsv", "utf-8"),
        (table("\t"), "a.txt", "utf-8"),
        (table(","), "EXPORT.CSV", "utf-8"),
        (table(",", names=None), "a.csv", "utf-8"),
        (table(";"), "a.csv", "utf-16"),
        (table(";", [(*row[:3], "Frühstück" if row[3] == "Tea" else row[3]) for row in ROWS]), "a.csv", "cp1252"),
        (["sep=;", *table(";")], "a.csv", "utf-8"),
        (["# made by a logger", *table()], "a.csv", "utf-8"),
        (table(" ", [(row[0].replace(" ", "T"), *row[1:]) for row in ROWS]), "a.csv", "utf-8"),
        (table("   ", [(*row[0].split(), *row[1:]) for row in ROWS], ("date", "time", *NAMES[1:])), "a.txt", "utf-8"),
    ],
)
def test_a_table_is_drafted_whatever_divides_its_cells(tmp_path, lines, name, encoding):
    data = write(tmp_path / "data", *lines, name=name, encoding=encoding)
    _, home, events, report = load(data, tmp_path)
    assert (len(events), len(report.broken)) == (4, 0)
    assert [str(time) for time in events["time"]] == [row[0] for row in ROWS]
    assert events["sensor"].tolist() == [row[1] for row in ROWS]
    assert len(home.labels) == 2


def stamped(form, *moments):
    rows = [(moment, *row[1:]) for moment, row in zip(moments, ROWS, strict=True)]
    return table(rows=rows), form


@pytest.mark.parametrize(
    ("lines", "form", "said"),
    [
        (*stamped("%m/%d/%Y %H:%M:%S", *(f"03/0{n}/2024 08:00:00" for n in range(1, 5))), "'%d/%m/%Y %H:%M:%S'"),
        (*stamped("%d/%m/%Y %H:%M:%S", *(f"0{n}/03/2024 08:00:00" for n in range(1, 5))), "'%m/%d/%Y %H:%M:%S'"),
        (*stamped("%d/%m/%Y %H:%M", *(f"{n}/03/2024 08:00" for n in range(10, 14))), ""),
        (*stamped("%m/%d/%Y %I:%M:%S %p", *(f"3/{n}/2024 04:00:37 PM" for n in range(12, 16))), ""),
        # Read as day/month, the last time is eight months before the one above.
        (
            *stamped("%m/%d/%Y %H:%M", "03/09/2024 08:00", "03/10/2024 08:00", "03/11/2024 08:00", "04/01/2024 08:00"),
            "",
        ),
        (*stamped("%d.%m.%Y %H:%M:%S", *(f"0{n}.03.2024 08:00:00" for n in range(1, 5))), ""),
        (*stamped("%d.%m.%y %H:%M", *(f"2{n}.03.24 08:00" for n in range(1, 5))), ""),
        (*stamped("%d-%b-%Y %H:%M:%S", *(f"0{n}-Mar-2024 08:00:00" for n in range(1, 5))), ""),
        (*stamped("seconds", *(f"17092800{n}7.000" for n in range(1, 5))), "all times are in UTC"),
        (*stamped("milliseconds", *(f"17092800{n}7000" for n in range(1, 5))), "all times are in UTC"),
        (*stamped("iso8601", *(f"2024-07-0{n}T00:30:00+02:00" for n in range(1, 5))), "Etc/GMT-2"),
        (*stamped("iso8601", *(f"2024-07-0{n}T00:30:00Z" for n in range(1, 5))), "all times are in UTC"),
    ],
)
def test_times_are_weighed_and_what_stays_open_is_said(tmp_path, lines, form, said):
    data = write(tmp_path / "data", *lines)
    text, home, events, _ = load(data, tmp_path)
    assert home.recording.time.format == form
    assert said in head(text)
    assert ("OPEN: time.format" in text) == said.startswith("'%")
    assert len(events) == 4


def test_a_reading_that_only_a_late_row_excludes_is_excluded(tmp_path):
    rows = [(f"0{1 + n // 400}/03/2024 {n // 60 % 24:02d}:{n % 60:02d}:00", *ROWS[n % 4][1:]) for n in range(3000)]
    data = write(tmp_path / "data", *table(rows=[*rows, ("13/03/2024 08:00:00", *ROWS[0][1:])]))
    text = draft_home(data, "schema")
    assert yaml.safe_load(text)["recording"]["time"] == {"format": "%d/%m/%Y %H:%M:%S"}
    assert "OPEN: time.format" not in text


def test_one_damaged_time_does_not_stop_a_draft_and_is_counted(tmp_path):
    rows = [(f"{n + 1:02d}.03.2024 08:00:00", *ROWS[n % 4][1:]) for n in range(20)]
    data = write(tmp_path / "data", *table(rows=[*rows, ("garbled", *ROWS[0][1:])]))
    text, _, events, report = load(data, tmp_path)
    assert (len(events), len(report.broken)) == (20, 1)
    assert "1 of 21 rows are broken" in head(text)


@pytest.mark.parametrize(
    ("names", "rows", "columns"),
    [
        (("time", "sensor_type", "sensor_id", "state", "activity"), [("pir", "hall"), ("pir", "kitchen")], "sensor_id"),
        (("time", "place", "thing", "state", "activity"), [("hall", "door"), ("kitchen", "door")], "place"),
        (("time", "room", "item", "state", "activity"), [("hall", "door"), ("kitchen", "door")], ["room", "item"]),
        (("time", "Room", "Item", "state", "activity"), [("hall", "h1"), ("kitchen", "k1")], "Item"),
    ],
)
def test_the_sensor_is_what_tells_sensors_apart(tmp_path, names, rows, columns):
    cells = [(row[0], *rows[n % 2], *row[2:]) for n, row in enumerate(ROWS)]
    text = draft_home(write(tmp_path, *table(rows=cells, names=names)), "schema")
    assert yaml.safe_load(text)["recording"]["columns"]["sensor"] == columns
    assert len(yaml.safe_load(text)["sensors"]) == 2


def test_every_column_of_activities_counts_and_unused_columns_are_named(tmp_path):
    names = ("time", "sensor", "state", "R1_activity", "R2_activity", "battery")
    data = write(tmp_path / "data", *table(rows=[(*row, "Reading", "88") for row in ROWS], names=names))
    text, home, events, _ = load(data, tmp_path)
    assert home.recording.columns["activity"] == ("R1_activity", "R2_activity")
    assert events["alternatives"].tolist()[0] == ["Tea", "Reading"]
    assert "columns that are not used: battery" in head(text)
    assert "OPEN: activities: R1_activity, R2_activity" in text


def test_rows_without_a_state_or_an_activity_are_left_out_by_name(tmp_path):
    extra = [
        ("2024-02-03 07:58:40", "kettle", "unavailable", "Tea"),
        ("2024-02-03 07:58:41", "pir", "unknown", "Tea"),
        ("2024-02-03 07:58:42", "pir", "1", "None"),
        *((f"2024-02-03 08:00:{n:02d}", "temperature", f"{n}.5", "Tea") for n in range(20)),
        *((f"2024-02-03 09:00:{n:02d}", "rfid", f"tag{n}", "Tea") for n in range(14)),
    ]
    text, home, events, report = load(write(tmp_path / "data", *table(rows=ROWS + extra)), tmp_path)
    assert home.recording.ignored_states == ("unavailable", "unknown")
    assert home.recording.ignored_sensors == ("rfid", "temperature")
    assert home.recording.activities == {"None": None}
    assert len(events) == 4
    assert sum(report.skipped.values()) == len(extra)
    for said in (
        "2 rows with the states unavailable, unknown are left out",
        "sensor temperature: 20 rows with 20 states, numbers",
        "sensor rfid: 14 rows with 14 states, texts",
        "activity 'None' (1 rows) is taken for none",
    ):
        assert said in head(text)


def test_label_files_are_told_from_event_files_and_other_files_are_named(tmp_path):
    data = write(tmp_path / "data", *[line.rpartition(",")[0] for line in table()], name="events.csv")
    write(
        data,
        "start;end;activity",
        "03.02.2024 07:00:00;03.02.2024 08:00:00;Tea",
        "14.02.2024 07:58:00;14.02.2024 07:58:59;Coming",
        name="labels.csv",
    )
    write(data, "ItemId,Location", "1,hall", name="plan.csv")
    write(data, "by Anna", name="README.txt")
    text, home, events, _ = load(data, tmp_path)
    assert home.recording.intervals.files == ("labels.csv",)
    assert home.recording.intervals.time.format == "%d.%m.%Y %H:%M:%S"
    assert home.recording.intervals.form.delimiter == ";"
    assert events["activity"].tolist() == ["Tea", "Tea"]
    assert "plan.csv: not read, since the columns differ" in head(text)
    assert "README.txt: not read" in head(text)


def test_rows_of_periods_become_two_events(tmp_path):
    rows = [
        ("2024-02-03 07:58:12", "2024-02-03 07:58:20", "Bed", "Bedroom", "Sleeping"),
        ("2024-02-03 08:00:12", "2024-02-03 08:00:20", "Door", "Bedroom", "Leaving"),
        ("2024-02-04 07:58:12", "2024-02-04 07:58:20", "Door", "Kitchen", "Leaving"),
    ]
    names = ("Start time", "End time", "Location", "Place", "Activity")
    _, home, events, _ = load(write(tmp_path / "data", *table(rows=rows, names=names)), tmp_path)
    assert home.recording.rows_are_intervals
    assert sorted(home.sensors) == ["Bed Bedroom", "Door Bedroom", "Door Kitchen"]
    assert len(events) == 6


@pytest.mark.parametrize(
    ("lines", "events", "labels"),
    [
        (
            ["M22 ON Sleeping begin", "M22 OFF", "M23 ON Sleeping end", "M22 ON Make Tea begin", "M23 ON Make Tea end"],
            5,
            2,
        ),
        (["M22 ON", "M22 OFF R1_Work", "M22 ON", "D01 OPEN R1_Sleep"], 2, 2),
        (["M22 ON 1 2", "M22 OFF 1 3 2 5", "M23 ON 2 2"], 3, 3),
    ],
)
def test_lines_of_casas_are_drafted_for_the_source_casas(tmp_path, lines, events, labels):
    lines = [f"2008-11-{day:02d} 14:28:{n:02d}.98{n} {line}" for day in (10, 11) for n, line in enumerate(lines)]
    data = write(tmp_path / "data", *lines, name="p01")
    text, home, loaded, report = load(data, tmp_path)
    assert "SOURCE=casas" in head(text)
    assert (len(loaded), len(report.broken), len(home.labels)) == (2 * events, 0, labels)


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
    assert "recording.wide.start" in drafted_parts(home)
    named = ["timestamp,lamp,door,tap,Activity"]
    named += [f"2024-02-0{3 + n // 30} 08:00:{n % 30:02d},{n % 2},{n // 4 % 2},0,{'ab'[n % 2]}" for n in range(60)]
    data = write(tmp_path / "timed", *named)
    _, home, events, _ = load(data, tmp_path)
    assert home.recording.wide.sensors == ("lamp", "door", "tap")
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


def test_a_history_without_activities_is_drafted_for_a_label_file_to_come(tmp_path):
    lines = ["entity_id,state,last_changed"]
    lines += [
        f"binary_sensor.hall_motion,{'on' if n % 2 else 'off'},2025-03-0{1 + n % 3}T06:00:0{n}.5Z" for n in range(6)
    ]
    text = draft_home(write(tmp_path / "data", *lines, name="history.csv"), "schema")
    home = yaml.safe_load(text)
    assert home["sensors"]["binary_sensor.hall_motion"]["words"] == "motion"
    assert home["recording"]["intervals"]["files"] == "labels.csv"
    assert "OPEN: labels: no column of activities and no label file" in text
    assert "labels" in drafted_parts(load_home(write_yaml(tmp_path / "home.yaml", home)))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,b", "1,2"], "which column is the time, the sensor"),
        (["time,sensor,state,activity", "noon,x,on,a"], "'noon' is in no known time format"),
        (["time,sensor,state,activity", '"1709280037,000",x,on,a'], "write a decimal point"),
        (["time,sensor,state,activity", "45352.333762,x,on,a"], "the days of a spreadsheet"),
        (["time,sensor,state,activity", "2024-02-03 08:00,x,on,a"], "1 sensors and 1 activity, 'a', too few"),
        (["time,sensor,state,activity"], "not read: no rows below the names of its columns"),
        ([""], "not read: empty"),
    ],
)
def test_data_that_cannot_be_drafted_are_refused(tmp_path, capsys, lines, message):
    with pytest.raises(SystemExit, match="1"):
        run("--draft", "--root", write(tmp_path, *lines))
    assert message in capsys.readouterr().err


def test_a_drafted_example_is_no_recorded_event(tmp_path):
    rows = [
        (f"2024-02-{day:02d} 08:{minute:02d}:{second:02d}", sensor, "on", f"a{day % 2}")
        for day in (3, 4)
        for minute in range(10)
        for second in range(60)
        for sensor in ("door", "lamp", "tap")
    ]
    _, home, events, _ = load(write(tmp_path / "data", *table(rows=rows)), tmp_path)
    assert len(events) == len(rows)
    assert find_recorded_rows(events, home) == []
    assert home.example["events"][0]["time"] == "07:49:40"
