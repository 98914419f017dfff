"""Recipes: what a student learns from its teacher's traces. What each makes of a trace is the distillation's matter."""

from dataclasses import dataclass
from typing import Literal

# What the paper's students learn from.
PAPER_RECIPE = "reasoning"


@dataclass(frozen=True)
class Recipe:
    """Whether its students are taught to reason, and so are tested that way, and what it reads beside the traces.

    `taught`: from a teacher's traces; otherwise from the windows alone.
    """

    reasons: bool = True
    taught: bool = True
    needs: Literal["", "parsed", "audit"] = ""


RECIPES = {
    "reasoning": Recipe(),  # the paper's: all of every trace
    "labels": Recipe(reasons=False, needs="parsed"),  # the teacher's labels alone
    "verified-labels": Recipe(reasons=False, needs="parsed"),  # those labels, where all of a window's are right
    "audited": Recipe(needs="audit"),  # traces in which the audit finds nothing
    "audited-control": Recipe(needs="audit"),  # as many traces, whatever it finds
    "simple": Recipe(),  # traces of the windows up to the median complexity
    "complex": Recipe(),  # as many traces of those above it
    "gold-labels": Recipe(reasons=False, taught=False),  # what is right: what any teacher is to be measured against
}
