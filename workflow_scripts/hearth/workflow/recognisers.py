"""What the names in a checked config stand for: recognisers and students, and what a table selects of them.

A recogniser's name is put together from names that hold no underscore, joined by underscores:
`<model>`, `<base>_<recipe>_<dataset>` for a student, `<either>_<variant>` for one that is asked in another way.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal

from hearth.distillation.recipes import PAPER_RECIPE, RECIPES

# What `variants` may be of, and tables may select, beside groups of students and variants.
MODEL_GROUPS = ("models", "bases", "teacher")
BASELINES = ("majority", "sensor-majority", "extra-trees", "crf")
# The prompt of students that are taught to answer at once, where the config's prompt asks for reasoning.
DIRECT = "direct"


@dataclass(frozen=True)
class Student:
    """A base model that learns from a teacher's traces on one dataset; `max_examples` None: from all of them.

    `teacher` is a recogniser: a model, or `<model>_<variant>`; "" where the recipe has none.
    """

    name: str
    base: str
    recipe: str
    dataset: str
    seed: int
    teacher: str
    max_examples: int | None
    # In what it differs from the config's main students, whatever its recipe and seed: "", "n50", "by-little".
    training_variant: str


@dataclass(frozen=True)
class Recogniser:
    """Whatever maps a window to a label per event: a model, a student, or a baseline of no language model.

    `variant` says in what it differs from the main one of its kind, "" for that one itself. `prompt_name` is "" for
    the config's prompt; `prompt` and `decoding` are whole settings, the variant's among them.
    """

    name: str
    kind: Literal["base", "student", "baseline"]
    base: str = ""
    student: Student | None = None
    variant: str = ""
    prompt_name: str = ""
    prompt: dict = field(default_factory=dict)
    decoding: dict = field(default_factory=dict)


def usual_datasets(config: dict) -> list[str]:
    """The datasets that are meant where none are named."""
    return [name for name, dataset in config["datasets"].items() if dataset["all"]]


def student_groups(config: dict) -> dict[str, list[Student]]:
    """The students of every group; the main ones are the group `students`."""
    main = config["students"]
    own = {"recipes": [main["recipe"]], "max_examples": [], "teacher": config["teacher"]}
    own |= {key: main[key] for key in ("bases", "trained_on", "seeds")}
    groups = {"students": list(_students(config, own))}
    for name, given in main["groups"].items():
        groups[name] = list(_students(config, own | {key: value for key, value in given.items() if value}))
    return groups


def students(config: dict) -> dict[str, Student]:
    """Every student that a config declares, by name, whether or not a run needs it."""
    return {student.name: student for group in student_groups(config).values() for student in group}


def _students(config: dict, group: dict) -> Iterator[Student]:
    """A seed other than 0 is part of the name, so another seed in the config renames, and retrains, no student."""
    for base in group["bases"]:
        for recipe in group["recipes"]:
            teacher = group["teacher"] if RECIPES[recipe].needs_teacher else ""
            for count in group["max_examples"] or [None]:
                for dataset in group["trained_on"] or usual_datasets(config):
                    for seed in group["seeds"]:
                        parts = [f"n{count}"] if count else []
                        if teacher not in ("", config["teacher"]):
                            parts.append(f"by-{teacher.replace('_', '-')}")
                        name = f"{base}_{'-'.join([recipe, *parts])}_{dataset}" + (f"_seed{seed}" if seed else "")
                        count_or_all = count or config["students"]["training"]["max_examples"]
                        yield Student(name, base, recipe, dataset, seed, teacher, count_or_all, "-".join(parts))


def recognisers(config: dict) -> dict[str, Recogniser]:
    """Every recogniser that a config declares, by name, whether or not a run needs it."""
    found = {}
    for name in [*config["models"], config["teacher"], *config["students"]["bases"]]:
        found[name] = _of_model(config, name)
    for student in students(config).values():
        # A student of a smaller teacher is compared with it, and with its base.
        found.setdefault(student.base, _of_model(config, student.base))
        if student.teacher:
            model, _, variant = student.teacher.partition("_")
            found.setdefault(model, _of_model(config, model))
            if variant:
                found[student.teacher] = _asked(found[model], variant, config["variants"][variant])
        direct = not RECIPES[student.recipe].reasons and config["prompt"]["reasoning"] != "none"
        found[student.name] = Recogniser(
            student.name,
            "student",
            student.base,
            student,
            student.training_variant,
            DIRECT if direct else "",
            config["prompt"] | ({"reasoning": "none"} if direct else {}),
            config["decoding"],
        )
    for variant, spec in config["variants"].items():
        for name in _names(config, spec["of"]):
            found[f"{name}_{variant}"] = _asked(found.get(name) or _of_model(config, name), variant, spec)
    for name in config["baselines"]:
        found[name] = Recogniser(name, "baseline")
    return found


def _of_model(config: dict, name: str) -> Recogniser:
    return Recogniser(name, "base", name, prompt=config["prompt"], decoding=config["decoding"])


def _asked(plain: Recogniser, variant: str, spec: dict) -> Recogniser:
    """A recogniser as a variant; one that changes no prompt shares that of the plain recogniser."""
    prompt_name = "-".join(filter(None, (plain.prompt_name, variant))) if spec["prompt"] else plain.prompt_name
    return Recogniser(
        f"{plain.name}_{variant}",
        plain.kind,
        plain.base,
        plain.student,
        "-".join(filter(None, (plain.variant, variant))),
        prompt_name,
        plain.prompt | spec["prompt"],
        plain.decoding | spec["decoding"],
    )


def prompts(config: dict) -> dict[str, dict]:
    """Settings of every prompt that a recogniser is asked with, by name; the config's own is ""."""
    asked = {found.prompt_name: found.prompt for found in recognisers(config).values() if found.prompt}
    return {"": config["prompt"]} | asked


