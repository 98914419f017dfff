"""Check a run's config against its schema, check that everything it names exists, and fill in its defaults.

Every problem names file, key, value and the nearest valid value. Other modules derive from the checked config the
students and recognisers (recognisers.py), the contents of tables (selection.py) and the whole run (run_plan.py).
"""

import contextlib
import copy
import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import yaml

from hearth.common.schemas import (
    Problem,
    dotted,
    read_yaml,
    schema_problems,
    with_defaults,
    without_invalid_values,
    without_unknown_keys,
)
from hearth.distillation.recipes import RECIPES
from hearth.workflow.config_references import name_problems, reference_problems
from hearth.workflow.config_types import Config, Json, Registry
from hearth.workflow.dataset_sets import default_datasets
from hearth.workflow.misplaced import misplaced_settings
from hearth.workflow.project_files import PROJECT
from hearth.workflow.recognisers import groups
from hearth.workflow.renamed import renamed_settings
from hearth.workflow.students import students

_ABSENT = object()
# (file, its content) of every config file, in the order in which they are merged.
Documents = list[tuple[Path, object]]


class ConfigError(ValueError):
    """A config is wrong; the message has one line per problem."""


def resolve(config: Json, files: Iterable[Path], project: Path = PROJECT) -> tuple[Config, Registry]:
    """Return the config and the model registry, both with defaults filled in.

    The value of a key `<dataset>_root` is moved to `datasets.<dataset>.root`. `files` are the config files from which
    `config` was merged; later files override earlier ones. The message of a problem names the file that holds the key.
    Raises ConfigError with one line for every problem.
    """
    documents = _read_documents(files)
    schema = _read_schema(project, "config")
    model_keys = _read_schema(project, "models")["additionalProperties"]["properties"]
    config = _with_numbers_of_options(config, schema, documents)
    problems = list(_schema_problems(config, schema, model_keys))
    # Unknown keys hide no other problem: without them, the rest can be checked.
    usable = cast(Json, without_unknown_keys(config, schema) if problems else config)
    if schema_problems(usable, schema):
        _refuse([*problems, *_names_in_valid_parts(usable, schema, project)], documents, config)
    if overrides := list(_override_problems(usable, schema["properties"])):
        _refuse([*problems, *overrides], documents, config)
    filled = _fill_defaults(usable, schema)
    try:
        registry = _read_registry(project, filled["model_registry"])
    except ConfigError as error:
        raise ConfigError("\n".join([*_lines(problems, documents, config), str(error)])) from None
    for dataset in filled["datasets"].values():
        dataset["split"] = {key: value or filled["split"][key] for key, value in dataset["split"].items()}
    _refuse([*problems, *reference_problems(cast(Config, filled), registry, project)], documents, config)
    for key in [key for key in filled if key.endswith("_root")]:
        filled["datasets"][key.removesuffix("_root")]["root"] = filled.pop(key)
    for dataset in filled["datasets"].values():
        dataset["windows"] = filled["windows"] | dataset["windows"]
    checked = cast(Config, filled)
    checked["students"]["trained_on"] = checked["students"]["trained_on"] or default_datasets(checked)
    return checked, registry


def _names_in_valid_parts(config: Json, schema: Json, project: Path) -> list[Problem]:
    """Return the problems of names in those parts of a config that its schema allows."""
    valid = cast(Json, without_invalid_values(config, schema))
    if schema_problems(valid, schema):
        return []
    filled = cast(Config, _fill_defaults(valid, schema))
    try:
        registry = _read_registry(project, filled["model_registry"])
    except ConfigError:  # reported once the config is valid
        return []
    # Not of defaults, which stand where a value is left out.
    return [
        problem for problem in name_problems(filled, registry, project) if _value_at(valid, problem[0]) is not _ABSENT
    ]


def unused_settings(written: Json, config: Config) -> list[str]:
    """Return a line for each setting of a config, as its user wrote it, that another setting leaves without effect.

    `config` is the same after `resolve`.
    """
    lines = []
    folds = {name: dataset["split"]["folds"] for name, dataset in config["datasets"].items()}
    if "test_fraction" in written.get("split", {}) and min(folds.values()) > 1:
        lines.append(f"split.test_fraction is not used: {min(folds.values())} folds test every group")
    if written.get("windows", {}).get("seconds") and config["windows"]["by"] == "count":
        lines.append("windows.seconds is not used: windows are cut by count")
    for name, dataset in written["datasets"].items():
        if dataset.get("split", {}).get("test_fraction") and folds[name] > 1:
            lines.append(f"datasets.{name}.split.test_fraction is not used: {folds[name]} folds test every group")
        if dataset.get("windows", {}).get("seconds") and config["datasets"][name]["windows"]["by"] == "count":
            lines.append(f"datasets.{name}.windows.seconds is not used: its windows are cut by count")
    if written.get("teacher_sampling") and not config["teacher_samples"]:
        lines.append("teacher_sampling is not used: teacher_samples is 0")
    used = [RECIPES[student.recipe] for student in students(config).values()]
    if "teacher_top_tokens" in written and all(recipe.reads != "log_probabilities" for recipe in used):
        lines.append("teacher_top_tokens is not used: no student learns from log-probabilities (soft, on-policy)")
    if "on_policy_rounds" in written.get("students", {}) and not any(recipe.on_policy for recipe in used):
        lines.append("students.on_policy_rounds is not used: no student has the recipe on-policy")
    members = groups(config)
    for table, spec in config["tables"].items():
        for index, part in enumerate(spec["select"]):
            group = part["recognisers"]
            if isinstance(group, str) and not members[group]:
                lines.append(f"tables.{table}.select.{index} adds no row: the run has no {group}")
    return lines


