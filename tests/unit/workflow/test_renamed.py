"""Check that old names of keys and values are refused, and that their new names are valid."""

import pytest
import yaml
from config_factories import SCHEMAS
from hearth.workflow.renamed import RENAMED_KEYS, RENAMED_VALUES, renamed_settings


def schema_at(place: tuple[str, ...]) -> dict:
    """Return the schema of a setting; "*" in its path stands for any key or position."""
    part = yaml.safe_load((SCHEMAS / "config.schema.yaml").read_text(encoding="utf-8"))
    for key in place:
        rest = part["items"] if part.get("type") == "array" else part.get("additionalProperties")
        part = rest if key == "*" else part["properties"][key]
    return part


@pytest.mark.parametrize("place", RENAMED_KEYS)
def test_a_renamed_key_has_its_new_name_in_the_schema(place):
    # The overrides of a variant have the schema of the overridden section.
    known = schema_at(place[:-1]).get("properties") or schema_at(place[-2:-1])["properties"]
    assert RENAMED_KEYS[place] in known
    assert place[-1] not in known


@pytest.mark.parametrize("place", RENAMED_VALUES)
def test_a_renamed_value_has_its_new_name_in_the_schema(place):
    valid = schema_at(place)["enum"]
    assert set(RENAMED_VALUES[place].values()) <= set(valid)
    assert not RENAMED_VALUES[place].keys() & set(valid)


def test_every_old_name_is_reported_with_its_place_and_its_new_name():
    config = {
        "conditions": {"cold": {"of": "models"}},
        "variants": {"cold": {"decoding": {"seed": 1}}},
        "students": {"recipe": "truth", "groups": {"few": {"recipes": ["labels", "format"]}}},
    }
    assert list(renamed_settings(config)) == [
        (["conditions"], "'conditions' has been renamed to 'variants'"),
        (["variants", "cold", "decoding", "seed"], "'seed' has been renamed to 'seeds'"),
        (["students", "recipe"], "'truth' has been renamed to 'gold-labels'"),
        (["students", "groups", "few", "recipes", 1], "'format' has been renamed to 'verified-labels'"),
    ]


@pytest.mark.parametrize("config", [None, [], "text", {"students": None}, {"students": {"groups": ["few"]}}])
def test_a_config_of_another_form_is_left_to_the_schema(config):
    assert list(renamed_settings(config)) == []
