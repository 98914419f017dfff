"""Derive the plan of a run from its checked config: the lists of work that several stages of the workflow share."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from hearth.distillation.recipes import RECIPES
from hearth.evaluation.figures.names import COST_FIGURES, CostFigure, ScoreFigure
from hearth.workflow.config_references import OWN_TABLES
from hearth.workflow.config_types import Config, Registry
from hearth.workflow.on_policy import policy_name
from hearth.workflow.recognisers import Recogniser, learned_datasets, recognisers, traces_split
from hearth.workflow.selection import answered_pairs, selected_figures, selected_pairs
from hearth.workflow.students import Student, fold_numbers, rounds_until, student_groups, students

Item = TypeVar("Item")


@dataclass(frozen=True)
class RunPlan:
    """The students, models, datasets, tables and figures of a run.

    pairs: (recogniser, dataset) of every score. Without tables in the config there are no pairs, claims and figures.
    asked_pairs: (recogniser, dataset) of all answers behind the scores and tables: those of a majority are those of its
      samples.
    trained: dict from name to student: the main students, and those of other groups that a table shows.
    teacher_pairs: (recogniser, dataset) of all traces that the students `trained` learn from, each sample of a teacher
      for itself.
    traces: (teacher, dataset, split) of the same traces.
    scored: (teacher, recogniser, dataset, split) of all text whose likeliest tokens a teacher gives: its own traces and
      `policies`.
    replayed: (base, dataset, split) of all traces of bases that are replayed to their students.
    policies: (recogniser, dataset, split) of all text that students write to learn from it in their next round.
    models: names of all language models.
    datasets: names of the datasets that have a score or that a student or a transfer baseline learns from.
    figures: figures that depend on scores alone.
    cost_figures: figures that also read the cost table, so that they differ from run to run.
    own_tables: tables that a run makes without a declaration in its config.
    tables: all tables of the target `all`.
    """

    pairs: list[tuple[str, str]]
    asked_pairs: list[tuple[str, str]]
    trained: dict[str, Student]
    teacher_pairs: list[tuple[str, str]]
    traces: list[tuple[str, str, str]]
    scored: list[tuple[str, str, str, str]]
    replayed: list[tuple[str, str, str]]
    policies: list[tuple[str, str, str]]
    models: list[str]
    datasets: list[str]
    figures: list[ScoreFigure]
    cost_figures: list[CostFigure]
    own_tables: list[str]
    tables: list[str]


def plan_run(config: Config, registry: Registry) -> RunPlan:
    """Return the plan of a run with this config and this model registry."""
    known, pairs = recognisers(config), selected_pairs(config)
    trained = _trained_students(config, known, pairs)
    teacher_pairs = _unique(
        (writer, dataset)
        for student in trained.values()
        for writer in student.trace_writers
        for dataset in student.datasets
    )
    scored = _unique(
        (student.teacher, writer, dataset)
        for student in trained.values()
        if RECIPES[student.recipe].reads == "log_probabilities"
        for writer in [student.teacher, *([policy_name(student.continues)] if student.continues else [])]
        for dataset in student.datasets
    )
    replay_pairs = _unique((student.base, dataset) for student in trained.values() for dataset in student.replay_on)
    policy_pairs = _unique(
        (policy_name(student.continues), dataset)
        for student in trained.values()
        if student.continues
        for dataset in student.datasets
    )
    bases = [student.base for student in trained.values()] + [known[teacher].base for teacher, _ in teacher_pairs]
    bases += [known[name].base for name, _ in pairs if known[name].base]
    unsized = [name for name, model in registry.items() if model["source"] == "served" and not model["parameters"]]

    def traces_of(taught: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
        return _unique(
            (*pair, traces_split(config, known[pair[0]], pair[1], fold))
            for pair in taught
            for fold in fold_numbers(config, pair[1])
        )

    shown = [table for table, spec in config["tables"].items() if spec["all"]]
    of_bases = any(known[name].kind == "base" and not known[name].variant for name, _ in pairs)
    budgets = of_bases and bool(config["metrics"]["token_budgets"])
    needed = {"claims": bool(pairs), "budgets": budgets, "audit": bool(teacher_pairs), "cost": True}
    answered = _unique([*pairs, *(pair for table in shown for pair in answered_pairs(config, table))])
    own_tables = [table for table in OWN_TABLES if needed.get(table)]
    return RunPlan(
        pairs=pairs,
        asked_pairs=_unique((one, dataset) for name, dataset in answered for one in known[name].samples or [name]),
        trained=trained,
        teacher_pairs=teacher_pairs,
        traces=traces_of(teacher_pairs),
        scored=[(teacher, *place) for teacher, *pair in scored for place in traces_of([(pair[0], pair[1])])],
        replayed=traces_of(replay_pairs),
        policies=traces_of(policy_pairs),
        models=_unique([*config["models"], config["teacher"], *config["students"]["bases"], *bases]),
        datasets=_unique(
            [dataset for _, dataset in [*pairs, *replay_pairs]]
            + [dataset for student in trained.values() for dataset in student.datasets]
            + [one for name, dataset in pairs for one in learned_datasets(config, known[name], dataset)]
        ),
        figures=selected_figures(config, unsized),
        # Figures are of native labels, in which transfer baselines do not answer.
        cost_figures=list(COST_FIGURES) if any(not known[name].learns_from for name, _ in pairs) else [],
        own_tables=own_tables,
        tables=shown + own_tables,
    )


def _trained_students(
    config: Config, known: dict[str, Recogniser], pairs: Iterable[tuple[str, str]]
) -> dict[str, Student]:
    main = student_groups(config)["students"]
    shown = [known[name].student for name, _ in pairs]
    needed, declared = {student.name for student in [*main, *shown] if student}, students(config)
    return {
        one.name: one for name, student in declared.items() if name in needed for one in rounds_until(declared, student)
    }


def _unique(items: Iterable[Item]) -> list[Item]:
    """Return `items` in their order, each once."""
    return list(dict.fromkeys(items))
