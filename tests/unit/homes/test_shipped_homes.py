"""Test that docs/datasets.md and the shipped homes agree."""

import re

import pytest
from hearth.homes.home import HOMES, load_home
from hearth.onboarding.dataset_status import source_of
from repository import REPOSITORY

SHIPPED = sorted(path.stem for path in HOMES.glob("*.yaml") if path.stem != "TEMPLATE")
TEXT = (REPOSITORY / "docs/datasets.md").read_text(encoding="utf-8")
ROWS = {
    found[1]: [cell.strip() for cell in found[2].split("|")]
    for found in re.finditer(r"(?m)^\| \[([a-z0-9-]+)\]\(\.\./config/homes/\1\.yaml\) \|(.*)\|$", TEXT)
}

ONE_PERSON = {"1", "1 and a dog", "1, some 2", "simulated"}


def test_each_shipped_home_has_a_row_in_the_list():
    assert sorted(ROWS) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_the_row_of_a_home_says_what_its_yaml_has(name):
    home = load_home(HOMES / f"{name}.yaml")
    people, sensors, labels, source, _, form, tried = ROWS[name]
    assert (int(sensors), int(labels)) == (len(home.sensors), len(home.labels))
    assert source == source_of(name, home)
    assert (people in ONE_PERSON) == (home.residents == "one")
    assert form
    assert tried.startswith(("real file", "excerpt", "documented form"))


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in ("marble", "mural")])
def test_the_head_of_a_public_home_says_where_it_is_and_how_it_was_tried(name):
    lines = (HOMES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    head = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    assert re.search(r"https?://|GitHub|UCI Machine Learning|ask CASAS|zenodo", head)
    if ROWS[name][-1] != "documented form":
        assert "ried on" in head or name == "casas-kyoto"
    else:
        assert "documented form" in head
