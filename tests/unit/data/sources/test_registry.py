"""Test the registry of sources, and that the config's schema names its sources and the window kinds."""

import pytest
import yaml
from config_factories import SCHEMAS
from hearth.data.sources.registry import SOURCES, raw_files
from hearth.data.windows import WINDOW_KINDS
from hearth.simulation.formats import FORMATS
from table_factories import HOME

SCHEMA = yaml.safe_load((SCHEMAS / "config.schema.yaml").read_text(encoding="utf-8"))["properties"]


def test_the_schema_lists_the_sources_and_the_window_kinds():
    dataset = SCHEMA["datasets"]["additionalProperties"]["properties"]
    assert dataset["source"]["enum"] == list(SOURCES)
    assert SCHEMA["windows"]["properties"]["by"]["enum"] == list(WINDOW_KINDS)


def test_every_simulated_format_has_a_source():
    assert FORMATS.keys() <= SOURCES.keys()


@pytest.mark.parametrize("source", SOURCES)
def test_a_folder_without_data_says_what_was_expected(tmp_path, source):
    with pytest.raises(ValueError, match="here: expected"):
        raw_files(source, tmp_path, HOME)
    with pytest.raises(ValueError, match="no folder given: "):
        raw_files(source, "", HOME)
