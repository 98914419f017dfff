"""Test the report of check_home on a home's yaml and its data."""

import os
import shutil
from pathlib import Path

import check_home
import pytest
from hearth.common import cli
from hearth.data.events import check_events
from hearth.data.sources import table
from hearth.homes.home import load_home
from repository import REPOSITORY

TEMPLATE = REPOSITORY / "config/homes/TEMPLATE.yaml"
KYOTO = Path(os.environ.get("HEARTH_SHARED", REPOSITORY.parent / "shared")) / "data" / "casas_kyoto_adlmr"
EXAMPLE = [line.removeprefix("#   ") for line in TEMPLATE.read_text().splitlines() if line.startswith("#   ")][1:6]


def write(folder, *lines, name="log.csv"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def days(*rows):
    """Return the rows, which are of 2024-02-03, four times: with the dates 2024-02-03 to 2024-02-06."""
    return [row.replace("2024-02-03", f"2024-02-0{day}") for day in range(3, 7) for row in rows]


def run(*args):
    cli.run(lambda: check_home.main([str(arg) for arg in args]))


def test_the_template_reads_the_example_that_it_shows(tmp_path):
    assert EXAMPLE[0] == "time,device,value,person,activity"
    home = load_home(TEMPLATE)
    events, report = table.read(write(tmp_path, *EXAMPLE), home)
    check_events(events, home)
    assert events["description"].tolist() == [
        "hall motion detected",
        "kitchen kettle turned ON",
        "kitchen fridge opened",
    ]
    assert events["alternatives"].tolist() == [["coming home"], ["making tea"], ["making tea", "cooking"]]
    assert report.skipped == {"sensor bedroom_temp (ignored_sensors)": 1}
    assert report.broken == []


def test_the_report_shows_what_a_run_would_make_of_the_data(tmp_path, capsys):
    write(tmp_path, EXAMPLE[0], *days(*EXAMPLE[1:]))
    run("--home", TEMPLATE, "--root", tmp_path, "--models", REPOSITORY / "demo/models")
    output = capsys.readouterr().out
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
        assert line in output.splitlines()
    assert "tiny-s, brief, reasoning think: " in output


def test_broken_rows_are_listed_with_a_remedy(tmp_path, capsys):
    write(tmp_path, EXAMPLE[0], *days(*EXAMPLE[1:], "2024-02-03 08:00:00,kettle_plugg,on,anna,makes tea"))
    with pytest.raises(SystemExit, match="1"):
        run("--home", TEMPLATE, "--root", tmp_path)
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("log.csv:6: unknown sensor 'kettle_plugg'; did you mean 'kettle_plug'? (4 rows)")
    assert lines[at + 1].startswith("    to do: correct the name, add it to `sensors`")
    assert lines[-1].startswith("4 of 20 rows are broken, more than a run accepts")


def test_data_of_one_session_cannot_be_split(tmp_path, capsys):
    write(tmp_path, *EXAMPLE)
    with pytest.raises(SystemExit, match="1"):
        run("--home", TEMPLATE, "--root", tmp_path)
    assert (
        "no split: 1 session(s): a split by session needs at least 2; set `recording.sessions`"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("data", "home", "message"),
    [
        ("missing", TEMPLATE, "missing: no such file or folder of data"),
        ("", "missing.yaml", "missing.yaml: no such home"),
        ("", TEMPLATE, "no table of events here"),
    ],
)
def test_a_mistake_in_the_options_is_one_line(tmp_path, capsys, data, home, message):
    with pytest.raises(SystemExit, match="1"):
        run("--home", home, "--root", tmp_path / data)
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_make_passes_the_yaml_to_the_program_only():
    text = (REPOSITORY / "Makefile").read_text()
    assert "override HOME :=" in text
    assert '--home "$(HOME_YAML)"' in text


@pytest.mark.skipif(not KYOTO.is_dir(), reason=f"CASAS Kyoto is not at {KYOTO}")
def test_kyoto_has_no_problems(capsys):
    run("--home", REPOSITORY / "config/homes/casas-kyoto.yaml", "--root", KYOTO, "--source", "casas")
    output = capsys.readouterr().out
    assert "   17229  events" in output.splitlines()
    assert "no problems" in output
