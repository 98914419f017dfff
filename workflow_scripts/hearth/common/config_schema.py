"""The JSON schema of a run's config: the only home of the defaults of all settings."""

from functools import cache
from pathlib import Path
from typing import Any

from hearth.common.schemas import read_yaml

CONFIG_SCHEMA = Path(__file__).resolve().parents[3] / "config" / "schemas" / "config.schema.yaml"


@cache
def settings_schema(*section: str) -> dict[str, Any]:
    """Return a dict from each setting of a section, such as "engine", to its schema; without a section, of all."""
    schema = read_yaml(CONFIG_SCHEMA)
    for key in section:
        schema = schema["properties"][key]
    properties: dict[str, Any] = schema["properties"]
    return properties


def setting_default(*path: str) -> Any:
    """Return the default of a setting, for example of ("engine", "timeout"). Raises KeyError if it has none."""
    *section, setting = path
    return settings_schema(*section)[setting]["default"]
