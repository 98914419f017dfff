"""Test drafts of a home's yaml from its tables."""

import check_home
import pytest
import yaml
from hearth.common import cli
from hearth.data.events import check_events
from hearth.data.example_leaks import find_recorded_rows
from hearth.data.sources.registry import SOURCES
from hearth.homes.home import load_home
from hearth.onboarding.scaffold import draft_home, drafted_parts
from repository import REPOSITORY


def write(folder, *lines, name="log.csv"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def run(*args):
    cli.run(lambda: check_home.main([str(arg) for arg in args]))


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
    events, report = SOURCES["table"].read(data, loaded)
    check_events(events, loaded)
    assert (len(events), report.skipped) == (3, {"no activity (unlabelled: drop)": 1})
    with pytest.raises(SystemExit, match="1"):
        run("--home", home, "--root", data)
    lines = capsys.readouterr().out.splitlines()
    assert "2024-02-03 07:58:12  kitchen kettle turned ON  [no resident named: Tea]" in lines
    wrong = [line.split(": ")[1] for line in lines if line.startswith("wrong: ")]
    assert wrong == ["about", "example", "rooms"]


def test_a_home_that_somebody_wrote_has_no_drafted_parts():
    homes = [load_home(path) for path in (REPOSITORY / "config/homes").glob("*.yaml")]
    assert homes
    assert not any(map(drafted_parts, homes))


def test_a_sensor_that_measures_is_left_out_of_a_draft(tmp_path):
    rows = [f"2024-02-03 07:{n:02d}:00,temperature,{n},{'ab'[n % 2]}" for n in range(20)]
    data = write(tmp_path, "time,sensor,state,activity", *rows, "2024-02-03 08:00:00,door,open,a")
    document = yaml.safe_load(draft_home([data / "log.csv"], "data", "schema"))
    assert document["recording"]["ignored_sensors"] == ["temperature"]
    assert list(document["sensors"]) == ["door"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,b", "1,2"], "which column is the time?"),
        (["time,sensor,state,activity", "noon,x,on,a"], "'noon' is in no known time format"),
        (["time,sensor,state,activity", "2024-02-03 08:00,x,on,a"], "1 sensors and 1 activities, too few"),
        (["time,sensor,state,activity"], "is in no known time format"),
        ([""], "which column is the time?"),
    ],
)
def test_data_that_cannot_be_drafted_are_refused(tmp_path, capsys, lines, message):
    with pytest.raises(SystemExit, match="1"):
        run("--draft", "--root", write(tmp_path, *lines))
    assert message in capsys.readouterr().err


def test_a_drafted_example_is_no_recorded_event(tmp_path, capsys):
    rows = [
        f"2024-02-{day:02d} 08:{minute:02d}:{second:02d},{sensor},on,a{day % 2}"
        for day in (3, 4)
        for minute in range(10)
        for second in range(60)
        for sensor in ("door", "lamp", "tap")
    ]
    data = write(tmp_path / "data", "time,sensor,state,activity", *rows)
    run("--draft", "--root", data)
    home = tmp_path / "home.yaml"
    home.write_text(capsys.readouterr().out)
    events, _ = SOURCES["table"].read(data, load_home(home))
    assert len(events) == len(rows)
    assert find_recorded_rows(events, load_home(home)) == []
    assert load_home(home).example["events"][0]["time"] == "07:49:40"
