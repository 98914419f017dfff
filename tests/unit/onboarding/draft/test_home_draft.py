"""Test drafts of a home's yaml: what they hold, what they leave out by name, and what they refuse."""

import check_home
import pytest
import yaml
from config_factories import write_yaml
from draft_factories import NAMES, ROWS, finish, head, load, table, write
from hearth.common import cli
from hearth.data.events import check_events
from hearth.data.example_leaks import find_recorded_rows
from hearth.data.sources.registry import SOURCES
from hearth.homes.home import load_home
from hearth.onboarding.draft.home_draft import draft_home
from hearth.onboarding.draft.home_yaml import drafted_parts
from repository import REPOSITORY


def run(*args):
    cli.run(lambda: check_home.main([str(arg) for arg in args]))


LOG = [
    "Timestamp;entity_id;new_value;Label",
    "03.02.2024 07:58:12;kitchen_kettle;on;Tea",
    "03.02.2024 07:58:12;hall_pir;1;Coming",
    "04.02.2024 07:58:13;hall_pir;0;Coming",
    "04.02.2024 07:59:13;kitchen_kettle;off;",
]


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


OVERLAPS = {
    "marks": ["R1 Cook begin", "R2 Read A Book begin", "", "R1 Cook end", "R2 Read A Book end"],
    "pairs": ["1 Cook", "1 Cook 2 Read", "2 Read", "2 Read", "2 Read"],
}


@pytest.mark.parametrize("labels", [*OVERLAPS, "files"])
def test_activities_at_the_same_time_are_an_open_choice_that_the_check_names(tmp_path, capsys, labels):
    data = tmp_path / "data"
    if labels == "files":
        moments = [f"2012-11-0{day} 07:0" for day in range(2, 6)]
        write(
            data,
            "time,sensor,state",
            *[f"{at}{n}:00,M{n},{state}" for at in moments for n, state in ((6, "ON"), (9, "OFF"))],
        )
        spans = [row for at in moments for row in (f"{at}0:00,{at}8:00,Cook", f"{at}6:00,{at}9:30,Read")]
        write(data, "begin,end,activity", *spans, name="labels.csv")
    else:
        lines = [
            f"2012-11-0{day} 07:0{n}:00 M00{n % 2} {'ON' if n % 2 else 'OFF'} {label}".strip()
            for day in range(2, 6)
            for n, label in enumerate(OVERLAPS[labels])
        ]
        write(data, *lines, name="data")
    text, _, events, report = load(data, tmp_path)
    assert report.several == sum(len(names) > 1 for names in events["alternatives"]) > 0
    assert f"OPEN: several: {report.several} of {len(events)} events have several activities at once" in head(text)
    document = yaml.safe_load(finish(text, tmp_path / "home.yaml").read_text())
    assert document["recording"].pop("several") == "any"
    source = "table" if labels == "files" else "casas"
    run("--home", write_yaml(tmp_path / "home.yaml", document), "--root", data, "--source", source)
    last = [line for line in capsys.readouterr().out.splitlines() if line.startswith("tolerated: ")][-1]
    assert last.endswith("the first is accepted (several: first)")


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


def test_a_state_of_one_row_among_many_is_named(tmp_path):
    rows = [(f"2024-02-0{3 + n % 2} 08:00:{n:02d}", "door", "on" if n % 3 else "off", "ab"[n % 2]) for n in range(40)]
    text = draft_home(write(tmp_path, *table(rows=[*rows, ("2024-02-04 09:00:00", "door", "on5", "a")])), "schema")
    assert "sensor door: the states 'on5' are in one or two of 41 rows" in head(text)
    assert "on5" not in head(draft_home(write(tmp_path, *table(rows=rows)), "schema"))


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


def test_a_cell_of_several_residents_is_divided(tmp_path):
    who = ("anna", "ben", "anna, ben", "ben")
    rows = [(*row, name) for row, name in zip(ROWS, who, strict=True)]
    text, home, events, _ = load(write(tmp_path / "data", *table(";", rows, (*NAMES, "person"))), tmp_path)
    assert home.recording.separator == ","
    assert events["residents"].tolist() == [["anna"], ["ben"], ["anna", "ben"], ["ben"]]
    assert "residents: 2 are named, anna, ben" in head(text)
    assert "OPEN: separator: ',' divides the residents of a cell, as in 'anna, ben'" in head(text)


def test_an_entity_whose_states_may_be_the_activities_is_an_open_choice(tmp_path):
    names = ("time", "sensor", "state")
    rows = [
        ("2024-02-03 07:58:12", "input_select.anna", "Making tea"),
        ("2024-02-03 07:58:30", "binary_sensor.kettle", "on"),
        ("2024-02-03 07:59:30", "binary_sensor.kettle", "off"),
        ("2024-02-04 07:58:13", "input_select.anna", "Sleeping"),
        ("2024-02-04 07:59:13", "binary_sensor.label_printer", "on"),
        ("2024-02-04 07:59:14", "binary_sensor.label_printer", "off"),
    ]
    text = head(draft_home(write(tmp_path, *table(rows=rows, names=names)), "schema"))
    lines = [line for line in text.splitlines() if "may be the activities" in line]
    assert len(lines) == 1
    assert lines[0].startswith("# OPEN: labels: the states of input_select.anna (Making tea, Sleeping) may be")
    assert "label_rows: {sensor: input_select.anna}" in lines[0]
