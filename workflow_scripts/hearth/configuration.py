"""A run's config: checked against its schema and against what it refers to, before anything is planned.

Every problem names file, key, value and the nearest valid one. What a checked config means
(students, recognisers, the selection of a table) is worked out here too, as pure functions.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import yaml

from hearth.homes import HomeError, load_home, nearest

PROJECT = Path(__file__).resolve().parents[2]


class ConfigError(ValueError):
    """A config is wrong; the message has one line a problem."""


@dataclass(frozen=True)
class Student:
    """A base model that learns from the teacher's traces on one dataset."""

    name: str
    base: str
    recipe: str
    dataset: str


def resolve(config: dict, files: list[Path], project: Path = PROJECT) -> tuple[dict, dict]:
    """(config, registry) with defaults filled in and `<dataset>_root` keys moved to their dataset.

    `files` are the config files that `config` was merged from, the last one winning; problems are
    reported against the one that holds the key. Raises ConfigError listing every problem found.
    """
    schema = _schema(project, "config")
    problems = _schema_problems(config, schema, lambda path: _origin(path, files))
    if problems:
        raise ConfigError("\n".join(problems))
    filled = _with_defaults(json.loads(json.dumps(config)), schema)
    registry_path = project / filled["model_registry"]
    registry, problems = _registry(registry_path, project)
    if not problems:
        problems = [
            f"{_origin(path, files)}: {_dotted(path)}: {message}"
            for path, message in _references(filled, registry, project)
        ]
    if problems:
        raise ConfigError("\n".join(problems))
    for key in [key for key in filled if key.endswith("_root")]:
        filled["datasets"][key.removesuffix("_root")]["root"] = filled.pop(key)
    filled["students"]["trained_on"] = filled["students"]["trained_on"] or list(filled["datasets"])
    return filled, registry


def students(config: dict) -> dict[str, Student]:
    """Students by name, `<base>_<recipe>_<dataset>`: names of models and datasets hold no underscore."""
    recipe = config["students"]["recipe"]
    found = (
        Student(f"{base}_{recipe}_{dataset}", base, recipe, dataset)
        for base in config["students"]["bases"]
        for dataset in config["students"]["trained_on"]
    )
    return {student.name: student for student in found}


def table_pairs(config: dict, table: str) -> list[tuple[str, str]]:
    """(recogniser, dataset) pairs of a table in the order its selection gives, each once."""
    pairs = []
    for part in config["tables"][table]["select"]:
        for recogniser in _recognisers(config, part["recognisers"]):
            pairs += [(recogniser, dataset) for dataset in _datasets(config, recogniser, part["datasets"])]
    return list(dict.fromkeys(pairs))


def _recognisers(config: dict, selected) -> list[str]:
    groups = {
        "models": config["models"],
        "students": list(students(config)),
        "bases": config["students"]["bases"],
        "teacher": [config["teacher"]],
    }
    return groups[selected] if isinstance(selected, str) else selected


def _datasets(config: dict, recogniser: str, selected) -> list[str]:
    if isinstance(selected, list):
        return selected
    student = students(config).get(recogniser)
    # A base model has learned from no dataset of ours, so all of them are `others` to it.
    learned = [student.dataset] if student else []
    if selected == "trained_on":
        return learned
    return [dataset for dataset in config["datasets"] if selected == "all" or dataset not in learned]


def _schema(project: Path, name: str) -> dict:
    return yaml.safe_load((project / "config" / "schemas" / f"{name}.schema.yaml").read_text(encoding="utf-8"))


def _registry(path: Path, project: Path) -> tuple[dict, list[str]]:
    try:
        registry = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        return {}, [f"{path}: the model registry cannot be read: {error}"]
    schema = _schema(project, "models")
    problems = _schema_problems(registry, schema, lambda _path: str(path))
    return ({} if problems else _with_defaults(registry, schema)), problems


def _schema_problems(value, schema: dict, origin) -> list[str]:
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    return [
        f"{origin(path)}: {_dotted(path)}: {message}"
        for error in sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
        for path, message in _explain(error)
    ]


