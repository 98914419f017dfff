"""Test which paths are refused, and that every rule quotes the paths in its shell command."""

import re

import pytest
from hearth.workflow.places import place_problems
from repository import REPOSITORY

RULES = [REPOSITORY / "Snakefile", *sorted((REPOSITORY / "rules").glob("*.smk"))]


@pytest.mark.parametrize(
    "path", ["/data/my project", "/data/it's", "/data/ünï", "/data/a;b&c", "/data/*[a]?", "/data/a,b=c", "/data/#%"]
)
def test_paths_that_can_be_quoted_are_accepted_everywhere(path):
    conda = {} if "'" in path else {"place": path}
    paths = {"place": path}
    assert place_problems(paths, paths, paths, paths, conda) == []


@pytest.mark.parametrize(
    ("path", "of_rules", "on_path", "to_slurm", "to_conda"),
    [
        ("/{a}", 1, 0, 0, 0),
        ("/a:b", 0, 1, 0, 0),
        ("/a$HOME", 0, 0, 1, 1),
        ("/a`id`", 0, 0, 1, 1),
        ('/a"b', 0, 0, 1, 1),
        ("/a\\b", 0, 0, 1, 1),
        ("/it's", 0, 0, 0, 1),
    ],
)
def test_paths_are_refused_where_they_would_be_misread(path, of_rules, on_path, to_slurm, to_conda):
    paths = {"the project's folder": path}
    assert len(place_problems(paths, paths, {}, {}, {})) == of_rules
    assert len(place_problems(paths, {}, paths, {}, {})) == on_path
    assert len(place_problems(paths, {}, {}, paths, {})) == to_slurm
    assert len(place_problems(paths, {}, {}, {}, paths)) == to_conda
    for problem in place_problems(paths, paths, paths, paths, paths):
        assert problem.startswith(f"the project's folder {path} holds ")
        assert problem.endswith("; rename it")


@pytest.mark.parametrize("path", ["/a\nb", "/a\tb", "/a\x07"])
def test_unprintable_characters_are_refused_and_shown_escaped(path):
    (problem,) = place_problems({"the run's folder": path}, {}, {}, {}, {})
    assert repr(path) in problem


def shell_commands() -> list[tuple[str, str]]:
    """Return the file and the text of every shell command of the rules."""
    commands = []
    for file in RULES:
        for block in re.findall(r"^    shell:\n((?:        .*\n)+)", file.read_text(), re.MULTILINE):
            code = re.sub(r"^ *#.*\n", "", block, flags=re.MULTILINE)
            commands.append((file.name, "".join(part[1:-1] for part in re.findall(r"'[^'\n]*'|\"[^\"\n]*\"", code))))
    return commands


def test_every_shell_command_quotes_its_files_and_its_program():
    commands = shell_commands()
    assert len(commands) > 25
    for file, command in commands:
        assert not re.findall(r"\{(?:input|output|log)(?:\.\w+)?\}", command), (file, command)
        assert command.count("$SCRIPTS") == command.count('"$SCRIPTS/'), (file, command)


def test_every_shell_command_quotes_what_else_may_hold_a_path():
    paths = {"root", "home_name", "activate", "server", "stage_weights", "project", "pins", "model", "folder"}
    found = set()
    for file, command in shell_commands():
        for name, how in re.findall(r"\{(?:params|resources)\.(\w+)(:q)?\}", command):
            if name in paths:
                assert how, (file, name)
                found.add(name)
    assert found == paths
