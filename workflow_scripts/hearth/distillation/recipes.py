"""Define the recipes: which traces of its teacher a student learns from, and which text it learns for each trace.

To add a recipe, add an entry to `RECIPES`, its name at the same position to `students.recipe` in
config/schemas/config.schema.yaml, and a line to config/README.md.

The Snakefile imports this module, so it must import neither torch nor pandas.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from hearth.common.files import digest
from hearth.data.complexity import ComplexityScale, complexity_measures
from hearth.data.gold_labels import map_to_gold
from hearth.data.windows import Window

if TYPE_CHECKING:
    from hearth.prompting.predictions import Prediction

Labels = list[str | None]  # one label for each event of a window; None where the teacher gave no valid label


@dataclass(frozen=True)
class Sources:
    """Everything that the functions for target text and selection may read, by window_id.

    `parsed_labels` is empty unless the recipe reads the parsed predictions; `flagged`, unless it reads the audit.
    """

    windows: Mapping[str, Window]  # all windows of the dataset
    traces: Mapping[str, Prediction] = field(default_factory=dict)  # the teacher's traces of the train split
    parsed_labels: Mapping[str, Labels] = field(default_factory=dict)  # the teacher's labels, strictly parsed
    flagged: frozenset[str] = frozenset()  # ids of windows whose trace fails a check of the audit

    @cached_property
    def complex(self) -> frozenset[str]:
        """Ids of the windows that are more complex than the median of the train split."""
        windows = self.windows.values()
        scale = ComplexityScale(complexity_measures(window) for window in windows if window["split"] == "train")
        return frozenset(window["window_id"] for window in windows if scale.is_complex(complexity_measures(window)))


class Target(NamedTuple):
    """The text to learn for a window. `ended`: whether an end-of-turn token follows the text."""

    text: str
    ended: bool


class Selection(NamedTuple):
    """Ids of the windows to learn from, in the order of the candidates, and numbers of windows left out, by reason."""

    window_ids: list[str]
    left_out: Counter[str]


class LeaveOutError(Exception):
    """Raised when a recipe leaves out a trace; the message is the reason under which training_log.json counts it."""


@dataclass(frozen=True)
class Recipe:
    """The rules by which a student's training examples are made.

    `target(trace, sources)`: return the text to learn for a trace; raise LeaveOutError for a trace to leave out.
    `select(window_ids, sources, seed)`: return the windows to learn from; `window_ids` are all that have a target.
    `reads`: the document that is read in addition to the traces: "parsed" (the parsed predictions), "audit" or "".
    `reasons`: whether students reason before they answer, in training and in evaluation.
    `needs_teacher`: whether students learn from a teacher's traces, and not from the train windows alone.
    """

    name: str
    target: Callable[[Prediction, Sources], Target]
    select: Callable[[Sequence[str], Sources, int], Selection]
    reads: Literal["", "parsed", "audit"] = ""
    reasons: bool = True
    needs_teacher: bool = True


def find_recipe(name: str) -> Recipe:
    """Return the recipe called `name`; raises ValueError for an unknown name."""
    if name not in RECIPES:
        raise ValueError(f"recipe {name!r} is none of {', '.join(RECIPES)}")
    return RECIPES[name]


def draw_windows(window_ids: Sequence[str], count: int | None, seed: int) -> list[str]:
    """Draw `count` windows at random, or all if there are fewer or `count` is None; keep the order of `window_ids`.

    Windows are ranked by a hash of `seed` and id, and the first `count` are drawn. So a smaller draw is a subset of a
    larger one.
    """
    if count is None or count >= len(window_ids):
        return list(window_ids)
    drawn = set(sorted(window_ids, key=lambda window_id: digest([seed, window_id]))[:count])
    return [window_id for window_id in window_ids if window_id in drawn]


# Targets


def whole_trace(trace: Prediction, sources: Sources) -> Target:
    """Return everything the teacher wrote; after a trace that was cut at the token limit, no end of turn follows."""
    return Target(trace["text"], trace["finish_reason"] == "stop")


def teacher_labels(trace: Prediction, sources: Sources) -> Target:
    """Return the teacher's labels as an answer without reasoning; leave out windows with a missing label."""
    labels = [label for label in sources.parsed_labels[trace["window_id"]] if label is not None]
    if len(labels) < len(sources.parsed_labels[trace["window_id"]]):
        raise LeaveOutError("unlabelled")
    return _answer(labels)


