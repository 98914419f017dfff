"""Checking a home of one's own: what is wrong by its place, all to look at, and a first yaml from tables."""

import os
import shutil
from pathlib import Path

import check_home
import pytest
import yaml
from hearth.common import cli
from hearth.data.events import check_events
from hearth.data.sources import table
from hearth.data.sources.registry import SOURCES
from hearth.homes.home import HomeError, load_home
from hearth.onboarding.scaffold import draft_home
from repository import REPOSITORY

TEMPLATE = REPOSITORY / "config/homes/TEMPLATE.yaml"
KYOTO = Path(os.environ.get("HEARTH_SHARED", REPOSITORY.parent / "shared")) / "data" / "casas_kyoto_adlmr"
EXAMPLE = [line.removeprefix("#   ") for line in TEMPLATE.read_text().splitlines() if line.startswith("#   ")][1:6]


def write(folder, *lines, name="log.csv"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def days(*rows):
    """The rows on four days."""
    return [row.replace("2024-02-03", f"2024-02-0{day}") for day in range(3, 7) for row in rows]


def run(*args):
    cli.run(lambda: check_home.main([str(arg) for arg in args]))


def test_the_template_reads_the_example_that_it_shows(tmp_path):
    assert EXAMPLE[0] == "time,device,value,person,activity"
    home = load_home(TEMPLATE)
    found, report = table.read(write(tmp_path, *EXAMPLE), home)
    check_events(found, home)
    assert found["description"].tolist() == [
        "hall motion detected",
        "kitchen kettle turned ON",
        "kitchen fridge opened",
    ]
    assert found["alternatives"].tolist() == [["coming home"], ["making tea"], ["making tea", "cooking"]]
    assert report.skipped == {"sensor bedroom_temp (ignored_sensors)": 1}
    assert report.broken == []


def test_the_report_shows_what_a_run_would_make_of_the_data(tmp_path, capsys):
    write(tmp_path, EXAMPLE[0], *days(*EXAMPLE[1:]))
    run("--home", TEMPLATE, "--root", tmp_path, "--models", REPOSITORY / "demo/models")
    said = capsys.readouterr().out
    for line in [
        "      16  rows in 1 files",
        "      12  events",
        "       4  skipped: sensor bedroom_temp (ignored_sensors), first log.csv:5",
        "2024-02-03 07:59:02  kitchen fridge opened  [anna, ben: making tea or cooking]",
        "       8  making tea",
        "       0  cooking  (never)",
        "       4  ben",
        "       3 events  2024-02-03: 2024-02-03 07:58 to 2024-02-03 07:59, longest pause 0 days 00:00:32",
        "train: 3 sessions, 3 windows, 9 events",
        '[{"id": 1, "time": "07:58:12", "description": "hall motion detected"},',
        "no problems. In your config:",
    ]:
        assert line in said.splitlines()
    assert "tiny-s, brief, reasoning think: " in said


def test_what_is_wrong_is_named_with_what_to_do(tmp_path, capsys):
    write(tmp_path, EXAMPLE[0], *days(*EXAMPLE[1:], "2024-02-03 08:00:00,kettle_plugg,on,anna,makes tea"))
    with pytest.raises(SystemExit, match="1"):
        run("--home", TEMPLATE, "--root", tmp_path)
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("log.csv:6: unknown sensor 'kettle_plugg'; did you mean 'kettle_plug'? (4 rows)")
    assert lines[at + 1].startswith("    to do: correct the name, add it to `sensors`")
    assert lines[-1].startswith("4 of 20 rows are broken, more than a run accepts")


def test_one_session_cannot_be_split_and_that_is_said(tmp_path, capsys):
    write(tmp_path, *EXAMPLE)
    with pytest.raises(SystemExit, match="1"):
        run("--home", TEMPLATE, "--root", tmp_path)
    assert (
        "no split: 1 session(s): a split by session needs at least 2; set `recording.sessions`"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("data", "home", "said"),
    [
        ("missing", TEMPLATE, "missing: no such file or folder of data"),
        ("", "missing.yaml", "missing.yaml: no such home"),
        ("", TEMPLATE, "no table of events here"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capsys, data, home, said):
    with pytest.raises(SystemExit, match="1"):
        run("--home", home, "--root", tmp_path / data)
    [line] = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("columns", {"time": "time"}, "recording.columns: `sensor` is missing"),
        ("columns", {"time": "t", "begin": "b"}, "recording.columns: name either `time`, or `begin`"),
        ("colums", {}, "recording.colums: unknown key 'colums'; did you mean 'columns'?"),
        (
            "activities",
            {"x": "makng tea"},
            "recording.activities.x: unknown label 'makng tea'; did you mean 'making tea'?",
        ),
        ("unlabelled", "nothing", "recording.unlabelled: 'nothing' is neither drop nor a label"),
        ("time", {"format": "%H:%M"}, "recording.time.format: '%H:%M' has no day"),
        ("time", {"format": "iso"}, "recording.time.format: 'iso' is neither one of iso8601, seconds"),
        ("time", {"zone": "Paris"}, "recording.time.zone: unknown time zone 'Paris'"),
        ("encoding", "utf8000", "recording.encoding: unknown encoding 'utf8000'"),
        ("several", "all", "recording.several: 'all' is not one of the valid values"),
        ("sessions", {"by": "column"}, "recording.columns: `session` is missing, and sessions are by column"),
        ("header", ["time"], "recording.columns.sensor: 'device' is not in `header`"),
        ("intervals", {"files": "x"}, "recording.intervals: 'columns' is missing"),
        ("delimiter", ", ", "recording.delimiter: ', ' is too long"),
    ],
)
def test_a_mistake_in_recording_is_named_with_its_key(tmp_path, key, value, said):
    document = yaml.safe_load(TEMPLATE.read_text())
    document["recording"][key] = value
    (tmp_path / "home.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(HomeError) as raised:
        load_home(tmp_path / "home.yaml")
    assert f"home.yaml: {said}" in str(raised.value)


LOG = [
    "Timestamp;entity_id;new_value;Label",
    "03.02.2024 07:58:12;kitchen_kettle;on;Tea",
    "03.02.2024 07:58:12;hall_pir;1;Coming",
    "04.02.2024 07:58:13;hall_pir;0;Coming",
    "04.02.2024 07:59:13;kitchen_kettle;off;",
]


def test_a_draft_from_a_table_can_be_used_as_it_is(tmp_path, capsys):
    data = write(tmp_path / "data", *LOG)
    run("--draft", "--root", data)
    home = tmp_path / "home.yaml"
    home.write_text(capsys.readouterr().out)
    loaded = load_home(home)
    assert loaded.describe("kitchen_kettle", "on") == ("kitchen", "turned ON", "kitchen kettle turned ON")
    assert loaded.labels == ("Coming", "Tea")
    found, report = SOURCES["table"].read(data, loaded)
    check_events(found, loaded)
    assert (len(found), report.skipped) == (3, {"no activity (unlabelled: drop)": 1})
    run("--home", home, "--root", data)
    assert (
        "2024-02-03 07:58:12  kitchen kettle turned ON  [no resident named: Tea]"
        in capsys.readouterr().out.splitlines()
    )


def test_a_sensor_that_measures_is_left_out_of_a_draft(tmp_path):
    rows = [f"2024-02-03 07:{n:02d}:00,temperature,{n},{'ab'[n % 2]}" for n in range(20)]
    data = write(tmp_path, "time,sensor,state,activity", *rows, "2024-02-03 08:00:00,door,open,a")
    document = yaml.safe_load(draft_home([data / "log.csv"], "data", "schema"))
    assert document["recording"]["ignored_sensors"] == ["temperature"]
    assert list(document["sensors"]) == ["door"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a,b", "1,2"], "which column is the time?"),
        (["time,sensor,state,activity", "noon,x,on,a"], "'noon' is in no known time format"),
        (["time,sensor,state,activity", "2024-02-03 08:00,x,on,a"], "1 sensors and 1 activities, too few"),
        (["time,sensor,state,activity"], "is in no known time format"),
        ([""], "which column is the time?"),
    ],
)
def test_what_cannot_be_drafted_is_said(tmp_path, capsys, lines, said):
    with pytest.raises(SystemExit, match="1"):
        run("--draft", "--root", write(tmp_path, *lines))
    assert said in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_make_gives_the_yaml_to_the_program_and_not_to_what_make_runs():
    text = (REPOSITORY / "Makefile").read_text()
    assert "override HOME :=" in text
    assert '--home "$(HOME_YAML)"' in text


@pytest.mark.skipif(not KYOTO.is_dir(), reason=f"CASAS Kyoto is not at {KYOTO}")
def test_kyoto_has_nothing_wrong(capsys):
    run("--home", REPOSITORY / "config/homes/casas-kyoto.yaml", "--root", KYOTO, "--source", "casas")
    said = capsys.readouterr().out
    assert "   17229  events" in said.splitlines()
    assert "no problems" in said