def _explain(error: jsonschema.ValidationError):
    """(path, message) pairs of one schema error, in the words of a config."""
    path = list(error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        patterns = error.schema.get("patternProperties", {})
        for key in error.instance:
            if key not in known and not any(_matches(pattern, key) for pattern in patterns):
                yield [*path, key], f"unknown key {key!r}{nearest(key, known)}"
    elif error.validator == "enum":
        yield path, f"{error.instance!r} is not one of the valid values{nearest(error.instance, error.validator_value)}"
    elif error.validator == "required":
        yield path, f"{error.message.replace('is a required property', 'is missing')}"
    else:
        hint = ""
        if error.validator == "type" and isinstance(error.instance, str) and _is_number(error.instance):
            hint = f" (YAML reads it as text; write {float(error.instance)!r})"
        yield path, f"{error.message}{hint}"


def _matches(pattern: str, key: str) -> bool:
    return next(jsonschema.Draft202012Validator({"pattern": pattern}).iter_errors(str(key)), None) is None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _references(config: dict, registry: dict, project: Path):
    """(path, message) for everything a config names that does not exist."""
    models, datasets = config["models"], config["datasets"]
    for index, model in enumerate(models):
        if model not in registry:
            yield ["models", index], f"unknown model {model!r}{nearest(model, registry)}"
    if config["teacher"] not in registry:
        yield ["teacher"], f"unknown model {config['teacher']!r}{nearest(config['teacher'], registry)}"
    for index, base in enumerate(config["students"]["bases"]):
        if base not in registry:
            yield ["students", "bases", index], f"unknown model {base!r}{nearest(base, registry)}"
    for index, dataset in enumerate(config["students"]["trained_on"]):
        if dataset not in datasets:
            yield ["students", "trained_on", index], f"unknown dataset {dataset!r}{nearest(dataset, datasets)}"
    for name, dataset in datasets.items():
        homes = sorted(path.stem for path in (project / "config" / "homes").glob("*.yaml"))
        if dataset["home"] not in homes:
            yield ["datasets", name, "home"], f"unknown home {dataset['home']!r}{nearest(dataset['home'], homes)}"
        else:
            try:
                load_home(project / "config" / "homes" / f"{dataset['home']}.yaml")
            except HomeError as error:
                yield ["datasets", name, "home"], str(error)
        if not dataset["root"] and "simulate" not in dataset and f"{name}_root" not in config:
            yield ["datasets", name, "root"], f"no folder is named; add it here or run with --config {name}_root=PATH"
    for key in config:
        if key.endswith("_root") and key.removesuffix("_root") not in datasets:
            yield [key], f"unknown dataset {key.removesuffix('_root')!r}{nearest(key.removesuffix('_root'), datasets)}"
    templates = sorted(path.stem for path in (project / "config" / "prompts").glob("*.j2"))
    template = config["prompt"]["template"]
    if template not in templates:
        yield ["prompt", "template"], f"unknown template {template!r}{nearest(template, templates)}"
    deepspeed = config["students"]["deepspeed"]
    if not (project / deepspeed).is_file():
        yield ["students", "deepspeed"], f"no such file: {deepspeed!r}"
    yield from _table_references(config)


def _table_references(config: dict):
    complete = {**config, "students": {**config["students"]}}
    complete["students"]["trained_on"] = config["students"]["trained_on"] or list(config["datasets"])
    known = [*config["models"], config["teacher"], *config["students"]["bases"], *students(complete)]
    for table, spec in config["tables"].items():
        for index, part in enumerate(spec["select"]):
            where = ["tables", table, "select", index]
            if isinstance(part["recognisers"], list):
                for position, name in enumerate(part["recognisers"]):
                    if name not in known:
                        yield [*where, "recognisers", position], f"unknown recogniser {name!r}{nearest(name, known)}"
            if isinstance(part["datasets"], list):
                for position, name in enumerate(part["datasets"]):
                    if name not in config["datasets"]:
                        yield (
                            [*where, "datasets", position],
                            f"unknown dataset {name!r}{nearest(name, config['datasets'])}",
                        )


def _with_defaults(value, schema: dict):
    """`value` with the defaults of its schema filled in, recursively, in place."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key, part in properties.items():
            if key not in value and "default" in part:
                value[key] = json.loads(json.dumps(part["default"]))
        rest = schema.get("additionalProperties")
        for key, part in value.items():
            value[key] = _with_defaults(part, properties.get(key, rest if isinstance(rest, dict) else {}))
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        value = [_with_defaults(item, schema["items"]) for item in value]
    return value


def _origin(path: list, files: list[Path]) -> str:
    """The config file that holds a key, the last one winning; all of them and the command line when none does."""
    for file in reversed(files):
        value = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
        try:
            for part in path:
                value = value[part]
        except (KeyError, IndexError, TypeError):
            continue
        return str(file)
    return " + ".join([*map(str, files), "--config"])


def _dotted(path: list) -> str:
    return ".".join(str(part) for part in path) or "top level"
