"""Check that a config fits the recipes of its students, and that tables of recipes and of gains can be made."""

from collections.abc import Iterator

from hearth.common.schemas import Problem
from hearth.distillation.recipes import PAPER_RECIPE, RECIPES
from hearth.workflow.config_types import Config
from hearth.workflow.on_policy import POLICY
from hearth.workflow.recognisers import recognisers
from hearth.workflow.selection import table_pairs
from hearth.workflow.students import student_groups


def recipe_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for students that answer both ways without reasoning, and for a variant named as a policy."""
    for group, members in student_groups(config).items():
        path: list[object] = ["students", "groups", group, "recipes"] if group != "students" else ["students", "recipe"]
        recipes = dict.fromkeys(student.recipe for student in members)
        for recipe in recipes:
            if RECIPES[recipe].asks_directly and config["prompt"]["reasoning"] == "none":
                yield path, f"recipe {recipe!r} teaches answers with and without reasoning; set prompt.reasoning: think"
            if RECIPES[recipe].on_policy and POLICY in config["variants"]:
                yield ["variants", POLICY], f"{POLICY!r} would name text of students of {recipe}; choose another name"


def recipe_table_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each table of recipes or of gains that has nothing to compare with.

    The names of recognisers must exist.
    """
    known = recognisers(config)
    for table, spec in config["tables"].items():
        path: list[object] = ["tables", table, "select"]
        shown = [known[name] for name, _ in table_pairs(config, table)]
        students = [(one, one.student) for one in shown if one.student]
        if spec["rows"] == "recipes" and not any(
            one.is_asked_as_base and student.recipe == PAPER_RECIPE and not student.training_variant
            for one, student in students
        ):
            yield path, f"selects no student of the recipe {PAPER_RECIPE!r}, with which a table of recipes compares"
        if spec["rows"] == "gains" and not any(student.teacher for _, student in students):
            yield path, "selects no student that learned from a teacher, beside whom a table of gains sets its rows"