def verified_labels(trace: Prediction, sources: Sources) -> Target:
    """Return the teacher's labels as an answer without reasoning; leave out windows with a missing or wrong label."""
    target, window = teacher_labels(trace, sources), sources.windows[trace["window_id"]]
    if map_to_gold(window, sources.parsed_labels[trace["window_id"]]) != window["gold"]:
        raise LeaveOutError("wrong_labels")
    return target


def gold_labels(trace: Prediction, sources: Sources) -> Target:
    """Return the gold labels as an answer without reasoning."""
    return _answer(sources.windows[trace["window_id"]]["gold"])


def _answer(labels: list[str]) -> Target:
    # Not imported at the top: this module imports jinja2 and numpy, which would delay the start of Snakemake.
    from hearth.prompting.prompts import answer_text

    return Target(answer_text(labels), ended=True)


# Selections


def all_windows(window_ids: Sequence[str], sources: Sources, seed: int) -> Selection:
    """Select every window."""
    return Selection(list(window_ids), Counter())


def unflagged_windows(window_ids: Sequence[str], sources: Sources, seed: int) -> Selection:
    """Select the windows whose trace passes every check of the audit."""
    selected = [window_id for window_id in window_ids if window_id not in sources.flagged]
    return Selection(selected, Counter(flagged=len(window_ids) - len(selected)))


def as_many_as_unflagged(window_ids: Sequence[str], sources: Sources, seed: int) -> Selection:
    """Draw as many windows as `unflagged_windows` selects, from all windows, whether they pass the audit or not."""
    drawn = draw_windows(window_ids, len(unflagged_windows(window_ids, sources, seed).window_ids), seed)
    return Selection(drawn, Counter(not_drawn=len(window_ids) - len(drawn)))


def simple_windows(window_ids: Sequence[str], sources: Sources, seed: int) -> Selection:
    """Select the simple windows; if they outnumber the complex ones, draw as many as there are complex ones."""
    simple, complex_ = _by_complexity(window_ids, sources)
    drawn = draw_windows(simple, len(complex_), seed)
    return Selection(drawn, Counter(too_complex=len(complex_), not_drawn=len(simple) - len(drawn)))


def complex_windows(window_ids: Sequence[str], sources: Sources, seed: int) -> Selection:
    """Select the complex windows; if they outnumber the simple ones, draw as many as there are simple ones."""
    simple, complex_ = _by_complexity(window_ids, sources)
    drawn = draw_windows(complex_, len(simple), seed)
    return Selection(drawn, Counter(too_simple=len(simple), not_drawn=len(complex_) - len(drawn)))


def _by_complexity(window_ids: Sequence[str], sources: Sources) -> tuple[list[str], list[str]]:
    simple = [window_id for window_id in window_ids if window_id not in sources.complex]
    return simple, [window_id for window_id in window_ids if window_id in sources.complex]


# Only verified-labels, simple, complex and gold-labels read gold labels, and only those of the train split.
RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("reasoning", whole_trace, all_windows),
        Recipe("labels", teacher_labels, all_windows, reads="parsed", reasons=False),
        Recipe("verified-labels", verified_labels, all_windows, reads="parsed", reasons=False),
        Recipe("audited", whole_trace, unflagged_windows, reads="audit"),
        Recipe("audited-control", whole_trace, as_many_as_unflagged, reads="audit"),
        Recipe("simple", whole_trace, simple_windows),
        Recipe("complex", whole_trace, complex_windows),
        Recipe("gold-labels", gold_labels, all_windows, reasons=False, needs_teacher=False),
    )
}

PAPER_RECIPE = "reasoning"
