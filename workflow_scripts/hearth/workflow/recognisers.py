"""List the recognisers that a checked config declares.

Names contain no underscore, and a recogniser's name joins several of them by underscores: `<model>`,
`<base>_<recipe>_<dataset or set of datasets>` for a student, `<model or student>_<variant>` for one with another prompt
or decoding, and `<recogniser>_decode<seed>` for one with another seed of sampling than the first. `<teacher>_sampled`
is the first of several samples of a teacher, and `<teacher>_vote` is their majority.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from hearth.data.folds import ALL
from hearth.distillation.recipes import RECIPES
from hearth.workflow.config_types import Config, Decoding, PromptSettings
from hearth.workflow.dataset_sets import default_datasets
from hearth.workflow.decoding import decoding_settings, sample_seeds, seed_suffixes, with_seed
from hearth.workflow.on_policy import as_policy, policy_name
from hearth.workflow.students import Student, fold_numbers, student_folds, student_groups, students
from hearth.workflow.teacher_samples import reads_samples, sample_names, sampled_and_vote, vote_name

# Built-in groups of models that `variants.<name>.of` and tables may name; they may name groups of students too.
MODEL_GROUPS = ("models", "bases", "teacher")
# The homes that a transfer baseline learns in, the last part of its name.
TRANSFER_HOMES: tuple[Literal["own", "others", "all"], ...] = ("own", "others", "all")
# Name of the prompt that asks for no reasoning, if that of the config asks for it. Students that were trained without
# reasoning have it; those that were trained both ways answer it as `<student>_direct`, in the group of this name.
DIRECT_PROMPT = "direct"


@dataclass(frozen=True)
class Recogniser:
    """A model, a student or a baseline; it maps a window to one label per event.

    `variant` is the student's `training_variant`, the name of the variant in the config and "decode<seed>" for a
    further seed of sampling, joined by "-"; "" if it has none of them. `prompt_name` is "" for the prompt of the
    config. `prompt` and `decoding` are complete settings. A baseline has no base, prompt or decoding: "", None and
    None. `seeds` are all seeds of sampling of the recogniser without "decode<seed>". `samples` names the recognisers
    whose majority is the answer (self-consistency); such a recogniser has the settings of its first sample.
    `learns_from` says which homes a transfer baseline learns in: the tested one, all others, or all; "" for any other.
    """

    name: str
    kind: Literal["base", "student", "baseline"]
    base: str = ""
    student: Student | None = None
    variant: str = ""
    prompt_name: str = ""
    prompt: PromptSettings | None = None
    decoding: Decoding | None = None
    seeds: tuple[int, ...] = ()
    samples: tuple[str, ...] = ()
    learns_from: Literal["", "own", "others", "all"] = ""

    @property
    def is_asked_as_base(self) -> bool:
        """Whether a student has the prompt and decoding of the config, its seed of sampling aside: it is no variant."""
        seed = self.decoding["seed"] if self.decoding else 0
        return self.student is not None and self.name.removesuffix(f"_decode{seed}") == self.student.name

    @property
    def samples_again(self) -> bool:
        """Whether it is the same recogniser with another seed of sampling than its first."""
        return self.decoding is not None and self.decoding["seed"] not in self.seeds[:1]


def learns(config: Config, recogniser: Recogniser, dataset: str) -> bool:
    """Whether a recogniser learns from windows of a dataset, so that it must be tested on others.

    A baseline and a student of this dataset are trained on them; a prompt with shots shows them. A student that exists
    for each fold answers one fold of every dataset.
    """
    student = recogniser.student
    shown = bool(recogniser.prompt and recogniser.prompt["shots"])
    trained = student and (dataset in student.datasets or len(student_folds(config, student)) > 1)
    return shown or bool(trained) or recogniser.kind == "baseline"


def scored_splits(config: Config, recogniser: Recogniser, dataset: str) -> list[str]:
    """Return the splits of a dataset that a recogniser is asked for its score, which together are the tested windows.

    With several folds, one that does not learn is asked once, on all windows.
    """
    folds = fold_numbers(config, dataset)
    if len(folds) > 1 and not learns(config, recogniser, dataset):
        return [ALL]
    return [f"test{fold}" for fold in folds]


def traces_split(config: Config, teacher: Recogniser, dataset: str, fold: int) -> str:
    """Return the split of a dataset whose traces of a teacher a student of a fold learns from.

    With several folds, a teacher that does not learn labels every window once, and the student learns from those of the
    traces that are in its train split.
    """
    several = len(fold_numbers(config, dataset)) > 1
    return ALL if several and not learns(config, teacher, dataset) else f"train{fold}"


def weights_fold(config: Config, recogniser: Recogniser, fold: int) -> int:
    """Return the fold of the weights with which a recogniser answers a fold: a student of one fold answers all."""
    student = recogniser.student
    return fold if student and fold in student_folds(config, student) else 1


def recognisers(config: Config) -> dict[str, Recogniser]:
    """Return a dict from name to recogniser, for every recogniser that a config declares, needed by the run or not."""
    known: dict[str, Recogniser] = {}
    for name in [*config["models"], config["teacher"], *config["students"]["bases"]]:
        known[name] = _base_model(config, name)
    for student in students(config).values():
        # A group may name bases and teachers that the rest of the config does not.
        known.setdefault(student.base, _base_model(config, student.base))
        if student.teacher:
            model, _, variant = student.teacher.partition("_")
            known.setdefault(model, _base_model(config, model))
            if variant:
                known[student.teacher] = _make_variant(config, known[model], variant)
        known[student.name] = _student_recogniser(config, student)
        if student.continues:
            known[policy_name(student.continues)] = as_policy(known[student.continues], student)
        if RECIPES[student.recipe].asks_directly:
            known[f"{student.name}_{DIRECT_PROMPT}"] = _asked_directly(config, known[student.name])
    for variant, spec in config["variants"].items():
        for name in _member_names(config, spec["of"]):
            known.setdefault(name, _base_model(config, name))
            known[f"{name}_{variant}"] = _make_variant(config, known[name], variant)
    for teacher in sampled_teachers(config):
        known |= {one.name: one for one in sampled_and_vote(config, known[teacher])}
    for one in list(known.values()):
        known |= {sample.name: sample for sample in _further_samples(one, one.seeds)}
    for one in list(known.values()):
        if one.samples:
            plain = known[one.samples[0]]
            seeds = sample_seeds(plain.seeds, len(one.samples))
            known |= {sample.name: sample for sample in _further_samples(plain, seeds)}
    for name in config["baselines"]:
        known[name] = Recogniser(name, "baseline")
    known |= {one.name: one for one in transfer_baselines(config)}
    return known


def transfer_baselines(config: Config) -> list[Recogniser]:
    """Return the transfer baselines, each learning in the tested home, in all others and in all."""
    return [
        Recogniser(f"{name}_{homes}", "baseline", learns_from=homes)
        for name in config["transfer_baselines"]
        for homes in TRANSFER_HOMES
    ]


def learned_datasets(config: Config, recogniser: Recogniser, dataset: str) -> list[str]:
    """Return the datasets that a recogniser learns from before it is tested on `dataset`; none for a base model."""
    if recogniser.student:
        return list(recogniser.student.datasets)
    if recogniser.kind == "base":
        return []
    homes = [name for name in default_datasets(config) if name != dataset]
    return {"others": homes, "all": [*homes, dataset]}.get(recogniser.learns_from, [dataset])


def sampled_teachers(config: Config) -> list[str]:
    """Return the teachers that are asked `teacher_samples` times: the run's, and those whose samples are learned."""
    if not config["teacher_samples"]:
        return []
    taught = [student.teacher for student in students(config).values() if reads_samples(student.recipe)]
    return list(dict.fromkeys([config["teacher"], *taught]))