def _read_documents(files: Iterable[Path]) -> Documents:
    """Read the config files; skip paths that no longer exist, as when the config came from a pipe."""
    documents, problems = [], []
    for file in files:
        try:
            documents.append((file, read_yaml(file)))
        except FileNotFoundError:
            continue
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return documents


def _refuse(problems: Iterable[Problem], documents: Documents, config: object) -> None:
    """Raise ConfigError with one line for each problem; do nothing if there is none."""
    if lines := _lines(problems, documents, config):
        raise ConfigError("\n".join(lines))


def _lines(problems: Iterable[Problem], documents: Documents, config: object) -> list[str]:
    return [f"{_origin(path, documents, config)}: {dotted(path)}: {message}" for path, message in problems]


def _read_schema(project: Path, name: str) -> Json:
    return cast(Json, read_yaml(project / "config" / "schemas" / f"{name}.schema.yaml"))


def _read_registry(project: Path, name: str) -> Registry:
    path = project / name
    schema = _read_schema(project, "models")
    try:
        registry = read_yaml(path)
    except OSError as error:
        raise ConfigError(f"model_registry: {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    _refuse(schema_problems(registry, schema), [(path, registry)], registry)
    filled = cast(Registry, _fill_defaults(cast(Json, registry), schema))
    _refuse(_parallelism_problems(filled), [(path, registry)], registry)
    for model in filled.values():
        if model["train_gpus"] is None:
            model["train_gpus"] = model["gpus"]
    return filled


def _parallelism_problems(registry: Registry) -> Iterator[Problem]:
    """Yield a problem for each model whose GPUs cannot be divided into `pipeline_parallel` groups of equal size."""
    for name, model in registry.items():
        gpus, groups = model["gpus"], model["pipeline_parallel"]
        if groups > max(gpus, 1):
            yield [name, "gpus"], f"pipeline_parallel {groups} needs at least {groups} GPUs, not {gpus}"
        elif gpus % groups:
            below = gpus // groups * groups
            nearest_valid = f"the nearest valid numbers are {below} and {below + groups}"
            yield [name, "gpus"], f"{gpus} is not a multiple of pipeline_parallel {groups}; {nearest_valid}"


def _with_numbers_of_options(config: Json, schema: Json, documents: Documents) -> Json:
    """Return a copy of the config with numbers and booleans in the mappings and lists that --config gives.

    Snakemake reads these as text.
    """
    typed = copy.deepcopy(config)
    for path, _ in schema_problems(config, schema):
        *parents, last = path or [""]
        value = _value_at(config, path)
        if isinstance(value, str) and _origin(path, documents, config) == "--config":
            with contextlib.suppress(yaml.YAMLError):
                _value_at(typed, parents)[last] = yaml.safe_load(value)
    return typed


def _schema_problems(config: object, schema: Json, model_keys: Collection[str]) -> Iterator[Problem]:
    """Yield the differences from the schema; a renamed or misplaced key or value is reported only as such."""
    known = [*renamed_settings(config), *misplaced_settings(config, schema, model_keys)]
    yield from known
    reported = [path for path, _ in known]
    yield from (problem for problem in schema_problems(config, schema) if problem[0] not in reported)


def _override_problems(config: Json, properties: Json) -> Iterator[Problem]:
    """Check the settings that a dataset or a variant overrides against the schema of the overridden settings."""
    for path, message in schema_problems(config.get("decoding_without_reasoning", {}), properties["decoding"]):
        yield ["decoding_without_reasoning", *path], message
    for path, message in schema_problems(config.get("teacher_sampling", {}), properties["decoding"]):
        yield ["teacher_sampling", *path], message
    for kind, names in {"datasets": ["windows"], "variants": ["prompt", "decoding"]}.items():
        for owner, spec in config.get(kind, {}).items():
            for name in names:
                for path, message in schema_problems(spec.get(name, {}), properties[name]):
                    yield [kind, owner, name, *path], message


def _fill_defaults(value: Json, schema: Json) -> Json:
    """Return a copy of `value` with the defaults of its schema filled in."""
    return cast(Json, with_defaults(json.loads(json.dumps(value), parse_float=_parse_number), schema))


def _parse_number(text: str) -> int | float:
    """Return an int for a whole number such as 1.0.

    So 1 and 1.0 in a config are the same and rerun no job, and programs that expect an integer accept both.
    """
    number = float(text)
    return int(number) if number.is_integer() else number


def _origin(path: list[Any], documents: Documents, config: object) -> str:
    """Return the config file that holds the value at `path`; "--config" if no file holds it as it is.

    For a missing value, return the file that holds the nearest existing parent.
    """
    while (value := _value_at(config, path)) is _ABSENT:
        path = path[:-1]
    in_files = [(file, part) for file, document in documents if (part := _value_at(document, path)) is not _ABSENT]
    merged: object = _ABSENT
    for _, part in in_files:
        merged = _merge(merged, part)
    return str(in_files[-1][0]) if in_files and (not path or _equal(merged, value)) else "--config"


def _merge(below: object, above: object) -> object:
    """Return what Snakemake makes of two values of config files: it merges mappings, and else takes the later value."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _merge(below.get(key), value) for key, value in above.items()}
    return above


def _equal(one: object, other: object) -> bool:
    """Return whether two values are equal, or are written alike: YAML readers differ in what they keep as text."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return str(one) == str(other)


def _value_at(value: Any, path: list[Any]) -> Any:
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return _ABSENT
    return value
