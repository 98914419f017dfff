"""Make the results that the estimate of a run's cost reads: windows, a prompt and fetched models."""

from factories import MODEL
from hearth.common import config_schema
from hearth.common.files import write_json, write_json_lines
from window_factories import complete_window, make_splits

PROMPT = {"version": "brief@0", "template": "brief", "reasoning": "none", "labels": ["A"], "system": "Name activities."}
SERVED = MODEL | {"served": {"model": "large", "interface": "vllm"}}


def training_settings(**changed):
    """Return the config's default settings of trainings, with changes."""
    lora = config_schema.settings_schema("students", "training", "lora")
    settings = {"lora": {name: schema["default"] for name, schema in lora.items()}}
    schemas = config_schema.settings_schema("students", "training")
    return settings | {name: schema["default"] for name, schema in schemas.items() if name != "lora"} | changed


def make_results(folder, model, train=0, test=0, long=()):
    """Write windows of a dataset "flat", a prompt, and models "small", "large" (both `model`) and "served" (none).

    `long` are the indices of windows that are much longer than the others. Return `folder`.
    """
    rows = []
    for index, split in enumerate(["train"] * train + ["test"] * test):
        words = "very " * 50 if index in long else ""
        event = {"id": 1, "time": "10:00:00", "description": f"Door {words}opens."}
        rows.append(complete_window({"window_id": f"flat/{split}/{index}", "events": [event]}))
    write_json_lines(folder / "datasets/flat/windows.jsonl", rows)
    write_json(folder / "datasets/flat/splits.json", make_splits({"train": None, "test": 1}, rows))
    write_json(folder / "prompt.json", PROMPT)
    write_json(folder / "models/served/snapshot.json", SERVED)
    for name in ("small", "large"):
        (folder / "models" / name).symlink_to(model)
    return folder


def planned_load(folder, name, split, model=None):
    """Return the load of a recogniser on a split of "flat"."""
    load = {"recogniser": name, "model": model or name, "dataset": "flat", "split": split}
    return load | {"prompt": str(folder / "prompt.json"), "max_new_tokens": 50, "lora_rank": 0}