def _further_samples(plain: Recogniser, seeds: Sequence[int]) -> Iterator[Recogniser]:
    """Yield the recogniser `plain` with each of the `seeds` but the first."""
    for seed, suffix in list(zip(seeds, seed_suffixes(seeds), strict=True))[1:]:
        yield replace(
            plain,
            name=plain.name + suffix,
            variant=_joined(plain.variant, suffix.removeprefix("_")),
            decoding=cast(Decoding, {**(plain.decoding or {}), "seed": seed}),
        )


def _joined(*parts: str) -> str:
    return "-".join(filter(None, parts))


def _base_model(config: Config, name: str) -> Recogniser:
    return _decode(config, Recogniser(name, "base", name, prompt=config["prompt"]))


def _student_recogniser(config: Config, student: Student) -> Recogniser:
    """Return the recogniser of a student, in the reasoning mode that it was trained in."""
    direct = not RECIPES[student.recipe].reasons and config["prompt"]["reasoning"] != "none"
    plain = Recogniser(
        student.name,
        "student",
        student.base,
        student,
        student.training_variant,
        DIRECT_PROMPT if direct else "",
        direct_prompt(config) if direct else config["prompt"],
    )
    return _decode(config, plain)


def _asked_directly(config: Config, plain: Recogniser) -> Recogniser:
    """Return the student `plain`, asked with the prompt that asks for no reasoning."""
    name, variant = f"{plain.name}_{DIRECT_PROMPT}", _joined(plain.variant, DIRECT_PROMPT)
    asked = replace(plain, name=name, variant=variant, prompt_name=DIRECT_PROMPT, prompt=direct_prompt(config))
    return _decode(config, asked)


