"""Check that a config fits the recipes of its students."""

from collections.abc import Iterator

from hearth.common.schemas import Problem
from hearth.distillation.recipes import RECIPES
from hearth.workflow.config_types import Config
from hearth.workflow.on_policy import POLICY
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
