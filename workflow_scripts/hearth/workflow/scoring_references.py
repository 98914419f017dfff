"""Check that the teachers of students that learn log-probabilities can give them."""

from collections.abc import Iterator

from hearth.common.schemas import Problem
from hearth.distillation.recipes import RECIPES
from hearth.engines.registry import LOCAL_ENGINES
from hearth.workflow.config_types import Config, Registry
from hearth.workflow.engine_choice import SERVER_ENGINES, engine_of
from hearth.workflow.recognisers import recognisers
from hearth.workflow.students import student_groups


def scoring_problems(config: Config, registry: Registry) -> Iterator[Problem]:
    """Yield a problem for each group of students whose recipe needs log-probabilities that its teacher cannot give.

    The names of teachers must exist.
    """
    known = recognisers(config)
    for group, students in student_groups(config).items():
        path: list[object] = ["students", "groups", group, "recipes"] if group != "students" else ["students", "recipe"]
        for student in students:
            if RECIPES[student.recipe].reads != "log_probabilities":
                continue
            engine = engine_of(known[student.teacher].base, config, registry)
            if engine in SERVER_ENGINES:
                yield (
                    path,
                    f"recipe {student.recipe!r} needs the log-probabilities of {student.teacher!r}, which a server "
                    f"runs (engine {engine}); set engine.name to {' or '.join(LOCAL_ENGINES)}, with a teacher that is "
                    "no served model, or choose a recipe that learns from text",
                )
                break
