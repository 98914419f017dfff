"""Test the report of check_home on a home's yaml and its data."""

import os
import shutil
from pathlib import Path

import check_home
import pytest
import yaml
from config_factories import write_yaml
from draft_factories import finish, head
from hearth.common import cli
from hearth.data.events import check_events
from hearth.data.load_report import RowProblem
from hearth.data.sources import table
from hearth.homes.home import load_home
from hearth.onboarding.draft.home_draft import draft_home
from hearth.onboarding.validation import broken_rows
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
        "       0  cooking  (right for 4)",
        "       0  working at the desk  (never)",
        "       4  ben",
        "       3 events  2024-02-03: 2024-02-03 07:58 to 2024-02-03 07:59, longest pause 0 days 00:00:32",
        "train1: 3 groups, 3 sessions, 3 windows, 9 events",
        '[{"id": 1, "time": "07:58:12", "description": "hall motion detected"},',
        "In your config",
    ]:
        assert line in output.splitlines()
    assert "tiny-s, brief, reasoning think: " in output
    assert output.splitlines()[-3:] == ["Verdict", "-------", "clean"]


def test_the_report_counts_the_events_of_rules_and_warns_of_what_models_would_misread(tmp_path, capsys):
    data = write(tmp_path / "data", EXAMPLE[0], *days(*EXAMPLE[1:]))
    home = yaml.safe_load(TEMPLATE.read_text())
    home["sensors"]["desk_lamp"] |= {"room": "kitchen", "words": "fridge"}
    home["rules"] += ["Desk lamps are lit for work.", "The hall is small."]
    run("--home", write_yaml(tmp_path / "home.yaml", home), "--root", data)
    lines = capsys.readouterr().out.splitlines()
    for line in [
        "    warning: fridge_door, desk_lamp are all 'kitchen fridge' in prompts",
        "       4  common sense: The kettle means making tea, unless the stove is used by the same person.",
        "       -  origin not stated: The hall is small.",
        "    to do: state the `origin` of 2 rules, see TEMPLATE.yaml",
        "none of its events is recorded",
    ]:
        assert line in lines


def test_the_report_shows_groups_and_every_fold(tmp_path, capsys):
    write(tmp_path, EXAMPLE[0], *days(*EXAMPLE[1:]), "2024-02-06 09:00:00,fridge_door,open,ben,cooks")
    run("--home", TEMPLATE, "--root", tmp_path, "--folds", "2", "--by", "day")
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("Groups") + 2 :][:2] == ["       4  session", "       4  day"]
    assert lines[lines.index("Verdict") - 2] == "split: {folds: 2, by: day}"
    split = lines[lines.index("Split") + 2 :][:5]
    assert [line.split(":")[0] for line in split if "groups" in line] == ["train1", "test1", "train2", "test2"]
    assert all("2 groups, 2 sessions" in line for line in split if "groups" in line)
    assert (
        sum(
            line in ("labels in test1, but never in train1: cooking", "labels in test2, but never in train2: cooking")
            for line in split
        )
        == 1
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--folds", "5"],
            "be tested in 5 folds; lower split.folds (split.by: session, 4 sessions); set `recording.sessions`",
        ),
        (["--by", "dya"], "no split: the events have no group key 'dya'; did you mean 'day'?"),
    ],
)
def test_folds_that_the_data_cannot_have_are_a_problem(tmp_path, capsys, options, message):
    write(tmp_path, EXAMPLE[0], *days(*EXAMPLE[1:]))
    with pytest.raises(SystemExit, match="1"):
        run("--home", TEMPLATE, "--root", tmp_path, *options)
    assert message in capsys.readouterr().out


def test_an_example_of_recorded_events_is_a_problem(tmp_path, capsys):
    data = write(tmp_path / "data", EXAMPLE[0], *days(*EXAMPLE[1:]))
    home = yaml.safe_load(TEMPLATE.read_text())
    home["example"]["events"][0]["time"] = "07:58:30"
    home["example"]["events"][0] |= {"sensor": "kettle_plug", "label": "making tea"}
    with pytest.raises(SystemExit, match="1"):
        run("--home", write_yaml(tmp_path / "home.yaml", home), "--root", data)
    lines = capsys.readouterr().out.splitlines()
    verdict = lines[lines.index("Verdict") :]
    assert verdict[2].startswith(
        "wrong: example.events.0: 07:58:30 'kitchen kettle turned ON' is event 1 of session 2024-02-03"
    )
    assert "an example has to be invented" in verdict[3]


