"""A run's config: checked against its schema and against what it refers to, before anything is planned.

Every problem names file, key, value and the nearest valid one. What a checked config means
(students, recognisers, the selection of a table) is worked out in recognisers.py.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from hearth.common.files import digest, file_digest
from hearth.common.schemas import Problem, dotted, nearest, read_yaml, schema_problems
from hearth.homes.home import HomeError, load_home
from hearth.workflow.recognisers import (
    DIRECT,
    MODEL_GROUPS,
    compared,
    groups,
    recognisers,
    student_groups,
    students,
    table_pairs,
    usual_datasets,
)
from hearth.workflow.renamed import renamed_settings

PROJECT = Path(__file__).resolve().parents[3]
# Formats in which a home can be simulated (simulation.FORMATS, which only its own jobs import).
SIMULATED = ("marble", "mural")
# Tables that every run makes by itself, beside those that a config declares.
OWN_TABLES = ("claims", "cost", "audit")

_ABSENT = object()
_SERVER = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/%-]*)?")


class ConfigError(ValueError):
    """A config is wrong; the message has one line a problem."""


def resolve(config: dict, files: list[Path], project: Path = PROJECT) -> tuple[dict, dict]:
    """(config, registry) with defaults filled in and `<dataset>_root` keys moved to their dataset.

    `files` are the config files that `config` was merged from, the last one winning; problems are
    reported against the one that holds the key. Raises ConfigError listing every problem found.
    """
    documents = _documents(files)
    schema = _schema(project, "config")
    renamed = list(renamed_settings(config))
    misfits = [
        problem for problem in schema_problems(config, schema) if problem[0] not in [path for path, _ in renamed]
    ]
    _refuse([*renamed, *misfits], documents, config)
    _refuse(_override_problems(config, schema["properties"]), documents, config)
    filled = _filled(config, schema)
    registry = _registry(project, filled["model_registry"])
    _refuse(_references(filled, registry, project), documents, config)
    for key in [key for key in filled if key.endswith("_root")]:
        filled["datasets"][key.removesuffix("_root")]["root"] = filled.pop(key)
    filled["students"]["trained_on"] = filled["students"]["trained_on"] or usual_datasets(filled)
    for dataset in filled["datasets"].values():
        dataset["windows"] = filled["windows"] | dataset["windows"]
    return filled, registry


def content_digest(path: Path) -> str:
    """Digest of what a file says: comments and layout of YAML and JSON change nothing, the order of keys does."""
    path = Path(path)
    # As text: `digest` sorts keys, and a prompt lists rooms in the order of the home's yaml.
    return digest(json.dumps(read_yaml(path))) if path.suffix in {".yaml", ".json"} else file_digest(path)


def home_path(home: str, project: Path = PROJECT) -> Path:
    """The file of a home: a name is one of the project's, a path ending in .yaml a file of the user's own."""
    return Path(home) if home.endswith(".yaml") else project / "config" / "homes" / f"{home}.yaml"


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


def _override_problems(config: dict, properties: dict) -> Iterator[Problem]:
    """What is wrong with settings that replace some of the run's own: each is what the run's own may be."""
    for kind, names in {"datasets": ("windows",), "variants": ("prompt", "decoding")}.items():
        for owner, spec in config.get(kind, {}).items():
            for name in names:
                for path, message in schema_problems(spec.get(name, {}), properties[name]):
                    yield [kind, owner, name, *path], message


def _references(config: dict, registry: dict, project: Path) -> Iterator[Problem]:
    """(path, message) for everything a config names that does not exist."""
    datasets, main = config["datasets"], config["students"]
    yield from _unknown("model", config["models"], ["models"], registry)
    yield from _unknown("model", [config["teacher"]], ["teacher"], registry, single=True)
    yield from _unknown("model", main["bases"], ["students", "bases"], registry)
    yield from _served_problems(config, registry)
    yield from _unknown("dataset", main["trained_on"], ["students", "trained_on"], datasets)
    for name, group in main["groups"].items():
        where = ["students", "groups", name]
        yield from _unknown("model", group["bases"], [*where, "bases"], registry)
        yield from _unknown("dataset", group["trained_on"], [*where, "trained_on"], datasets)
    for name, dataset in datasets.items():
        homes = sorted(path.stem for path in (project / "config" / "homes").glob("*.yaml"))
        home = home_path(dataset["home"], project)
        if not home.is_file() and home != Path(dataset["home"]):
            hint = nearest(dataset["home"], homes)
            yield ["datasets", name, "home"], f"unknown home {dataset['home']!r}{hint}, or name a file: my-home.yaml"
        else:
            try:
                load_home(home)
            except HomeError as error:
                for line in str(error).splitlines():
                    yield ["datasets", name, "home"], line
        if "simulate" in dataset and dataset["source"] not in SIMULATED:
            what = f"no home is simulated as {dataset['source']!r}; it must be one of {', '.join(SIMULATED)}"
            yield ["datasets", name, "source"], what
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
    yield from _unknown("template", [config["prompt"]["template"]], ["prompt", "template"], templates, single=True)
    for name, spec in config["variants"].items():
        if "template" in spec["prompt"]:
            where = ["variants", name, "prompt", "template"]
            yield from _unknown("template", [spec["prompt"]["template"]], where, templates, single=True)
    yield from _window_problems(config)
    deepspeed = config["students"]["deepspeed"]
    if not (project / deepspeed).is_file():
        yield ["students", "deepspeed"], f"no such file: {deepspeed!r}"
    names = list(_name_problems(config))
    yield from names
    if not names:
        variants = [*_variant_references(config), *_teacher_problems(config, registry)]
        # A table may select a variant, so what it selects is known once these are right.
        yield from variants or list(_table_references(config)) or _table_selections(config)


def _unknown(kind: str, names: list[str], path: list, known, single: bool = False) -> Iterator[Problem]:
    """Each of `names` that is none of the `known`; it stands at `path`, or as a `single` value is all there is."""
    for index, name in enumerate(names):
        if name not in known:
            yield path if single else [*path, index], f"unknown {kind} {name!r}{nearest(name, known)}"


def _teacher_problems(config: dict, registry: dict) -> Iterator[Problem]:
    """Teachers of groups that are neither a model nor `<model>_<variant>`, or know the answers."""
    for name, group in config["students"]["groups"].items():
        path = ["students", "groups", name, "teacher"]
        model, _, variant = group["teacher"].partition("_")
        if model:
            yield from _unknown("model", [model], path, registry, single=True)
        if variant:
            yield from _unknown("variant", [variant], path, config["variants"], single=True)
            prompt = config["prompt"] | config["variants"].get(variant, {}).get("prompt", {})
            if prompt["shots"] and prompt["shots_by"] == "random":
                yield (
                    path,
                    f"{group['teacher']!r} is shown windows of the train split, with their answers, that it would then "
                    "be asked about; with shots_by: similarity it is shown those of other sessions",
                )


def _served_problems(config: dict, registry: dict) -> Iterator[Problem]:
    """Served models that are wanted for what takes weights, or of which no server is known. No URL is repeated."""
    served = {name: spec for name, spec in registry.items() if spec["source"] == "served"}
    groups = config["students"]["groups"]
    bases = {("students", "bases"): config["students"]["bases"]}
    bases |= {("students", "groups", name, "bases"): group["bases"] for name, group in groups.items()}
    for path, names in bases.items():
        for index, name in enumerate(names):
            if name in served:
                yield [*path, index], f"{name!r} is served: its weights are not here, so no student can be made of it"
    asked = {*config["models"], config["teacher"], *(group["teacher"].partition("_")[0] for group in groups.values())}
    asked &= served.keys()
    for name in sorted(asked):
        if not (url := served[name]["base_url"] or config["engine"]["base_url"]):
            yield ["engine", "base_url"], f"{name!r} is served, and this names no server"
        elif not _SERVER.fullmatch(url):
            yield (
                ["engine", "base_url"],
                f"the server of {name!r} must be http(s)://HOST[:PORT]/PATH, such as http://localhost:8000/v1, without "
                "user name, password or query; a key belongs into the environment variable OPENAI_API_KEY",
            )


def _window_problems(config: dict) -> Iterator[Problem]:
    own = {tuple(["windows"]): config["windows"]}
    for name, dataset in config["datasets"].items():
        if dataset["windows"]:
            own["datasets", name, "windows"] = config["windows"] | dataset["windows"]
    for path, windows in own.items():
        if windows["by"] != "count" and windows["seconds"] is None:
            yield [*path, "seconds"], f"windows by {windows['by']} need a number of seconds"


def _name_problems(config: dict) -> Iterator[Problem]:
    """Names that mean two things: groups of students, variants and what is built in are selected by name alike."""
    taken = {*MODEL_GROUPS, "students", "baselines"}
    for path, names in {
        ("students", "groups"): config["students"]["groups"],
        ("variants",): config["variants"],
    }.items():
        for name in names:
            if name in taken or name == DIRECT:
                yield [*path, name], f"the name {name!r} is taken; take another"
            taken.add(name)
    for index, name in enumerate(config["baselines"]):
        if name in {*config["models"], config["teacher"], *config["students"]["bases"]}:
            yield ["baselines", index], f"a model is called {name!r} too; rename it in the registry"


def _variant_references(config: dict) -> Iterator[Problem]:
    grouped = [*MODEL_GROUPS, *student_groups(config)]
    known = [*config["models"], config["teacher"], *config["students"]["bases"], *students(config)]
    for variant, spec in config["variants"].items():
        where = ["variants", variant, "of"]
        if isinstance(spec["of"], list):
            yield from _unknown("model or student", spec["of"], where, known)
        else:
            yield from _unknown("group", [spec["of"]], where, grouped, single=True)


def _table_references(config: dict) -> Iterator[Problem]:
    for table in OWN_TABLES:
        if table in config["tables"]:
            yield ["tables", table], f"{table!r} is a table that every run makes; take another name"
    known, grouped = recognisers(config), groups(config)
    for table, spec in config["tables"].items():
        for index, part in enumerate(spec["select"]):
            where = ["tables", table, "select", index]
            if isinstance(part["recognisers"], list):
                yield from _unknown("recogniser", part["recognisers"], [*where, "recognisers"], known)
            else:
                yield from _unknown("group", [part["recognisers"]], [*where, "recognisers"], grouped, single=True)
            if isinstance(part["datasets"], list):
                yield from _unknown("dataset", part["datasets"], [*where, "datasets"], config["datasets"])
        for index, pair in enumerate(spec["compare"]):
            where = ["tables", table, "compare", index]
            yield from _unknown("recogniser or group", pair, where, [*known, *grouped])


def _table_selections(config: dict) -> Iterator[Problem]:
    for table in config["tables"]:
        if not table_pairs(config, table):
            yield ["tables", table, "select"], "selects no recogniser on any dataset"
        try:
            compared(config, table)
        except ValueError as error:
            yield ["tables", table, "compare"], str(error)


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
