"""Test docs/home-hub.md: its settings, entities and corrections are valid, and its tables name every form and topic."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_factories import SCHEMAS
from factories import HOME
from hearth.homes.home import parse_home
from hearth.service.corrections import read_correction
from hearth.service.inputs.registry import FORMS
from hearth.service.settings import read_settings
from hearth.service.topics import Topics
from repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "home-hub.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SCHEMA = yaml.safe_load((SCHEMAS / "service.schema.yaml").read_text(encoding="utf-8"))


def block(key: str) -> Any:
    """Return the one example of the page that has a key."""
    found = [loaded for text in BLOCKS if key in (loaded := yaml.safe_load(text))]
    assert len(found) == 1
    return found[0]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    table = re.search(r"^\|.*?\n\n", PAGE[PAGE.index(heading) :], re.DOTALL | re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[0].splitlines()[2:] if line]


def test_the_settings_are_valid(tmp_path):
    (tmp_path / "student").mkdir()
    (tmp_path / "mqtt.password").write_text("x\n")
    path = tmp_path / "service.yaml"
    path.write_text(yaml.safe_dump(block("student")))
    settings = read_settings(path)
    assert settings["min_confidence"] == 0.5
    assert Path(settings["state"]) == tmp_path / "state"


def test_the_entities_are_valid():
    spec = {"room": "kitchen", "words": "thing"}
    sensors = {
        "fridge": spec | {"states": {"open": "opened", "closed": "closed"}},
        "hall_pir": spec | {"states": {"on": "detected", "off": "ended"}},
        "kettle": spec | {"states": {"on": "turned ON", "off": "turned OFF"}},
    }
    home = parse_home(HOME | {"sensors": HOME["sensors"] | sensors} | block("entities"), "page")
    assert home.entities["hall pir/occupancy"].states == {"true": "on", "false": "off"}
    assert home.entities["binary_sensor.update_available"].sensor is None


def test_every_form_of_input_is_in_schema_and_page():
    names = SCHEMA["properties"]["inputs"]["items"]["properties"]["form"]["enum"]
    assert names == [*FORMS, "websocket"]
    assert sorted(row[0].strip("`") for row in rows("## 3. Settings")) == sorted(names)


def test_every_topic_is_in_the_page():
    topics = Topics("")
    own = {
        topics.status,
        topics.state,
        topics.attributes,
        topics.corrected,
        topics.event,
        topics.windows,
        topics.owner,
        topics.correct,
    }
    own |= {topics.room_state("<room>"), topics.room_attributes("<room>")}
    named = {f"/{topic}" for row in rows("Topics, below") for topic in re.findall(r"`([^`]+)`", row[0])}
    assert named == own


@pytest.mark.parametrize("row", rows("## 6. Corrections"), ids=lambda row: row[0])
def test_the_corrections_are_valid(row):
    home = parse_home(HOME, "page")
    messages = [said for said in re.findall(r"`([^`]+)`", row[0]) if said not in ("window", "event", "from")]
    assert messages
    for said in messages:
        read_correction(said.encode(), home)