def groups(config: dict) -> dict[str, list[str]]:
    """Recognisers by the names under which tables may select several."""
    found = {name: _names(config, name) for name in MODEL_GROUPS}
    found |= {name: [student.name for student in group] for name, group in student_groups(config).items()}
    found["baselines"] = config["baselines"]
    for variant, spec in config["variants"].items():
        found[variant] = [f"{name}_{variant}" for name in _names(config, spec["of"])]
    return found


def _names(config: dict, of: str | list[str]) -> list[str]:
    """The models or students that `of` (of a variant) means: names, a group of models or a group of students."""
    if isinstance(of, list):
        return of
    models = {"models": config["models"], "bases": config["students"]["bases"], "teacher": [config["teacher"]]}
    return models[of] if of in models else [student.name for student in student_groups(config)[of]]


def table_pairs(config: dict, table: str) -> list[tuple[str, str]]:
    """(recogniser, dataset) pairs of a table in the order its selection gives, each once."""
    known, grouped, pairs = recognisers(config), groups(config), []
    for part in config["tables"][table]["select"]:
        selected = part["recognisers"]
        for name in grouped[selected] if isinstance(selected, str) else selected:
            pairs += [(name, dataset) for dataset in _datasets(config, known[name].student, part["datasets"])]
    return list(dict.fromkeys(pairs))


def compared(config: dict, table: str) -> list[list[str]]:
    """The pairs of recognisers whose difference a table tests.

    Raises ValueError for groups of different sizes, and for a pair that the table does not show on the same dataset.
    """
    grouped, shown, pairs = groups(config), set(table_pairs(config, table)), []
    for pair in config["tables"][table]["compare"]:
        one, other = (grouped.get(name, [name]) for name in pair)
        if len(one) != len(other):
            raise ValueError(
                f"{pair[0]} has {len(one)} recognisers and {pair[1]} has {len(other)}, so there is no comparing each "
                "with its like; name recognisers"
            )
        pairs += map(list, zip(one, other, strict=True))
    for one, other in pairs:
        if not any({(one, dataset), (other, dataset)} <= shown for dataset in config["datasets"]):
            raise ValueError(f"the table selects {one} and {other} on no dataset in common; select both")
    return pairs


def selected_pairs(config: dict) -> list[tuple[str, str]]:
    """(recogniser, dataset) pairs of every table that is part of `all`, each once: the scores of a run."""
    tables = [table for table, spec in config["tables"].items() if spec["all"]]
    return list(dict.fromkeys(pair for table in tables for pair in table_pairs(config, table)))


def figures(config: dict, unsized: Collection[str] = ()) -> list[str]:
    """The figures of a run, those that its scores have nothing for left out; `cost_f1` stands apart.

    `unsized` are the models whose number of parameters is not known.
    """
    known, pairs = recognisers(config), selected_pairs(config)
    shown = [(known[name], dataset) for name, dataset in pairs]
    # What the paper is about: language models of known size as they are, and students of its recipe.
    paper = [
        (found, dataset)
        for found, dataset in shown
        if found.base
        and found.base not in unsized
        and not found.variant
        and (found.student is None or found.student.recipe == PAPER_RECIPE)
    ]
    counted = [found for found, dataset in shown if _has_fewer_traces(found) and found.student.dataset == dataset]
    drawn = {
        "f1_by_size": paper,
        "failures": shown,
        "confusion": [found for found, _ in paper if not found.student],
        "transfer": [found for found, dataset in paper if found.student and found.student.dataset != dataset],
        "learning_curve": counted,
        "calibration": [found for found, _ in shown if found.decoding.get("confidence", "none") != "none"],
    }
    return [name for name, scores in drawn.items() if scores]


def _has_fewer_traces(recogniser: Recogniser) -> bool:
    """Whether this is a student of the paper's recipe that differs from the main ones in its number of traces alone."""
    student = recogniser.student
    return bool(student and student.recipe == PAPER_RECIPE and recogniser.variant == f"n{student.max_examples}")


def _datasets(config: dict, student: Student | None, selected: str | list[str]) -> list[str]:
    if isinstance(selected, list):
        return selected
    # Whatever is no student has learned from no dataset of ours, so all of them are `others` to it.
    learned = [student.dataset] if student else []
    if selected == "trained_on":
        return learned
    return [dataset for dataset in usual_datasets(config) if selected == "all" or dataset not in learned]
