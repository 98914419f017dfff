"""What a training run may be told, checked before anything is loaded."""

from functools import cache
from pathlib import Path

import jsonschema

from hearth.common.schemas import read_yaml

CONFIG_SCHEMA = Path(__file__).resolve().parents[3] / "config" / "schemas" / "config.schema.yaml"


@cache
def settings_schema() -> dict:
    """The schema of `students.training` with a seed, every key required: the config has its defaults filled in."""
    students = read_yaml(CONFIG_SCHEMA)["properties"]["students"]["properties"]
    training, lora = students["training"], students["training"]["properties"]["lora"]
    properties = {
        **training["properties"],
        "lora": {**lora, "required": sorted(lora["properties"])},
        "seed": students["seeds"]["items"],
    }
    return {**training, "required": sorted(properties), "properties": properties}


def check_settings(settings: object) -> dict:
    """Return `settings` unchanged when they fit the schema; a ValueError names the key and what is wrong with it."""
    errors = jsonschema.Draft202012Validator(settings_schema()).iter_errors(settings)
    for error in sorted(errors, key=lambda error: list(map(str, error.path))):
        where = ".".join(map(str, ("training", *error.path)))
        hint = " (in YAML write 1.0e-4, not 1e-4)" if "number" in error.message else ""
        raise ValueError(f"{where}: {error.message}{hint}")
    return settings


def accumulation_steps(settings: dict, ranks: int) -> int:
    """Forward passes of one rank in an optimizer step; a ValueError says when the batch does not divide evenly."""
    at_once = ranks * settings["micro_batch_size"]
    if settings["batch_size"] % at_once:
        raise ValueError(
            f"training.batch_size {settings['batch_size']} is not a multiple of {ranks} rank(s) x "
            f"micro_batch_size {settings['micro_batch_size']}; change one of them or the number of GPUs"
        )
    return settings["batch_size"] // at_once
