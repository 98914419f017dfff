"""The claims that F1 grows with model size and flattens, and the steps between neighbouring sizes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from hearth.evaluation.claims.estimates import Estimate
from hearth.evaluation.claims.measures import CLOSE, F1, base_models, format_difference, measure_f1
from hearth.evaluation.claims.verdicts import HELD, Claim, Condition, Finding, NotTestableError
from hearth.evaluation.rendering import magnitude
from hearth.evaluation.score_document import Score

# Number of sizes of base models that the claims need.
SIZES = 3
# Sizes that fewer resamples choose are not named.
_NAMED_SHARE = 0.005


@dataclass(frozen=True)
class Size:
    """The base models of one size and their mean weighted F1."""

    parameters: int
    models: tuple[str, ...]
    f1: Estimate

    def __str__(self) -> str:
        return f"{', '.join(self.models)} ({magnitude(self.parameters)})"


def base_sizes(scores: Sequence[Score], dataset: str) -> list[Size]:
    """Return the sizes of base models that were tested on a dataset, smallest first."""
    by_size: dict[int, dict[str, Estimate]] = {}
    for model in base_models(scores, dataset):
        by_size.setdefault(model.parameters, {})[model.name] = measure_f1(model.scores)
    return [Size(parameters, tuple(f1), 1 / len(f1) * reduce(add, f1.values())) for parameters, f1 in by_size.items()]


def grows(scores: Sequence[Score], dataset: str) -> Finding:
    """Decide whether F1 of the largest base model is above that of the smallest, with an upward trend over all."""
    sizes = _enough_sizes(scores, dataset)
    smallest, largest = sizes[0], sizes[-1]
    growth, slope = (largest.f1 - smallest.f1).rounded(), gain_per_doubling(sizes)
    because = (
        f"weighted F1 from {F1(smallest.f1.value)} of {smallest} to {F1(largest.f1.value)} of {largest}; trend over"
        f" {len(sizes)} sizes: {format_difference(slope)} per doubling of parameters"
    )
    return Finding(growth, "F1", (Condition(growth), Condition(slope, "F1 per doubling of parameters")), because)


def flattens(scores: Sequence[Score], dataset: str) -> Finding:
    """Decide whether F1, having grown, gains at most `CLOSE` from the second largest size to the largest.

    The words also name the size from which nothing more is gained. It is shown by tests in a fixed sequence, from the
    largest size down to the first test that shows nothing, which needs no correction for their number.
    """
    sizes = _enough_sizes(scores, dataset)
    growth, step = (sizes[-1].f1 - sizes[0].f1).rounded(), (sizes[-1].f1 - sizes[-2].f1).rounded()
    shares = plateau_shares(sizes)
    chosen = ", ".join(
        f"{', '.join(size.models)} in {100 * share:.0f} %"
        for size, share in zip(sizes, shares, strict=True)
        if share >= _NAMED_SHARE
    )
    shown = shown_plateau(sizes)
    because = (
        f"last step, from {sizes[-2]} to {sizes[-1]}: {format_difference(step)}; growth over all sizes"
        f" {format_difference(growth)}; smallest size that is at most {CLOSE} below the largest: {_plateau(sizes)}"
        f" (of the resamples: {chosen}); beyond chance: {shown or 'none below the largest'}"
    )
    conditions = (Condition(CLOSE - step), Condition(growth, "F1 gained over all sizes"))
    return Finding(step, "F1 in the last step", conditions, because)


def gain_per_doubling(sizes: Sequence[Size]) -> Estimate:
    """Return the slope of weighted F1 over the binary logarithm of the number of parameters, by least squares."""
    doublings = np.array([math.log2(size.parameters) for size in sizes])
    deviations = doublings - doublings.mean()
    weights = deviations / (deviations**2).sum()
    parts = [float(weight) * size.f1 for weight, size in zip(weights, sizes, strict=True)]
    return reduce(add, parts).rounded()


def plateau_shares(sizes: Sequence[Size]) -> np.ndarray:
    """Return the share of resamples in which each size is the smallest that is at most `CLOSE` below the largest."""
    return np.bincount(_smallest_close(sizes)[1:], minlength=len(sizes)) / (len(sizes[0].f1.values) - 1)


def shown_plateau(sizes: Sequence[Size]) -> Size | None:
    """Return the smallest size that is shown to be at most `CLOSE` below the largest; None if no smaller size is."""
    shown = None
    for size in reversed(sizes[:-1]):
        if Condition(CLOSE - (sizes[-1].f1 - size.f1)).verdict != HELD:
            break
        shown = size
    return shown


def _plateau(sizes: Sequence[Size]) -> Size:
    return sizes[int(_smallest_close(sizes)[0])]


def _smallest_close(sizes: Sequence[Size]) -> np.ndarray:
    """Return, for the numbers themselves and for each resample, the place of the smallest size that is close."""
    close = [(CLOSE - (sizes[-1].f1 - size.f1)).rounded().values >= 0 for size in sizes]
    places: np.ndarray = np.argmax(close, axis=0)
    return places


def _enough_sizes(scores: Sequence[Score], dataset: str) -> list[Size]:
    sizes = base_sizes(scores, dataset)
    if len(sizes) < SIZES:
        raise NotTestableError(f"this needs base models of {SIZES} sizes, and there are {len(sizes)}")
    return sizes


CLAIMS = (
    Claim(
        "F1 grows with size",
        "held if, zero-shot, weighted F1 of the largest base model is above that of the smallest, and its trend over"
        f" the logarithm of size points upwards; this needs {SIZES} sizes",
        "F1 grows steadily with size; we do not know its F1 values by size, so any growth counts",
        grows,
    ),
    Claim(
        "F1 flattens at the largest sizes",
        f"held if, zero-shot, weighted F1 grows and gains at most {CLOSE} from the second largest size of base models"
        f" to the largest; this needs {SIZES} sizes",
        f"F1 levels off at about 8B to 14B; we do not know its F1 values by size, so the margin of {CLOSE}, which the"
        " paper calls close elsewhere, is assumed",
        flattens,
    ),
)
