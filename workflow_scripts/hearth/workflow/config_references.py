"""Check that what a config names exists and can be used: models, homes, folders, templates, recognisers, datasets."""

import datetime
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import cast

from hearth.common.schemas import Problem, nearest
from hearth.distillation.settings import TrainingSettings, check_steps
from hearth.engines.registry import SERVER_ENGINE
from hearth.homes.home import HomeError, load_home
from hearth.workflow.config_types import Config, ExampleLimit, Registry, WindowSettings
from hearth.workflow.dataset_homes import home_problems, load_dataset_home, root_problems
from hearth.workflow.decoding import decoding_problems
from hearth.workflow.fold_problems import fold_problems
from hearth.workflow.label_references import label_problems
from hearth.workflow.recipe_references import recipe_problems, recipe_table_problems
from hearth.workflow.recognisers import DIRECT_PROMPT, MODEL_GROUPS, groups, recognisers
from hearth.workflow.sample_references import sample_problems, unsampled_problems, vote_problems
from hearth.workflow.scoring_references import scoring_problems
from hearth.workflow.selection import compared_pairs, table_pairs
from hearth.workflow.served_models import served_decoding_problems, server_problems
from hearth.workflow.student_references import (
    division_problems,
    forgetting_problems,
    replay_problems,
    seen_problems,
    set_problems,
)
from hearth.workflow.students import student_groups, students

# Names of tables that are made without a declaration in the config: by a run, `deployment` by a target of its own.
OWN_TABLES = ("claims", "budgets", "audit", "cost", "deployment")

# The path of a value in the config: keys of mappings and positions in lists, from the top level.
Place = list[object]


def reference_problems(config: Config, registry: Registry, project: Path) -> Iterator[Problem]:
    """Yield (path, message) for every value in `config` that names something that does not exist or is unusable.

    The defaults of `config` must be filled in.
    """
    yield from name_problems(config, registry, project)
    yield from server_problems(config, registry, _bases(config))
    yield from _batch_problems(config, registry)
    yield from _step_problems(config)
    yield from _confidence_problems(config)
    yield from decoding_problems(config)
    yield from sample_problems(config)
    sets = list(set_problems(config))
    yield from sets
    for name, dataset in config["datasets"].items():
        yield from root_problems(config, name, dataset)
    for key in config:
        dataset_name = key.removesuffix("_root")
        if key.endswith("_root") and dataset_name not in config["datasets"]:
            yield [key], f"unknown dataset {dataset_name!r}{nearest(dataset_name, config['datasets'])}"
    yield from _left_out_problems(config, project)
    yield from _date_problems(config)
    yield from _sensor_kind_problems(config, project)
    yield from _window_problems(config)
    deepspeed = config["students"]["deepspeed"]
    if not (project / deepspeed).is_file():
        files = ", ".join(f"config/deepspeed/{file.name}" for file in sorted(project.glob("config/deepspeed/*.json")))
        yield ["students", "deepspeed"], f"no such file: {deepspeed!r}; files of the project: {files}"
    ambiguous = list(_name_problems(config))
    yield from ambiguous
    if not (ambiguous or sets):
        variants = [
            *division_problems(config),
            *replay_problems(config),
            *recipe_problems(config),
            *_variant_problems(config),
            *_teacher_problems(config, registry),
        ]
        # Checked after the variants, because a table may select one.
        yield from (
            variants
            or list(scoring_problems(config, registry))
            or list(unsampled_problems(config))
            or list(_table_problems(config))
            or [*_selection_problems(config), *label_problems(config, project)]
            or fold_problems(config)
        )
        if not variants:
            yield from served_decoding_problems(config, registry)


def name_problems(config: Config, registry: Registry, project: Path) -> Iterator[Problem]:
    """Yield a problem for each model, home or template that does not exist: these depend on no other setting."""
    yield from _model_problems(config, registry)
    for name, dataset in config["datasets"].items():
        yield from home_problems(name, dataset, project)
    yield from _template_problems(config, project)


