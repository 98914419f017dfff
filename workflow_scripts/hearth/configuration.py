"""A run's config: checked against its schema and against what it refers to, before anything is planned.

Every problem names file, key, value and the nearest valid one. What a checked config means
(students, recognisers, the selection of a table) is worked out here too, as pure functions.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hearth.files import digest, file_digest
from hearth.homes import HomeError, load_home
from hearth.schemas import Problem, dotted, nearest, read_yaml, schema_problems

PROJECT = Path(__file__).resolve().parents[2]
# Tables that every run makes by itself, beside those that a config declares.
OWN_TABLES = ("claims", "cost")

_ABSENT = object()


class ConfigError(ValueError):
    """A config is wrong; the message has one line a problem."""


@dataclass(frozen=True)
class Student:
    """A base model that learns from the teacher's traces on one dataset."""

    name: str
    base: str
    recipe: str
    dataset: str
    seed: int


def resolve(config: dict, files: list[Path], project: Path = PROJECT) -> tuple[dict, dict]:
    """(config, registry) with defaults filled in and `<dataset>_root` keys moved to their dataset.

    `files` are the config files that `config` was merged from, the last one winning; problems are
    reported against the one that holds the key. Raises ConfigError listing every problem found.
    """
    documents = _documents(files)
    schema = _schema(project, "config")
    _refuse(schema_problems(config, schema), documents, config)
    filled = _filled(config, schema)
    registry = _registry(project, filled["model_registry"])
    _refuse(_references(filled, registry, project), documents, config)
    for key in [key for key in filled if key.endswith("_root")]:
        filled["datasets"][key.removesuffix("_root")]["root"] = filled.pop(key)
    filled["students"]["trained_on"] = _trained_on(filled)
    return filled, registry


def students(config: dict) -> dict[str, Student]:
    """Students by name, `<base>_<recipe>_<dataset>`: names of models and datasets hold no underscore.

    A seed other than 0 adds `_seed<seed>`, so another seed in the config renames, and retrains, no student.
    """
    recipe = config["students"]["recipe"]
    found = (
        Student(f"{base}_{recipe}_{dataset}" + (f"_seed{seed}" if seed else ""), base, recipe, dataset, seed)
        for base in config["students"]["bases"]
        for dataset in _trained_on(config)
        for seed in config["students"]["seeds"]
    )
    return {student.name: student for student in found}


def _trained_on(config: dict) -> list[str]:
    return config["students"]["trained_on"] or list(config["datasets"])


def table_pairs(config: dict, table: str) -> list[tuple[str, str]]:
    """(recogniser, dataset) pairs of a table in the order its selection gives, each once."""
    pairs = []
    for part in config["tables"][table]["select"]:
        for recogniser in _recognisers(config, part["recognisers"]):
            pairs += [(recogniser, dataset) for dataset in _datasets(config, recogniser, part["datasets"])]
    return list(dict.fromkeys(pairs))


def selected_pairs(config: dict) -> list[tuple[str, str]]:
    """(recogniser, dataset) pairs that any table selects, each once: every score of a run."""
    return list(dict.fromkeys(pair for table in config["tables"] for pair in table_pairs(config, table)))


def content_digest(path: Path) -> str:
    """Digest of what a file says: comments and layout of YAML and JSON change nothing, the order of keys does."""
    path = Path(path)
    # As text: `digest` sorts keys, and a prompt lists rooms in the order of the home's yaml.
    return digest(json.dumps(read_yaml(path))) if path.suffix in {".yaml", ".json"} else file_digest(path)


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


def _documents(files: list[Path]) -> list[tuple[Path, object]]:
    """The config files one by one, as far as they are files: what each of them holds."""
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


def _refuse(problems: Iterable[Problem], documents: list[tuple[Path, object]], config: dict) -> None:
    lines = [f"{_origin(path, documents, config)}: {dotted(path)}: {message}" for path, message in problems]
    if lines:
        raise ConfigError("\n".join(lines))


def _schema(project: Path, name: str) -> dict:
    return read_yaml(project / "config" / "schemas" / f"{name}.schema.yaml")


def _number(text: str) -> int | float:
    """1.0 is 1: how a whole number is spelled must rerun nothing, and programs take no 1.0 for a count."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _registry(project: Path, name: str) -> dict:
    path = project / name
    schema = _schema(project, "models")
    try:
        registry = read_yaml(path)
    except OSError as error:
        raise ConfigError(f"model_registry: {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    _refuse(schema_problems(registry, schema), [(path, registry)], registry)
    return _filled(registry, schema)


def _references(config: dict, registry: dict, project: Path) -> Iterator[Problem]:
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
                for line in str(error).splitlines():
                    yield ["datasets", name, "home"], line
        folder = dataset["root"] or config.get(f"{name}_root")
        if "simulate" in dataset and folder:
            yield (
                ["datasets", name, "root"] if dataset["root"] else [f"{name}_root"],
                f"{folder!r} would not be read: the dataset is simulated; remove one of them",
            )
        elif "simulate" not in dataset and not folder:
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
    tables = list(_table_references(config))
    yield from tables or _table_selections(config)


def _table_references(config: dict) -> Iterator[Problem]:
    for table in OWN_TABLES:
        if table in config["tables"]:
            yield ["tables", table], f"{table!r} is a table that every run makes; take another name"
    known = [*config["models"], config["teacher"], *config["students"]["bases"], *students(config)]
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


def _table_selections(config: dict) -> Iterator[Problem]:
    for table in config["tables"]:
        if not table_pairs(config, table):
            yield ["tables", table, "select"], "selects no recogniser on any dataset"


def _filled(value: dict, schema: dict) -> dict:
    """A copy of `value` with the defaults of its schema filled in."""
    return _with_defaults(json.loads(json.dumps(value), parse_float=_number), schema)


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


def _origin(path: list, documents: list[tuple[Path, object]], config: dict) -> str:
    """The config file that a value, or what it is missing from, stands in; --config when it is none of them."""
    while (value := _at(config, path)) is _ABSENT:
        path = path[:-1]
    for file, document in reversed(documents):
        held = _at(document, path)
        if held is not _ABSENT:
            return str(file) if isinstance(value, dict | list) or str(held) == str(value) else "--config"
    return "--config"


def _at(value: object, path: list) -> object:
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return _ABSENT
    return value
