"""Define the recipes: which traces of its teacher a student learns from, and which texts it learns for each window.

To add a recipe, add an entry to `RECIPES`, its name at the same position to `students.recipe` in
config/schemas/config.schema.yaml, and a line to config/README.md.

The Snakefile imports this module, so it must import neither torch nor pandas.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from hearth.common.files import digest
from hearth.data.complexity import ComplexityScale, complexity_measures
from hearth.data.gold_labels import map_to_gold
from hearth.data.windows import Window
from hearth.distillation.own_text import judge_own_text
from hearth.distillation.sample_choice import Weight, brief_sample, label_weights, nearest_samples

if TYPE_CHECKING:
    from hearth.common.scored_text import ScoredText
    from hearth.prompting.predictions import ParsedPrediction, Prediction

Labels = list[str | None]  # one label for each event of a window; None where the teacher gave no valid label


@dataclass(frozen=True)
class Candidate:
    """A window of the train split with its trace: what a recipe makes the texts to learn from.

    `parsed_labels` are the teacher's labels, strictly parsed, if the recipe reads the parsed predictions. `is_flagged`
    says whether the trace fails a check of the audit, if the recipe reads the audit. If the recipe reads samples,
    `samples` are those of every seed, `parsed_labels` their majority, and `confidences` the share of the samples that
    voted for each of these labels, None without a label. `scored` has the teacher's likeliest tokens in the place of
    each token of the trace, if the recipe reads log-probabilities. `own` is the text of the student itself in a round
    of on-policy distillation, and `own_scored` has its teacher's likeliest tokens.
    """

    window: Window
    trace: Prediction
    parsed_labels: Labels = field(default_factory=list)
    is_flagged: bool = False
    samples: tuple[ParsedPrediction, ...] = ()
    confidences: list[float | None] = field(default_factory=list)
    scored: ScoredText | None = None
    own: Prediction | None = None
    own_scored: ScoredText | None = None


@dataclass(frozen=True)
class Sources:
    """The train windows, and the names of flagged ones, for the selection of a recipe."""

    read_windows: Callable[[], Iterable[Window]]  # read the windows of the train split
    flagged: frozenset[str] = frozenset()  # ids of windows whose trace fails a check of the audit

    @cached_property
    def complex(self) -> frozenset[str]:
        """Ids of the train windows that are more complex than their median."""
        scale = ComplexityScale(map(complexity_measures, self.read_windows()))
        return frozenset(
            window["window_id"] for window in self.read_windows() if scale.is_complex(complexity_measures(window))
        )


class Target(NamedTuple):
    """A text to learn for a window.

    `ended`: whether an end-of-turn token follows the text. `weights`: parts of the text as (begin, end, weight), in
    characters, whose tokens have this weight in the loss; all other tokens have weight 1. `is_direct`: whether the
    student is asked with the prompt that asks for no reasoning. `soft_share`: the share of the loss of each token that
    is the divergence from the teacher's probabilities; the rest is cross-entropy. `is_own`: whether the student itself
    has written the text.
    """

    text: str
    ended: bool
    weights: tuple[tuple[int, int, float], ...] = ()
    is_direct: bool = False
    soft_share: float = 0
    is_own: bool = False


class Selection(NamedTuple):
    """Ids of the windows to learn from, in the order of the candidates, and numbers of windows left out, by reason."""

    window_ids: list[str]
    left_out: Counter[str]


class LeaveOutError(Exception):
    """Raised when a recipe leaves out a trace; the message is the reason under which training_log.json counts it."""


@dataclass(frozen=True)
class Recipe:
    """The rules by which a student's training examples are made.

    `targets(candidate)`: return the texts to learn for a window; raise LeaveOutError for a window to leave out.
    `select(window_ids, sources, seed)`: return the windows to learn from; `window_ids` are all that have a target.
    `compares`: whether the selection of a window depends on the other windows, and not on itself alone.
    `reads`: the document that is read in addition to the traces: "parsed" (the parsed predictions), "audit", "samples"
    (several samples of the teacher and their majority), "log_probabilities" (the teacher's likeliest tokens) or "".
    `reasons`: whether students reason before they answer, in training and in evaluation.
    `needs_teacher`: whether students learn from a teacher's traces, and not from the train windows alone.
    `asks_directly`: whether some targets are asked with the prompt that asks for no reasoning.
    `weighs`: whether targets have weights.
    `on_policy`: whether students are trained in rounds, in which they also learn from text of their own.
    `in_turn`: whether an epoch has one of the targets of a window, the next epoch the next one; otherwise every epoch
    has all of them. Either way an optimiser step has as many windows as its batch size says.
    """

    name: str
    targets: Callable[[Candidate], list[Target]]
    select: Callable[[Sequence[str], Sources, int], Selection]
    reads: Literal["", "parsed", "audit", "samples", "log_probabilities"] = ""
    reasons: bool = True
    needs_teacher: bool = True
    compares: bool = False
    asks_directly: bool = False
    weighs: bool = False
    on_policy: bool = False
    in_turn: bool = False


def find_recipe(name: str) -> Recipe:
    """Return the recipe called `name`; raises ValueError for an unknown name."""
    if name not in RECIPES:
        raise ValueError(f"recipe {name!r} is none of {', '.join(RECIPES)}")
    return RECIPES[name]


def replay_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe by which a student of `recipe` learns from traces of its own base: all of them, as they are."""
    return RECIPES[PAPER_RECIPE if recipe.reasons else "labels"]


def rank_windows(window_ids: Iterable[str], seed: int) -> list[str]:
    """Return windows in an order that looks random: that of a hash of `seed` and id."""
    return sorted(window_ids, key=lambda window_id: digest([seed, window_id]))


def draw_windows(window_ids: Sequence[str], count: int | None, seed: int) -> list[str]:
    """Draw `count` windows at random, or all if there are fewer or `count` is None; keep the order of `window_ids`.

    The first `count` in the order of `rank_windows` are drawn. So a smaller draw is a subset of a larger one.
    """
    if count is None or count >= len(window_ids):
        return list(window_ids)
    drawn = set(rank_windows(window_ids, seed)[:count])
    return [window_id for window_id in window_ids if window_id in drawn]


# Targets


def whole_trace(candidate: Candidate) -> list[Target]:
    """Return everything the teacher wrote; after a trace that was cut at the token limit, no end of turn follows."""
    return [Target(candidate.trace["text"], candidate.trace["finish_reason"] == "stop")]


def teacher_labels(candidate: Candidate) -> list[Target]:
    """Return the teacher's labels as an answer without reasoning; leave out windows with a missing label."""
    labels = [label for label in candidate.parsed_labels if label is not None]
    if len(labels) < len(candidate.parsed_labels):
        raise LeaveOutError("unlabelled")
    return [_answer(labels)]


def verified_labels(candidate: Candidate) -> list[Target]:
    """Return the teacher's labels as an answer without reasoning; leave out windows with a missing or wrong label."""
    targets, window = teacher_labels(candidate), candidate.window
    if map_to_gold(window, candidate.parsed_labels) != window["gold"]:
        raise LeaveOutError("wrong_labels")
    return targets


def gold_labels(candidate: Candidate) -> list[Target]:
    """Return the gold labels as an answer without reasoning."""
    return [_answer(candidate.window["gold"])]


# Share of the divergence in the loss of recipe soft, as DistillKit advises; the rest is cross-entropy.
SOFT_SHARE = 0.5


def soft_trace(candidate: Candidate) -> list[Target]:
    """Return everything the teacher wrote, to be learned with its probabilities of other tokens."""
    return [target._replace(soft_share=SOFT_SHARE) for target in whole_trace(candidate)]


def own_or_soft_trace(candidate: Candidate) -> list[Target]:
    """Return the student's own text, of which only the teacher's probabilities are learned, or else `soft_trace`."""
    own = candidate.own
    if own is None or judge_own_text(own, candidate.trace) != "learned":
        return soft_trace(candidate)
    return [Target(own["text"], ended=True, soft_share=1, is_own=True)]


# Weight of the labels beside the trace in the loss of recipe joint (arXiv 2305.02301 has 1).
LABELS_WEIGHT = 0.5


def trace_and_labels(candidate: Candidate) -> list[Target]:
    """Return the trace and, asked without reasoning, the teacher's labels; only the trace if a label is missing.

    The weights of both texts' tokens are about as 1 to LABELS_WEIGHT, whatever the lengths of the texts are: lengths
    are counted in characters.
    """
    (trace,) = whole_trace(candidate)
    if not trace.text or None in candidate.parsed_labels:
        return [trace]
    (answer,) = teacher_labels(candidate)
    weight = LABELS_WEIGHT * len(trace.text) / len(answer.text)
    return [trace, answer._replace(weights=((0, len(answer.text), weight),), is_direct=True)]


def nearest_to_vote(candidate: Candidate) -> list[Target]:
    """Return the samples nearest to the vote, their labels weighed by its shares; leave out windows without a label."""
    chosen = nearest_samples(candidate.samples, candidate.parsed_labels)
    if not chosen:
        raise LeaveOutError("unreadable")
    return [_whole_sample(sample, tuple(label_weights(sample, candidate.samples))) for sample in chosen]


def brief_and_near(candidate: Candidate) -> list[Target]:
    """Return a short sample among those nearest to the vote, for some windows a long one; leave out unread windows."""
    chosen = brief_sample(candidate.samples, candidate.parsed_labels)
    if chosen is None:
        raise LeaveOutError("unreadable")
    return [_whole_sample(chosen)]


def _whole_sample(sample: ParsedPrediction, weights: tuple[Weight, ...] = ()) -> Target:
    return Target(sample["text"], sample["finish_reason"] == "stop", weights)


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
        Recipe("audited-control", whole_trace, as_many_as_unflagged, reads="audit", compares=True),
        Recipe("simple", whole_trace, simple_windows, compares=True),
        Recipe("complex", whole_trace, complex_windows, compares=True),
        Recipe("gold-labels", gold_labels, all_windows, reasons=False, needs_teacher=False),
        Recipe("joint", trace_and_labels, all_windows, reads="parsed", asks_directly=True, weighs=True),
        Recipe("vote", nearest_to_vote, all_windows, reads="samples", weighs=True, in_turn=True),
        Recipe("brief", brief_and_near, all_windows, reads="samples"),
        Recipe("soft", soft_trace, all_windows, reads="log_probabilities"),
        Recipe("on-policy", own_or_soft_trace, all_windows, reads="log_probabilities", on_policy=True),
    )
}

PAPER_RECIPE = "reasoning"