def _unknown_name(kind: str, name: str, path: Place, known: Collection[str]) -> Iterator[Problem]:
    """Yield a problem if `name`, the value at `path`, is not one of the `known` names."""
    if name not in known:
        yield path, f"unknown {kind} {name!r}{nearest(name, known)}"


def _unknown_names(kind: str, names: Iterable[str], path: Place, known: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for each name in the list at `path` that is not one of the `known` names."""
    for index, name in enumerate(names):
        yield from _unknown_name(kind, name, [*path, index], known)


def _model_problems(config: Config, registry: Registry) -> Iterator[Problem]:
    yield from _unknown_names("model", config["models"], ["models"], registry)
    yield from _unknown_name("model", config["teacher"], ["teacher"], registry)
    for path, bases in _bases(config).items():
        yield from _unknown_names("model", bases, [*path], registry)


def _bases(config: Config) -> dict[tuple[str, ...], list[str]]:
    """Return a dict from a path in the config to the list of base models there; each of them becomes a student."""
    main = config["students"]
    bases: dict[tuple[str, ...], list[str]] = {("students", "bases"): main["bases"]}
    bases.update({("students", "groups", name, "bases"): group["bases"] for name, group in main["groups"].items()})
    return bases


def _batch_problems(config: Config, registry: Registry) -> Iterator[Problem]:
    """Yield a problem for each base model among whose ranks the examples of an optimiser step do not divide equally."""
    size = config["students"]["training"]["batch_size"]
    for name in sorted({name for bases in _bases(config).values() for name in bases} & registry.keys()):
        nodes, gpus = registry[name]["nodes"], registry[name]["train_gpus"]
        ranks = nodes * max(1, gpus)
        if size % ranks:
            parts = [f"{count} {word}{'s' * (count > 1)}" for count, word in ((nodes, "node"), (gpus, "GPU")) if count]
            below = size // ranks * ranks
            nearest_valid = f"{below} or {below + ranks}" if below else f"{ranks}"
            yield (
                ["students", "training", "batch_size"],
                f"{size} does not divide among the {' x '.join(parts)} = {ranks} ranks for students of {name!r}; "
                f"nearest: {nearest_valid}; the number decides results, so rather change train_gpus (now {gpus}) "
                f"or nodes (now {nodes}) of {name!r} in the model registry (config/models.yaml)",
            )


def _step_problems(config: Config) -> Iterator[Problem]:
    """Yield limits on examples with which a training has no step that learns."""
    training = cast(TrainingSettings, config["students"]["training"])
    places: list[tuple[Place, ExampleLimit | None]] = [
        (["students", "training", "max_examples"], config["students"]["training"]["max_examples"])
    ]
    for name, group in config["students"]["groups"].items():
        places += [(["students", "groups", name, "max_examples"], limit) for limit in group["max_examples"]]
    # `smallest` is known once the datasets are split.
    limits = [(path, limit) for path, limit in places if isinstance(limit, int)]
    for path, limit in limits:
        try:
            check_steps(training, limit)
        except ValueError as error:
            yield path, str(error)


def _confidence_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each place that asks the run's own servers for probabilities of tokens."""
    if config["engine"]["name"] != SERVER_ENGINE:
        return
    asked: list[tuple[Place, Mapping[str, object]]] = [(["decoding"], cast(Mapping[str, object], config["decoding"]))]
    asked += [(["variants", name, "decoding"], spec["decoding"]) for name, spec in config["variants"].items()]
    for path, decoding in asked:
        if decoding.get("confidence", "none") != "none":
            yield (
                [*path, "confidence"],
                "a server does not say which distribution its log-probabilities come from; set engine.name to vllm",
            )


def _left_out_problems(config: Config, project: Path) -> Iterator[Problem]:
    """Yield a problem for each label to leave out that no home has, of the config's homes and the project's.

    A label of another home of the project is valid and ignored, so that a config can serve for some of its homes. A set
    of which no home of the config has a label would leave out nothing.
    """
    known: set[str] = set()
    for dataset in config["datasets"].values():
        try:
            known.update(load_dataset_home(dataset, project).labels)
        except (HomeError, OSError):
            return  # `home_problems` says why
    sets = config["metrics"]["without"]
    others = set() if known.issuperset(chain(*sets.values())) else _labels_of_project(project)
    for name, labels in sets.items():
        path: Place = ["metrics", "without", name]
        unknown = [label for label in labels if label not in known | others]
        for label in unknown:
            yield path, f"no home has the label {label!r}{nearest(label, sorted(known))}"
        if not unknown and not known.intersection(labels):
            yield path, f"no home of the config has one of these labels; known: {', '.join(sorted(known))}"


def _labels_of_project(project: Path) -> set[str]:
    """Return the labels of all homes that the project describes."""
    labels: set[str] = set()
    for file in (project / "config" / "homes").glob("*.yaml"):
        if file.stem == "TEMPLATE":
            continue
        try:
            labels.update(load_home(file).labels)
        except HomeError:  # of no matter to a run that does not use it
            continue
    return labels


def _template_problems(config: Config, project: Path) -> Iterator[Problem]:
    templates = sorted(file.stem for file in (project / "config" / "prompts").glob("*.j2"))
    yield from _unknown_name("template", config["prompt"]["template"], ["prompt", "template"], templates)
    for name, spec in config["variants"].items():
        if "template" in spec["prompt"]:
            path: Place = ["variants", name, "prompt", "template"]
            yield from _unknown_name("template", spec["prompt"]["template"], path, templates)


def _date_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for a date that is none, and for a variant with a date: a server of the run has one."""
    try:
        datetime.date.fromisoformat(config["prompt"]["date"])
    except ValueError as error:
        yield ["prompt", "date"], f"{config['prompt']['date']!r} is no date: {error}"
    for name, spec in config["variants"].items():
        if "date" in spec["prompt"]:
            yield ["variants", name, "prompt", "date"], "one date holds for the whole run; set `prompt.date`"


def _sensor_kind_problems(config: Config, project: Path) -> Iterator[Problem]:
    """Yield a problem for each prompt that shows kinds of sensors, if the home of a dataset says none."""
    shown: dict[tuple[str, ...], bool] = {("prompt", "sensor_kinds"): config["prompt"]["sensor_kinds"]}
    for name, spec in config["variants"].items():
        shown["variants", name, "prompt", "sensor_kinds"] = spec["prompt"].get("sensor_kinds", False)
    paths = [path for path, kinds in shown.items() if kinds]
    checked: set[str] = set()
    for dataset in config["datasets"].values() if paths else ():
        try:
            home = load_dataset_home(dataset, project)
        except HomeError:  # reported at the dataset
            continue
        name = dataset["home"]
        if name in checked:
            continue
        checked.add(name)
        if not any(sensor.kind for sensor in home.sensors.values()):
            yield from (([*path], f"no sensor of the home {name!r} has a `kind`; add it to its yaml") for path in paths)


def _window_problems(config: Config) -> Iterator[Problem]:
    settings: dict[tuple[str, ...], WindowSettings] = {("windows",): config["windows"]}
    for name, dataset in config["datasets"].items():
        if dataset["windows"]:
            settings["datasets", name, "windows"] = {**config["windows"], **dataset["windows"]}
    for path, windows in settings.items():
        if windows["by"] != "count" and windows["seconds"] is None:
            yield [*path, "seconds"], f"windows by {windows['by']} need a number of seconds"


def _name_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each name that two groups share, because tables select a group by its name alone.

    Groups are the groups of students, the variants and the built-in groups.
    """
    taken = {*MODEL_GROUPS, "students", "baselines", "transfer_baselines", DIRECT_PROMPT}
    named: dict[tuple[str, ...], Collection[str]] = {
        ("students", "groups"): config["students"]["groups"],
        ("variants",): config["variants"],
    }
    for path, names in named.items():
        for name in names:
            if name in taken:
                yield [*path, name], f"the name {name!r} is taken; choose another name"
            taken.add(name)
    for index, name in enumerate(config["baselines"]):
        if name in {*config["models"], config["teacher"], *config["students"]["bases"]}:
            yield ["baselines", index], f"a model has the name {name!r} too; rename the model in the model registry"


def _variant_problems(config: Config) -> Iterator[Problem]:
    group_names = [*MODEL_GROUPS, *student_groups(config)]
    known = [*config["models"], config["teacher"], *config["students"]["bases"], *students(config)]
    for variant, spec in config["variants"].items():
        path: Place = ["variants", variant, "of"]
        if isinstance(spec["of"], list):
            yield from _unknown_names("model or student", spec["of"], path, known)
        else:
            yield from _unknown_name("group", spec["of"], path, group_names)


def _teacher_problems(config: Config, registry: Registry) -> Iterator[Problem]:
    """Yield a problem for each group's teacher that does not exist or whose prompt shows the labels of train windows.

    A teacher is a model or `<model>_<variant>`.
    """
    for name, group in config["students"]["groups"].items():
        path: Place = ["students", "groups", name, "teacher"]
        model, _, variant = group["teacher"].partition("_")
        if model:
            yield from _unknown_name("model", model, path, registry)
        if not variant:
            continue
        yield from _unknown_name("variant", variant, path, config["variants"])
        if variant in config["variants"] and config["variants"][variant]["self_consistency"]:
            yield path, f"{group['teacher']!r} is a majority of samples and has no reasoning to learn from"
        changes = config["variants"][variant]["prompt"] if variant in config["variants"] else {}
        prompt = {**config["prompt"], **changes}
        if prompt["shots"] and prompt["shots_by"] == "random":
            yield (
                path,
                f"the prompt of {group['teacher']!r} shows windows of the train split with their labels, and the "
                "teacher would label those same windows; shots_by: similarity shows only windows of other sessions",
            )


def _table_problems(config: Config) -> Iterator[Problem]:
    for table in OWN_TABLES:
        if table in config["tables"]:
            yield ["tables", table], f"{table!r} is a table that every run makes; choose another name"
    known, members = recognisers(config), groups(config)
    for table, spec in config["tables"].items():
        for index, part in enumerate(spec["select"]):
            path: Place = ["tables", table, "select", index]
            if isinstance(part["recognisers"], list):
                yield from _unknown_names("recogniser", part["recognisers"], [*path, "recognisers"], known)
            else:
                yield from _unknown_name("group", part["recognisers"], [*path, "recognisers"], members)
            if isinstance(part["datasets"], list):
                yield from _unknown_names("dataset", part["datasets"], [*path, "datasets"], config["datasets"])
        if spec["rows"] != "scores":
            given = {"layout": spec["layout"] != "wide", "seeds": spec["seeds"] != "mean"}
            for key, is_set in {"columns": spec["columns"], "compare": spec["compare"], **given}.items():
                if is_set:
                    yield ["tables", table, key], f"a table of {spec['rows']} has none; remove it or set rows: scores"
        for index, column in enumerate(spec["columns"]):
            _, without, labels = column.partition("_without_")
            if without and labels not in config["metrics"]["without"]:
                path = ["tables", table, "columns", index]
                yield path, f"unknown set of labels {labels!r}; set metrics.without.{labels}"
        for index, pair in enumerate(spec["compare"]):
            path = ["tables", table, "compare", index]
            yield from _unknown_names("recogniser or group", pair, path, [*known, *members])


def _selection_problems(config: Config) -> Iterator[Problem]:
    yield from seen_problems(config)
    yield from forgetting_problems(config)
    yield from vote_problems(config)
    yield from recipe_table_problems(config)
    for table in config["tables"]:
        if not table_pairs(config, table):
            yield ["tables", table, "select"], "selects no recogniser on any dataset"
        try:
            compared_pairs(config, table)
        except ValueError as error:
            yield ["tables", table, "compare"], str(error)
