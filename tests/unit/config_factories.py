"""Make small projects with config, homes, model registry and templates, and list the properties of JSON schemas."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from factories import HOME
from hearth.workflow.configuration import ConfigError, resolve
from repository import REPOSITORY

SCHEMAS = REPOSITORY / "config" / "schemas"

CONFIG = {
    "datasets": {
        "made-up": {"source": "marble", "home": "made-up", "root": "data"},
        "second": {"source": "mural", "home": "made-up", "simulate": {"seed": 1, "sessions": 4}},
    },
    "models": ["little", "large"],
    "teacher": "large",
    "students": {"bases": ["little"]},
    "tables": {
        "scaling": {"title": "By size", "select": [{"recognisers": "models"}]},
        "students": {
            "title": "Students",
            "select": [
                {"recognisers": "students", "datasets": "trained_on"},
                {"recognisers": ["large", "little_reasoning_second"], "datasets": ["second"]},
            ],
        },
    },
}

REGISTRY = {
    "little": {"source": "folder", "path": "models/little", "license": "Apache-2.0"},
    "large": {"source": "folder", "path": "models/large", "license": "Apache-2.0", "gpus": 1},
}


def replace_at(value: dict[str, Any], path: str, new: object) -> dict[str, Any]:
    """Return a copy of `value` with `new` at `path`, keys and positions such as `a/0/b`; `...` as `new` deletes it."""
    copy: dict[str, Any] = json.loads(json.dumps(value))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    inner: Any = copy
    for part in parents:
        inner = inner[part]
    if new is ...:
        del inner[last]
    else:
        inner[last] = new
    return copy


def write_yaml(path: Path, value: object) -> Path:
    """Write `value` into the file `path`, a string as it is and anything else as YAML; return `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
    return path


def make_project(folder: Path) -> Path:
    """Write a project with one home, two models, two templates and the real schemas; return its folder."""
    shutil.copytree(SCHEMAS, folder / "config" / "schemas")
    write_yaml(folder / "config" / "models.yaml", REGISTRY)
    write_yaml(folder / "config" / "homes" / "made-up.yaml", HOME)
    for name in ("prompts/six-parts.j2", "prompts/brief.j2", "deepspeed/zero2.json"):
        write_yaml(folder / "config" / name, "{}")
    return folder


def problem_lines(config: object, project: Path, *files: Path) -> list[str]:
    """Assert that `config` raises ConfigError, and return the lines of its message.

    `files` are the config files that it comes from; without any, it is written to run.yaml.
    """
    files = files or (write_yaml(project / "run.yaml", config),)
    with pytest.raises(ConfigError) as raised:
        resolve(config, list(files), project)
    return str(raised.value).splitlines()


def check_single_problem(project: Path, path: str, value: object, said: str) -> None:
    """Assert that the config with `value` at `path` has one problem, whose line names the file and holds `said`."""
    lines = problem_lines(replace_at(CONFIG, path, value), project)
    # Not counted: a table of CONFIG names a student that the changed config may no longer declare.
    assert len([line for line in lines if "unknown recogniser 'little_reasoning" not in line]) == 1
    assert any(said in line for line in lines)
    assert all("run.yaml: " in line or "model_registry: " in line for line in lines)


def schema_properties(schema: dict[str, Any], path: str = "top level") -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield (path, schema, whether it is required) for every property of `schema`, nested properties included."""
    for name, part in schema.get("properties", {}).items():
        where = f"{path}.{name}"
        yield where, part, name in schema.get("required", [])
        yield from schema_properties(part, where)
    for name, part in schema.get("patternProperties", {}).items():
        yield f"{path}.{name}", part, True
    for key in ("additionalProperties", "items"):
        if isinstance(schema.get(key), dict):
            yield from schema_properties(schema[key], f"{path}.*")
