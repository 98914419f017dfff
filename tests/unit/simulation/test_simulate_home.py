"""Test the program simulate_home: its homes say that they are simulated, and it replaces only simulated homes."""

import os

import pytest
import simulate_home
from hearth.common.cli import UserError
from hearth.simulation.formats import FORMATS
from repository import HOMES
from simulated_homes import files_below


@pytest.mark.parametrize("name", FORMATS)
def test_the_program_writes_a_home_that_says_it_is_simulated(name, tmp_path):
    out = tmp_path / "new" / "home"
    arguments = ["--format", name, "--home", str(HOMES / f"{name}.yaml"), "--out", str(out), "--seed", "7"]
    simulate_home.main([*arguments, "--sessions", "3"])
    assert "SIMULATED" in (out / "README.txt").read_text()
    assert "seed 7" in (out / "README.txt").read_text()
    before = files_below(out)
    simulate_home.main([*arguments, "--sessions", "2"])
    assert len(files_below(out)) < len(before)
    simulate_home.main([*arguments, "--sessions", "3"])
    assert files_below(out) == before
    assert os.listdir(out.parent) == ["home"]


def test_the_program_replaces_nothing_but_simulated_homes(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    arguments = ["--format", "mural", "--home", str(HOMES / "mural.yaml"), "--seed", "7"]
    with pytest.raises(UserError, match="other than a simulated home"):
        simulate_home.main([*arguments, "--sessions", "1", "--out", str(tmp_path)])
    with pytest.raises(UserError, match="--sessions 0"):
        simulate_home.main([*arguments, "--sessions", "0", "--out", str(tmp_path / "new")])
    assert files_below(tmp_path) == {"thesis.txt": b"precious"}


def test_the_readme_names_the_traits_that_are_left_out(tmp_path):
    arguments = ["--format", "marble", "--home", str(HOMES / "marble.yaml"), "--seed", "7", "--sessions", "1"]
    simulate_home.main([*arguments, "--without", "phones", "habits", "--out", str(tmp_path / "home")])
    assert "1 sessions, without phones, habits." in (tmp_path / "home" / "README.txt").read_text()
    with pytest.raises(SystemExit):
        simulate_home.main([*arguments, "--without", "phone", "--out", str(tmp_path / "other")])


def test_the_readme_changes_with_the_other_files_because_it_stands_for_them(tmp_path):
    text = (HOMES / "marble.yaml").read_text(encoding="utf-8")
    (tmp_path / "other.yaml").write_text(text.replace("Europe/Rome", "Asia/Tokyo"), encoding="utf-8")
    readmes = []
    for name, home in (
        ("one", HOMES / "marble.yaml"),
        ("same", HOMES / "marble.yaml"),
        ("other", tmp_path / "other.yaml"),
    ):
        arguments = ["--format", "marble", "--home", str(home), "--seed", "7", "--out", str(tmp_path / name)]
        simulate_home.main([*arguments, "--sessions", "2"])
        readmes.append((tmp_path / name / "README.txt").read_bytes())
    assert readmes[0] == readmes[1] != readmes[2]
