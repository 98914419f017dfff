"""Test the walk of docs/your-home.md: its data are drafted, checked and configured as it says."""

import re

import check_home
import pytest
import yaml
from hearth.common import cli
from hearth.common.config_schema import CONFIG_SCHEMA
from hearth.common.schemas import read_yaml, schema_problems
from hearth.data.sources.casas import RECORDING_KEYS
from repository import REPOSITORY

WALK = (REPOSITORY / "docs/your-home.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", WALK, re.DOTALL)
HEADER, *ROWS = BLOCKS[0][1].splitlines()


def run(*args):
    cli.run(lambda: check_home.main([str(arg) for arg in args]))


@pytest.fixture
def flat(tmp_path):
    """Return a folder with the data of the walk, which shows the first rows, on eight days."""
    data = tmp_path / "flat" / "data"
    data.mkdir(parents=True)
    more = [ROWS[0].replace("08:00:05", "08:02:10").replace("sleeping", "making tea")]
    rows = [row.replace("01.03.", f"{day:02d}.03.") for day in range(1, 9) for row in ROWS + more]
    (data / "log.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return data.parent


def test_the_walk_ends_clean_after_the_edits_that_it_names(flat, capsys):
    home = flat / "my-flat.yaml"
    run("--draft", "--home", home, "--root", flat / "data")
    text = home.read_text()
    assert [line.split(":")[1] for line in text.splitlines() if line.startswith("# OPEN")] == [" timezone"]
    text = re.sub(r"# OPEN: timezone.*\n", "", text).replace("timezone: UTC", "timezone: Europe/Berlin")
    text = text.replace("A home in which people live.", "A flat of three rooms in which Anna lives.")
    home.write_text(text.replace("One activity after another.", "Anna gets up and makes tea."))
    capsys.readouterr()
    run("--home", home, "--root", flat / "data")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "clean"
    assert f"      {8 * (len(ROWS) + 1)}  events" in lines


def test_the_config_of_the_walk_is_one_of_baselines_only():
    [text] = [text for kind, text in BLOCKS if kind == "yaml" and "datasets:" in text]
    config = yaml.safe_load(text)
    assert schema_problems(config, read_yaml(CONFIG_SCHEMA)) == []
    assert config["tables"]["scaling"]["select"] == [{"recognisers": "baselines"}]
    assert "--configfile ~/flat/run.yaml --cores 2 table_scaling" in WALK


def test_every_make_target_of_the_walk_exists():
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = {target for _, block in BLOCKS for target in re.findall(r"make ([a-z][a-z-]+)", block)}
    assert targets == {"setup", "draft-home", "check-home"}
    assert all(f"\n{target}:" in makefile for target in targets)


def test_the_walk_names_every_key_of_recording_and_every_key_that_casas_uses():
    schema = read_yaml(REPOSITORY / "config/schemas/home.schema.yaml")
    keys = set(schema["properties"]["recording"]["properties"]) - {"files"}
    assert {key for key in keys if not re.search(rf"`[^`]*\b{key}\b[^`]*`", WALK)} == set()
    sentence = WALK[WALK.index("The source `casas` uses") : WALK.index("other keys are refused there")]
    assert {key.partition(".")[0] for key in RECORDING_KEYS} == {
        key.partition(".")[0] for key in re.findall(r"`([a-z_.]+)`", sentence)
    } - {"casas"}
