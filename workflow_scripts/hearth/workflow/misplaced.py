"""List keys of a config that are settings elsewhere: of a base model in the registry, or of all trainings."""

from collections.abc import Collection, Iterator

from hearth.common.schemas import Problem
from hearth.workflow.config_types import Json
from hearth.workflow.renamed import values_at


def misplaced_settings(config: object, schema: Json, model_keys: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for each key of `students` that its schema lacks and that has another place.

    `schema` is the schema of the config; `model_keys` are the keys of a model in the registry.
    """
    students = schema["properties"]["students"]["properties"]
    training, group = students["training"]["properties"], students["groups"]["additionalProperties"]["properties"]
    of_model = dict.fromkeys(model_keys, "it belongs to the base model in the model registry (config/models.yaml)")
    of_training = {key: f"it belongs below training: students.training.{key}" for key in training}
    shared = "training settings are the same for all students"
    of_all = {key: f"{shared}: students.training.{key}" for key in training} | {
        "training": f"{shared}: students.training",
        "learning_rate": "a group has a list, one student for each value: learning_rates",
        "lora": "of LoRA's settings a group has a list of ranks, one student for each: ranks",
    }
    places = {
        ("students",): (students, of_model | of_training),
        ("students", "training"): (training, of_model),
        ("students", "groups", "*"): (group, of_model | of_all),
    }
    for place, (known, elsewhere) in places.items():
        for path, value in values_at(config, place, []):
            keys = value if isinstance(value, dict) else ()
            yield from (
                ([*path, key], f"unknown key {key!r}; {elsewhere[key]}")
                for key in keys
                if key in elsewhere and key not in known
            )
