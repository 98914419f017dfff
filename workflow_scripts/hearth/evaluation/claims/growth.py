"""The claim that F1 grows with model size and flattens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hearth.evaluation.claims.measures import F1, GAIN, Estimate, base_scores, format_difference, measure_f1
from hearth.evaluation.claims.verdicts import Claim, Condition, Finding, NotTestableError, conclude
from hearth.evaluation.rendering import magnitude
from hearth.evaluation.score_document import Score

# Weighted F1 by which the largest base model must exceed the smallest.
GROWTH = 0.15
# Number of sizes of base models that the claim needs.
SIZES = 3


@dataclass(frozen=True)
class _Size:
    """The base models of one size and their mean weighted F1."""

    parameters: int
    models: tuple[str, ...]
    f1: Estimate

    def __str__(self) -> str:
        return f"{', '.join(self.models)}, {magnitude(self.parameters)}"


def grows_and_flattens(scores: Sequence[Score], dataset: str) -> Finding:
    """Decide whether F1 grows from the smallest base model to the largest, and less per doubling in the upper half."""
    sizes = _by_size(scores, dataset)
    if len(sizes) < SIZES:
        raise NotTestableError(f"this needs base models of {SIZES} sizes, and there are {len(sizes)}")
    smallest, largest = sizes[0], sizes[-1]
    growth = (largest.f1 - smallest.f1).rounded()
    # The halves overlap: an odd number of sizes has its middle size in both, an even number its two middle sizes.
    half = len(sizes) // 2 + 1
    lower, upper = _gain_per_doubling(sizes[:half]), _gain_per_doubling(sizes[-half:])
    grows, flattens = Condition(growth - GROWTH), Condition(lower - upper, strictly=True)
    return conclude(
        f"weighted F1 from {F1(smallest.f1.value)} ({smallest}) to {F1(largest.f1.value)} ({largest}):"
        f" {format_difference(growth)}, {'at least' if grows.met else 'less than'} {GROWTH};"
        f" per doubling of parameters {GAIN(lower.value)} over the lower half of the sizes, {GAIN(upper.value)} over"
        f" the upper half, difference {format_difference(lower - upper)}:"
        f" {'flattens' if flattens.met else 'does not flatten'}",
        grows,
        flattens,
    )


def _by_size(scores: Sequence[Score], dataset: str) -> list[_Size]:
    groups: dict[int, list[Score]] = {}
    for score in base_scores(scores, dataset):
        groups.setdefault(score["parameters"] or 0, []).append(score)
    return [
        _Size(parameters, tuple(score["recogniser"] for score in group), measure_f1(group))
        for parameters, group in groups.items()
    ]


def _gain_per_doubling(sizes: Sequence[_Size]) -> Estimate:
    first, last = sizes[0], sizes[-1]
    return ((last.f1 - first.f1) / math.log2(last.parameters / first.parameters)).rounded()


CLAIM = Claim(
    "F1 grows with size and flattens",
    f"held if, zero-shot, weighted F1 of the largest base model is at least {GROWTH} above that of the smallest, and F1"
    " gains less per doubling of parameters over the upper half of the sizes than over the lower half;"
    f" this needs {SIZES} sizes",
    "F1 grows steadily with size and levels off at about 8B to 14B; we do not know its F1 values by size, so the"
    " thresholds for growing and flattening are assumed",
    grows_and_flattens,
)