def test_broken_rows_are_listed_with_a_remedy(tmp_path, capsys):
    write(tmp_path, EXAMPLE[0], *days(*EXAMPLE[1:], "2024-02-03 08:00:00,kettle_plugg,on,anna,makes tea"))
    with pytest.raises(SystemExit, match="1"):
        run("--home", TEMPLATE, "--root", tmp_path)
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("log.csv:6: unknown sensor 'kettle_plugg'; did you mean 'kettle_plug'? (4 rows)")
    assert lines[at + 1].startswith("    to do for each unknown sensor (4 rows): correct the name, add it to `sensors`")
    assert not any(line.startswith("tolerated: 4 of 20") for line in lines)
    assert lines[-1].startswith("wrong: 4 of 20 rows are broken, a share of 0.2000 (allowed: 0.02), first log.csv:6")


def test_data_of_one_session_cannot_be_split(tmp_path, capsys):
    write(tmp_path, *EXAMPLE)
    with pytest.raises(SystemExit, match="1"):
        run("--home", TEMPLATE, "--root", tmp_path)
    assert (
        "no split: 1 group(s): a split needs at least 2 (split.by: session, 1 sessions); set `recording.sessions`"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("data", "home", "message"),
    [
        ("missing", TEMPLATE, "missing: no such file or folder of data"),
        ("", "missing.yaml", "missing.yaml: no such home"),
    ],
)
def test_a_mistake_in_the_options_is_one_line(tmp_path, capsys, data, home, message):
    with pytest.raises(SystemExit, match="1"):
        run("--home", home, "--root", tmp_path / data)
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_folder_without_tables_is_wrong(tmp_path, capsys):
    with pytest.raises(SystemExit, match="1"):
        run("--home", TEMPLATE, "--root", tmp_path)
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"wrong: {tmp_path}: no file matches recording.files")


@pytest.mark.parametrize(
    ("change", "lines", "tolerated"),
    [
        (
            {},
            ["2024-02-03 08:00:00,kettle_plugg,on,anna,makes tea"],
            "1 of 81 rows are broken (1: log.csv:82: unknown sensor 'kettle_plugg')",
        ),
        (
            {},
            ["2024-02-03 07:58:12,hall_pir,1,anna,comes home"],
            "1 of 81 rows are skipped: duplicate row, first log.csv:82",
        ),
        (
            {"unlabelled": None},
            ["2024-02-03 08:00:00,kettle_plug,on,anna,"],
            "1 of 81 rows are skipped: no activity (unlabelled: drop), first log.csv:82",
        ),
        ({"columns": {"resident": None}}, [], "columns that are not used: person"),
    ],
)
def test_what_is_left_out_unasked_is_tolerated_by_name(tmp_path, capsys, change, lines, tolerated):
    home = yaml.safe_load(TEMPLATE.read_text())
    for key, value in change.items():
        if value is None:
            del home["recording"][key]
        else:
            home["recording"][key] = {name: at for name, at in home["recording"][key].items() if name not in value}
    hours = [row.replace(" 07:", f" {hour:02d}:") for hour in range(3, 8) for row in days(*EXAMPLE[1:])]
    data = write(tmp_path / "data", EXAMPLE[0], *[row.replace(" 08:00:40", " 09:00:40") for row in hours], *lines)
    run("--home", write_yaml(tmp_path / "home.yaml", home), "--root", data)
    assert capsys.readouterr().out.splitlines()[-1] == f"tolerated: {tolerated}"


