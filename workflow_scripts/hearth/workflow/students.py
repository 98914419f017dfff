"""List the students that a checked config declares, in groups."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeVar, cast

from hearth.distillation.balance import Balance
from hearth.distillation.recipes import RECIPES
from hearth.workflow.config_types import Config, ExampleLimit, StudentGroup
from hearth.workflow.dataset_sets import dataset_sets, named_datasets
from hearth.workflow.teacher_samples import reads_samples, sample_names

Value = TypeVar("Value")


@dataclass(frozen=True)
class Student:
    """A base model that learns from a teacher's traces on one dataset or on several.

    `trained_on` is the name of the dataset, or of the set of `datasets`. `teacher` is the name of a recogniser, or ""
    for a recipe without a teacher. `trace_writers` are the recognisers whose traces the student learns from: its
    teacher, or the samples of its teacher in the order of their seeds. `max_examples` None means all traces, "smallest"
    as many as the dataset with the fewest train windows has. `balance` divides the examples among several datasets.
    `replay` is the share of the examples that are traces of the base itself on the datasets of `replay_on`, which is
    empty without such traces. `round` is the number of the round of on-policy distillation, and `continues` the name of
    the student of the round before, whose adapter is trained on; "" for a new adapter.
    `training_variant` names the difference from the training of the main students, recipe and seed aside: "n50" for 50
    traces, "lr0.001", "r8", "replay0.25", "balance-home", "by-little" for the teacher `little`, joined by "-"; "" for
    none. As a recogniser, the student has it as `variant`.
    """

    name: str
    base: str
    recipe: str
    trained_on: str
    datasets: tuple[str, ...]
    seed: int
    teacher: str
    trace_writers: tuple[str, ...]
    max_examples: ExampleLimit | None
    learning_rate: float
    rank: int
    alpha: float
    balance: Balance
    replay: float
    replay_on: tuple[str, ...]
    training_variant: str
    round: int = 0
    continues: str = ""


def student_groups(config: Config) -> dict[str, list[Student]]:
    """Return a dict from the name of a group to its students; the main students are the group `students`."""
    main = config["students"]
    own: StudentGroup = {
        "recipes": [main["recipe"]],
        "bases": main["bases"],
        "trained_on": main["trained_on"],
        "seeds": main["seeds"],
        "max_examples": [],
        "learning_rates": [],
        "ranks": [],
        "balance": [],
        "replay": [],
        "replay_on": main["replay_on"],
        "teacher": config["teacher"],
    }
    groups = {"students": list(_group_members(config, own))}
    for name, group in main["groups"].items():
        settings = cast(StudentGroup, own | {key: value for key, value in group.items() if value})
        groups[name] = list(_group_members(config, settings))
    return groups


def students(config: Config) -> dict[str, Student]:
    """Return a dict from name to student, for every student that a config declares, needed by the run or not.

    Before a student that is trained in rounds stand those of its earlier rounds, which are in no group.
    """
    declared = (student for group in student_groups(config).values() for student in group)
    return {one.name: one for student in declared for one in _rounds(config, student)}


def rounds_until(known: Mapping[str, Student], student: Student) -> list[Student]:
    """Return the students of all rounds up to that of `student`, which stands last; without rounds, only itself.

    `known` are all students by name.
    """
    rounds = [student]
    while earlier := rounds[0].continues:
        rounds.insert(0, known[earlier])
    return rounds


def _rounds(config: Config, student: Student) -> Iterator[Student]:
    """Yield the students of all rounds of a declared student, its own last; without rounds, only itself.

    A student of recipe on-policy is trained in rounds. In round 0 it learns its teacher's traces. In each later round,
    the student of the round before writes text for the train windows, the teacher scores the text, and the student
    learns from both. Names of earlier rounds have "-round<number>" behind the recipe.
    """
    last, earlier = training_rounds(config, student.recipe) - 1, ""
    for number in range(last):
        name = student.name.replace(f"_{student.recipe}", f"_{student.recipe}-round{number}", 1)
        variant = f"round{number}-{student.training_variant}".rstrip("-")
        yield replace(student, name=name, training_variant=variant, round=number, continues=earlier)
        earlier = name
    yield replace(student, round=last, continues=earlier)


def training_rounds(config: Config, recipe: str) -> int:
    """Return the number of trainings of a student, one after the other; 1 if its recipe has no rounds."""
    return config["students"]["on_policy_rounds"] + 1 if RECIPES[recipe].on_policy else 1


def _group_members(config: Config, group: StudentGroup) -> Iterator[Student]:
    """Yield one student for each combination of base, recipe, variant of training, set of datasets and seed.

    Seed 0 is not part of the name, so that adding a seed to the config renames and retrains no student.
    """
    main = config["students"]
    training, lora = main["training"], main["training"]["lora"]
    for base, recipe in product(group["bases"], group["recipes"]):
        teacher = group["teacher"] if RECIPES[recipe].needs_teacher else ""
        writers = sample_names(config, teacher) if reads_samples(recipe) else tuple(filter(None, [teacher]))
        for count, rate, rank, replay, balance in product(
            _or_main(group["max_examples"]),
            _or_main(group["learning_rates"]),
            _or_main(group["ranks"]),
            _or_main(group["replay"]),
            _or_main(group["balance"]),
        ):
            named = {"n": count, "lr": rate, "r": rank, "replay": replay, "balance-": balance}
            parts = [f"{prefix}{value}" for prefix, value in named.items() if value is not None]
            if teacher not in ("", config["teacher"]):
                parts.append(f"by-{teacher.replace('_', '-')}")
            share = main["replay"] if replay is None else replay
            for (trained_on, datasets), seed in product(dataset_sets(config, group["trained_on"]), group["seeds"]):
                name = f"{base}_{'-'.join([recipe, *parts])}_{trained_on}" + (f"_seed{seed}" if seed else "")
                yield Student(
                    name=name,
                    base=base,
                    recipe=recipe,
                    trained_on=trained_on,
                    datasets=datasets,
                    seed=seed,
                    teacher=teacher,
                    trace_writers=writers,
                    max_examples=count or training["max_examples"],
                    learning_rate=rate or training["learning_rate"],
                    rank=rank or lora["r"],
                    alpha=lora["alpha"] / lora["r"] * rank if rank else lora["alpha"],
                    balance=balance or training["balance"],
                    replay=share,
                    replay_on=named_datasets(config, group["replay_on"]) if share else (),
                    training_variant="-".join(parts),
                )


def _or_main(values: Sequence[Value]) -> Sequence[Value | None]:
    """Return the values of a group; None stands for the value of the main students, which is not part of a name."""
    return values or [None]


def sized_datasets(config: Config, student: Student) -> list[str]:
    """Return the datasets whose smallest number of train windows limits a student's; none without such a limit.

    They are those of the main students, and the student's own.
    """
    if student.max_examples != "smallest":
        return []
    main = [name for one in dataset_sets(config, config["students"]["trained_on"]) for name in one.datasets]
    return list(dict.fromkeys([*main, *student.datasets]))


def fold_numbers(config: Config, dataset: str) -> range:
    """Return the numbers of the folds of a dataset."""
    return range(1, config["datasets"][dataset]["split"]["folds"] + 1)


def student_folds(config: Config, student: Student) -> range:
    """Return the numbers of the folds in which a student is trained: all of its datasets have them."""
    return fold_numbers(config, student.datasets[0])
