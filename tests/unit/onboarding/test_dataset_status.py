"""Test that data of shipped homes are found below a folder and judged, on invented recordings in documented forms."""

import shutil
from pathlib import Path

import check_home
import datasets_status
import pytest
from hearth.data.sources.registry import raw_files
from hearth.homes.home import HOMES, load_home
from hearth.onboarding.dataset_status import ABSENT, Limits, find_statuses, judge, source_of
from public_forms import FORMS

LIMITS = Limits(0.02, 0.02)


def homes(*names):
    return {name: load_home(HOMES / f"{name}.yaml") for name in names}


def statuses(root, *names, limits=LIMITS):
    return {each.home: each for each in find_statuses(root, homes(*names), limits)}


def write(folder, form):
    folder.mkdir(parents=True)
    FORMS[form](folder)
    return folder


@pytest.mark.parametrize("name", ["orange4home", "Orange4Home", "a/b/orange4home"])
def test_a_folder_of_the_homes_name_has_its_data(tmp_path, name):
    folder = write(tmp_path / name, "orange4home")
    found = statuses(tmp_path, "orange4home", "sdhar-home")
    assert (found["orange4home"].folder, found["orange4home"].verdict) == (folder, "tolerated")
    assert (found["orange4home"].sessions, found["orange4home"].broken) == (2, 0)
    assert found["sdhar-home"].verdict == ABSENT


def test_without_such_a_folder_that_one_is_taken_whose_files_the_home_reads(tmp_path):
    write(tmp_path / "one", "twor-2010")
    two = write(tmp_path / "two", "milan")
    found = statuses(tmp_path, "milan", limits=Limits(0.2, 0.5))
    assert found["milan"].folder == two
    assert found["milan"].events > 0


def test_files_in_a_folder_of_another_homes_name_are_that_homes(tmp_path):
    write(tmp_path / "twor-2009", "twor-2010")
    found = statuses(tmp_path, "twor-2009", "twor-2010", limits=Limits(0.9, 0.9))
    assert found["twor-2009"].verdict != ABSENT
    assert found["twor-2010"].verdict == ABSENT


@pytest.mark.parametrize("other", ["a/orange4home", "z/orange4home"])
def test_of_folders_of_the_homes_name_the_one_with_its_files_is_taken(tmp_path, other):
    folder = write(tmp_path / "orange4home", "orange4home")
    (tmp_path / other).mkdir(parents=True)
    (tmp_path / other / "paper.txt").write_text("no data")
    status = statuses(tmp_path, "orange4home")["orange4home"]
    assert (status.folder, status.others) == (folder, ())


def test_a_folder_that_lacks_the_homes_files_is_no_data(tmp_path):
    (tmp_path / "orange4home").mkdir()
    (tmp_path / "orange4home/activities.csv").write_text("Id\n")
    status = statuses(tmp_path, "orange4home")["orange4home"]
    assert status.verdict == ABSENT
    assert "no file matches recording.files" in status.advice


def test_rows_of_another_home_are_wrong_in_a_folder_of_the_name_and_no_data_elsewhere(tmp_path):
    text = "Time,ItemName,Value\n" + "2017-01-30 08:00:00,attic_door,OPEN\n" * 4
    for folder, verdict in {"orange4home": "wrong", "other": ABSENT}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "o4h_all_events.csv").write_text(text)
        status = statuses(tmp_path, "orange4home")["orange4home"]
        assert status.verdict == verdict
        assert "are broken" in status.advice
        shutil.rmtree(tmp_path / folder)


def test_events_of_the_example_are_wrong(tmp_path):
    home = homes("orange4home")["orange4home"]
    rows = [f"2017-01-30 {each['time']},{each['sensor']},{each['state']}" for each in home.example["events"]]
    start, stop = ("2017-01-30 00:00:00,label,START:Kitchen|Cooking", "2017-01-30 23:00:00,label,STOP:Kitchen|Cooking")
    (tmp_path / "o4h_all_events.csv").write_text("\n".join(["Time,ItemName,Value", start, *rows, stop]) + "\n")
    status = judge("orange4home", home, tmp_path, LIMITS)
    assert status.verdict == "wrong"
    assert "example" in status.advice


@pytest.mark.parametrize(
    ("name", "source"), [("marble", "marble"), ("mural", "mural"), ("aruba", "casas"), ("openshs", "table")]
)
def test_the_source_of_a_home_follows_from_its_yaml(name, source):
    assert source_of(name, homes(name)[name]) == source


def test_the_program_fails_only_if_data_that_are_there_do_not_load(tmp_path, capsys):
    write(tmp_path / "orange4home", "orange4home")
    datasets_status.main(["--root", str(tmp_path), "--homes", "orange4home", "aruba"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["aruba", "absent"]
    assert lines[2].split()[:2] == ["orange4home", "tolerated"]
    assert "1 of 1 homes that are there load; 1 are absent." in lines
    (tmp_path / "orange4home/o4h_all_events.csv").write_text("Time,ItemName,Value\nx,y,z\n")
    with pytest.raises(SystemExit, match="1"):
        datasets_status.main(["--root", str(tmp_path), "--homes", "orange4home"])
    assert [path.name for path in tmp_path.rglob("*")] == ["orange4home", "o4h_all_events.csv"]


@pytest.mark.parametrize("arguments", [["--root", "nowhere"], ["--root", ".", "--homes", "arubo"]])
def test_unknown_folders_and_homes_are_errors(arguments):
    with pytest.raises(ValueError, match=r"nowhere: no such folder|no such home: arubo; shipped are al-smarthome"):
        datasets_status.main(arguments)


@pytest.mark.parametrize(
    ("name", "column"), [("orange4home", ""), ("orange4home", "rssi"), ("ordonez-b", ""), ("aras-a", "")]
)
def test_the_findings_are_those_of_check_home(tmp_path, capsys, name, column):
    folder = write(tmp_path / name, name)
    for path in map(Path, raw_files("table", folder, load_home(HOMES / f"{name}.yaml")) if column else []):
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join([f"{head},{column}", *(f"{each},7" for each in rows), ""]), encoding="utf-8")
    status = statuses(tmp_path, name, limits=Limits(1, 1))[name]
    arguments = ["--max-broken-share", "1", "--max-broken-label-share", "1"]
    check_home.main(["--home", str(HOMES / f"{name}.yaml"), "--root", str(folder), *arguments])
    lines = capsys.readouterr().out.splitlines()
    found = [line for line in lines[lines.index("Verdict") :] if line.startswith(("clean", "tolerated: "))]
    assert status.verdict == found[0].partition(":")[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    assert status.advice == ("" if found == ["clean"] else found[0].removeprefix("tolerated: ") + more)
    assert any(column in line for line in found)


@pytest.mark.parametrize("names", [("a/ordonez-b", "b/ordonez-b"), ("one", "two")])
def test_further_folders_with_files_of_a_home_are_said(tmp_path, capsys, names):
    folders = {write(tmp_path / name, "ordonez-b") for name in names}
    status = statuses(tmp_path, "ordonez-b")["ordonez-b"]
    assert {status.folder, *status.others} == folders
    assert len(status.others) == 1
    with pytest.raises(SystemExit):  # the form has more broken label rows than a run accepts
        datasets_status.main(["--root", str(tmp_path), "--homes", "ordonez-b"])
    assert f"also found in {status.others[0].relative_to(tmp_path)}; " in capsys.readouterr().out