@pytest.mark.parametrize(
    ("names", "intervals", "end"),
    [
        ("start,stop,doing,note", {}, "columns of label files that are not used: note"),
        ("start;stop;doing;note;by", {"delimiter": ";"}, "columns of label files that are not used: note, by"),
        ("start,stop,doing", {}, "clean"),
        (
            "doing,stop,start,note",
            {"header": ["start", "stop", "doing", "x*"]},
            "columns of label files that are not used: x*",
        ),
    ],
)
def test_unused_columns_of_label_files_are_tolerated_by_name(tmp_path, capsys, names, intervals, end):
    home = yaml.safe_load(TEMPLATE.read_text())
    del home["recording"]["columns"]["activity"]
    columns = {"begin": "start", "end": "stop", "activity": "doing"}
    home["recording"]["intervals"] = {"files": "labels.csv", "columns": columns} | intervals
    mark = intervals.get("delimiter", ",")
    data = write(tmp_path / "data", *[row.rpartition(",")[0] for row in [EXAMPLE[0], *days(*EXAMPLE[1:])]])
    rest = ["x"] * (len(names.split(mark)) - 3)
    rows = [[f"2024-02-0{day} 07:00:00", f"2024-02-0{day} 10:00:00", "makes tea", *rest] for day in range(3, 7)]
    write(data, *([] if "header" in intervals else [names]), *map(mark.join, rows), name="labels.csv")
    run("--home", write_yaml(tmp_path / "home.yaml", home), "--root", data)
    assert capsys.readouterr().out.splitlines()[-1].removeprefix("tolerated: ") == end


def test_a_draft_and_its_check_name_the_same_unused_columns_of_influxdb(tmp_path, capsys):
    lines = ["#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,string,string,string,string"]
    lines += ["#default,_result,,,,,,,,", ",result,table,_start,_stop,_time,_value,_field,room,entity_id"]
    for day in range(1, 5):
        start = f",,0,2025-03-01T00:00:00Z,2025-03-09T00:00:00Z,2025-03-0{day}"
        lines += [f"{start}T08:0{n}:00Z,{'on' if n % 2 else 'off'},state,hall,{'ab'[n // 2]}" for n in range(4)]
    data = write(tmp_path / "data", *lines, name="export.csv")
    spans = [f"2025-03-0{day}T08:00:00Z,2025-03-0{day}T08:0{day}:00Z,{'AB'[day % 2]}" for day in range(1, 5)]
    write(data, "begin,end,activity", *spans, name="labels.csv")
    text = draft_home(data, "schema")
    assert "columns that are not used: _field, room" in head(text)
    run("--home", finish(text, tmp_path / "home.yaml"), "--root", data)
    assert "tolerated: columns that are not used: _field, room" in capsys.readouterr().out.splitlines()


def test_choices_that_a_draft_left_open_are_tolerated_until_their_line_is_deleted(tmp_path, capsys):
    data = write(tmp_path / "data", EXAMPLE[0], *days(*EXAMPLE[1:]))
    home = tmp_path / "home.yaml"
    home.write_text("# OPEN: timezone: UTC or another?\n" + TEMPLATE.read_text())
    run("--home", home, "--root", data)
    assert capsys.readouterr().out.splitlines()[-1] == "tolerated: open choice: timezone: UTC or another?"


@pytest.mark.parametrize(
    ("residents", "end"), [("one", "residents: one, but the events name 2: anna, ben"), ("several", "clean")]
)
def test_a_home_of_one_resident_whose_events_name_two_is_tolerated(tmp_path, capsys, residents, end):
    data = write(tmp_path / "data", EXAMPLE[0], *days(*EXAMPLE[1:]))
    home = yaml.safe_load(TEMPLATE.read_text()) | {"residents": residents}
    run("--home", write_yaml(tmp_path / "home.yaml", home), "--root", data)
    assert capsys.readouterr().out.splitlines()[-1].removeprefix("tolerated: ") == end


def test_broken_rows_that_differ_only_in_quoted_texts_are_one_form(tmp_path):
    problems = [RowProblem("a.csv", line, f"column time: '{line} Feb' is no time in iso8601") for line in range(2, 162)]
    assert broken_rows(problems) == ["a.csv:2: column time: '2 Feb' is no time in iso8601 (160 rows)"]


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_make_passes_the_yaml_to_the_program_only():
    text = (REPOSITORY / "Makefile").read_text()
    assert "override HOME :=" in text
    assert '--home "$(HOME_YAML)"' in text


@pytest.mark.skipif(not KYOTO.is_dir(), reason=f"CASAS Kyoto is not at {KYOTO}")
def test_kyoto_is_tolerated(capsys):
    run("--home", REPOSITORY / "config/homes/casas-kyoto.yaml", "--root", KYOTO, "--source", "casas")
    output = capsys.readouterr().out
    assert "   17229  events" in output.splitlines()
    verdict = output.splitlines()[output.splitlines().index("Verdict") + 2 :]
    assert verdict
    assert all(line.startswith("tolerated: ") for line in verdict)
