"""Check training settings before anything is loaded; config/schemas/config.schema.yaml holds their defaults."""

import math
from functools import cache
from typing import Any, Literal, TypedDict, cast

import jsonschema

from hearth.common import config_schema


class LoraSettings(TypedDict):
    """`students.training.lora` of a config; the schema describes each key."""

    r: int
    alpha: float
    dropout: float
    target_modules: list[str]


class DecidingSettings(TypedDict):
    """The settings of a training that decide its student."""

    lora: LoraSettings
    learning_rate: float
    epochs: float
    batch_size: int
    warmup_ratio: float
    max_length: int
    gradient_checkpointing: bool
    shared_prefix: bool
    truncated_traces: Literal["keep", "drop"]
    max_examples: int | None
    seed: int


class TrainingSettings(DecidingSettings):
    """`students.training` of a config, with every default filled in, and a seed; the schema describes each key."""

    micro_batch_size: int | Literal["auto"]
    save_steps: int


# Settings that decide memory, speed and what a crash costs, but no result.
NOT_DECIDING = ("micro_batch_size", "save_steps")


@cache
def settings_schema() -> dict[str, Any]:
    """Return the JSON schema of `TrainingSettings`; every key is required."""
    students = config_schema.settings_schema("students")
    training, lora = students["training"], students["training"]["properties"]["lora"]
    properties = {
        # The division among datasets decides which examples there are, and is no setting of their training.
        **{key: schema for key, schema in training["properties"].items() if key != "balance"},
        "lora": {**lora, "required": sorted(lora["properties"])},
        "seed": students["seeds"]["items"],
    }
    return {**training, "required": sorted(properties), "properties": properties}


def check_settings(settings: object) -> TrainingSettings:
    """Return `settings` unchanged if they fit the schema; otherwise raise a ValueError that names the key."""
    errors = jsonschema.Draft202012Validator(settings_schema()).iter_errors(settings)
    for error in sorted(errors, key=lambda error: list(map(str, error.path))):
        place = ".".join(map(str, ("training", *error.path)))
        hint = " (in YAML write 1.0e-4, not 1e-4)" if "number" in error.message else ""
        raise ValueError(f"{place}: {error.message}{hint}")
    return cast("TrainingSettings", settings)


def deciding_settings(settings: TrainingSettings) -> DecidingSettings:
    """Return the settings without those that decide no result."""
    return cast("DecidingSettings", {key: value for key, value in settings.items() if key not in NOT_DECIDING})


def examples_per_rank(settings: TrainingSettings, ranks: int) -> int:
    """Return the number of examples that one rank processes in an optimiser step.

    Raises ValueError if the batch size is not a multiple of `ranks`.
    """
    if settings["batch_size"] % ranks:
        raise ValueError(
            f"training.batch_size {settings['batch_size']} is not a multiple of {ranks} rank(s): change it or the "
            "number of GPUs"
        )
    return settings["batch_size"] // ranks


def check_steps(settings: TrainingSettings, examples: int) -> None:
    """Raise ValueError if the only optimiser step of a training is one of warm-up, whose learning rate starts at 0."""
    steps = math.ceil(settings["epochs"] * math.ceil(examples / settings["batch_size"]))
    if steps == 1 and settings["warmup_ratio"]:
        raise ValueError(
            "the training has only 1 step, and warm-up starts at a learning rate of 0, so nothing would be learned: "
            f"{examples} examples, students.training.batch_size {settings['batch_size']}, epochs "
            f"{settings['epochs']:g}. Use more examples or epochs, a smaller batch_size, or warmup_ratio: 0"
        )
