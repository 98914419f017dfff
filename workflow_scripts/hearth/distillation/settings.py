"""What a training run may be told, checked before anything is loaded."""

import jsonschema

_COUNT = {"type": "integer", "minimum": 1}

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "lora": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "r": _COUNT,
                "alpha": {"type": "number", "exclusiveMinimum": 0},
                "dropout": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
                "target_modules": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            },
            "required": ["r", "alpha", "dropout", "target_modules"],
        },
        "learning_rate": {"type": "number", "exclusiveMinimum": 0},
        "epochs": {"type": "number", "exclusiveMinimum": 0},
        "batch_size": _COUNT,  # examples an optimizer step: ranks x micro_batch_size x accumulation
        "micro_batch_size": _COUNT,  # examples a forward pass of one rank
        "warmup_ratio": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        "max_length": _COUNT,  # tokens of prompt and completion; longer examples are left out, never cut
        "seed": {"type": "integer", "minimum": 0},
        "gradient_checkpointing": {"type": "boolean"},
        "save_steps": _COUNT,  # optimizer steps between checkpoints
        "truncated_traces": {"enum": ["keep", "drop"]},
        "max_examples": {"type": ["integer", "null"], "minimum": 1},
    },
}
SCHEMA["required"] = sorted(SCHEMA["properties"])


def check_settings(settings: object) -> dict:
    """Return `settings` unchanged when they fit SCHEMA; a ValueError names the key and what is wrong with it."""
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(settings)
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