def direct_prompt(config: Config) -> PromptSettings:
    """Return the settings of the prompt that asks for no reasoning."""
    return cast(PromptSettings, {**config["prompt"], "reasoning": "none"})


def _make_variant(config: Config, plain: Recogniser, variant: str) -> Recogniser:
    """Return the variant of the recogniser `plain`; it has the same `prompt_name` unless it changes the prompt."""
    spec = config["variants"][variant]
    varied = replace(
        plain,
        name=f"{plain.name}_{variant}",
        variant=_joined(plain.variant, variant),
        prompt_name=_joined(plain.prompt_name, variant) if spec["prompt"] else plain.prompt_name,
        prompt=cast(PromptSettings, {**(plain.prompt or {}), **spec["prompt"]}),
    )
    if count := spec["self_consistency"]:
        suffixes = seed_suffixes(sample_seeds(plain.seeds, count))
        return replace(varied, seeds=plain.seeds[:1], samples=tuple(plain.name + suffix for suffix in suffixes))
    return _decode(config, varied, spec["decoding"])


def _decode(config: Config, recogniser: Recogniser, changes: Mapping[str, Any] | None = None) -> Recogniser:
    """Return the recogniser with its decoding and the first of its seeds; it must have a prompt."""
    assert recogniser.prompt, "a language model has a prompt"
    settings = decoding_settings(config, recogniser.prompt, changes)
    return replace(recogniser, decoding=with_seed(settings, settings["seeds"][0]), seeds=tuple(settings["seeds"]))


def prompts(config: Config) -> dict[str, PromptSettings]:
    """Return a dict from the name of a prompt to its settings; the prompt of the config has the name ""."""
    known = recognisers(config).values()
    trained = {}
    if any(RECIPES[student.recipe].asks_directly for student in students(config).values()):
        trained[DIRECT_PROMPT] = direct_prompt(config)
    return {"": config["prompt"]} | {one.prompt_name: one.prompt for one in known if one.prompt} | trained


def groups(config: Config) -> dict[str, list[str]]:
    """Return a dict from each group that tables may select to the names of its recognisers, with all their seeds."""
    members = {name: _member_names(config, name) for name in MODEL_GROUPS}
    members |= {name: [student.name for student in group] for name, group in student_groups(config).items()}
    for variant, spec in config["variants"].items():
        members[variant] = [f"{name}_{variant}" for name in _member_names(config, spec["of"])]
    known = recognisers(config)
    members[DIRECT_PROMPT] = [f"{name}_{DIRECT_PROMPT}" for name in known if f"{name}_{DIRECT_PROMPT}" in known]
    seeded = {
        group: [name + suffix for name in names for suffix in seed_suffixes(known[name].seeds)]
        for group, names in members.items()
    }
    transfer = [one.name for one in transfer_baselines(config)]
    teachers = sampled_teachers(config)
    return seeded | {
        "teacher_samples": [name for teacher in teachers for name in sample_names(config, teacher)],
        "teacher_vote": [vote_name(teacher) for teacher in teachers],
        "baselines": config["baselines"],
        "transfer_baselines": transfer,
    }


def _member_names(config: Config, of: str | list[str]) -> list[str]:
    """Return the names of the models or students that `of`, a list of names or the name of a group, stands for."""
    if isinstance(of, list):
        return of
    models = {"models": config["models"], "bases": config["students"]["bases"], "teacher": [config["teacher"]]}
    return models[of] if of in models else [student.name for student in student_groups(config)[of]]
