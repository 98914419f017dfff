"""The options of vLLM that the model registry may set for a model (`engine_options`), in two groups.

An option decides results if it changes the numbers that a model computes with or the prompts that fit: it belongs to a
prediction's fingerprint. The others change only speed, memory and the order of sums, as another card does. The schema
of the registry lists both groups.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from hearth.common.config_schema import CONFIG_SCHEMA
from hearth.common.schemas import read_yaml

_SCHEMA = CONFIG_SCHEMA.with_name("models.schema.yaml")


@cache
def option_schemas() -> dict[str, Any]:
    """Return a dict from each option, called as in vLLM's EngineArgs, to its schema."""
    model: dict[str, Any] = read_yaml(_SCHEMA)["additionalProperties"]
    options: dict[str, Any] = model["properties"]["engine_options"]["properties"]
    return options


def deciding_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that decide results."""
    return {name: value for name, value in options.items() if option_schemas()[name]["x-decides-results"]}


def tuning_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that decide speed and memory only."""
    return {name: value for name, value in options.items() if not option_schemas()[name]["x-decides-results"]}
