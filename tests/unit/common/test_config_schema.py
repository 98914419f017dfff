import pytest
from hearth.common.config_schema import setting_default, settings_schema
from hearth.common.schemas import read_yaml
from hearth.workflow.configuration import resolve
from repository import CONFIG


def test_a_default_is_the_one_that_a_config_without_the_setting_gets():
    given = read_yaml(CONFIG / "demo.yaml")
    config, _ = resolve(given, [])
    for section in ("engine", "windows", "split", "decoding"):
        for setting in settings_schema(section).keys() - given.get(section, {}).keys():
            assert setting_default(section, setting) == config[section][setting]


def test_a_setting_without_a_default_is_an_error():
    with pytest.raises(KeyError):
        setting_default("engine", "no_such_setting")
