"""Simulated runs in which the truth about each claim is known: at the border of the claim, beyond it, and against it.

At the border the claim is just false or just true, so a decision either way is an error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from hearth.evaluation.claims.measures import select_scores
from hearth.evaluation.claims.table import CLAIMS
from hearth.evaluation.claims.verdicts import Claim, Finding
from hearth.evaluation.score_document import Score
from simulated_scores import LOST, SimulatedHome

RICH, POOR = "rich", "poor"
Truth = Literal["border", "true", "false"]
# Standard deviation of true weighted F1 between training seeds.
SEED_SPREAD = 0.02
SEEDS = 3


@dataclass(frozen=True)
class Planted:
    """A claim whose truth is planted; `draw_scores` takes a generator and the number of groups of each home."""

    name: str
    claim: Claim
    truth: Truth
    draw_scores: Callable[[np.random.Generator, int], list[Score]]

    def decide(self, seed: int, groups: int) -> Finding:
        """Draw scores and let the claim decide on them."""
        scores = self.draw_scores(np.random.default_rng([seed, groups]), groups)
        homes = dict.fromkeys(score["dataset"] for score in scores)
        return self.claim.decide((self.claim.select or select_scores)(scores), *homes)


def _seeds(draw: np.random.Generator, f1: float) -> list[float]:
    return list(f1 + draw.normal(0, SEED_SPREAD, SEEDS))


def _sizes(*f1s: float) -> Callable[[np.random.Generator, int], list[Score]]:
    def draw_scores(draw: np.random.Generator, groups: int) -> list[Score]:
        home = SimulatedHome(draw, RICH, groups)
        return [home.score(f"m{2**place}", f1, size=2**place) for place, f1 in enumerate(f1s)]

    return draw_scores


def _distillation(
    base: float, student: float, teacher: float, lost: Sequence[float] = (LOST,) * 3
) -> Callable[[np.random.Generator, int], list[Score]]:
    def draw_scores(draw: np.random.Generator, groups: int) -> list[Score]:
        home = SimulatedHome(draw, RICH, groups)
        models = [home.score("m1", base, lost[0]), home.score("m9", teacher, lost[2], size=9)]
        return [*models, *home.student(RICH, _seeds(draw, student), lost=lost[1])]

    return draw_scores


def _transfer(base: float, own: float, rich_on_poor: float, poor_on_rich: float) -> Callable[..., list[Score]]:
    def draw_scores(draw: np.random.Generator, groups: int) -> list[Score]:
        rich, poor = SimulatedHome(draw, RICH, groups, 20), SimulatedHome(draw, POOR, groups, 12)
        noise = {home: draw.normal(0, SEED_SPREAD, SEEDS) for home in (RICH, POOR)}
        # A training seed moves F1 on both homes alike.
        return [
            *(home.score("m1", base) for home in (rich, poor)),
            *rich.student(RICH, own + noise[RICH]),
            *poor.student(RICH, rich_on_poor + noise[RICH]),
            *poor.student(POOR, own + noise[POOR]),
            *rich.student(POOR, poor_on_rich + noise[POOR]),
        ]

    return draw_scores


def _left_out(base: float, student: float) -> Callable[..., list[Score]]:
    def draw_scores(draw: np.random.Generator, groups: int) -> list[Score]:
        home = SimulatedHome(draw, RICH, groups)
        f1s = _seeds(draw, student)
        return [home.score("m1", base), *home.student("all-but-rich", f1s, train_datasets=[POOR, "other"])]

    return draw_scores


def make_homes_run(
    homes: int = 3,
    base: float = 0.3,
    own: float = 0.7,
    rich_on_poor: float = 0.5,
    poor_on_rich: float = 0.4,
    left_out: float = 0.5,
    groups: int = 20,
) -> list[Score]:
    """Return the scores of a base and its students of one home and of all other homes, of three seeds, on every home.

    The homes `h0`, `h1`, ... have more and more labels.
    """
    draw, names, scores = np.random.default_rng(4), [f"h{number}" for number in range(homes)], []
    for place, name in enumerate(names):
        home = SimulatedHome(draw, name, groups, 10 + place)
        scores.append(home.score("m1", base))
        for other, trained_on in enumerate(names):
            f1 = own if other == place else rich_on_poor if other > place else poor_on_rich
            scores += home.student(trained_on, [f1] * SEEDS)
        others = [one for one in names if one != name]
        scores += home.student(f"all-but-{name}", [left_out] * SEEDS, train_datasets=others)
    return scores


GROWS, FLATTENS, WITHIN, HALF, BY_SIZE, BY_DISTILLATION, ASYMMETRIC, OVER_PAIRS, KEEPS_UP, OVER_LEFT_OUT = CLAIMS
PLANTED = [
    Planted("F1 does not change with size", GROWS, "border", _sizes(0.5, 0.5, 0.5, 0.5)),
    Planted("F1 grows by 0.15", GROWS, "true", _sizes(0.4, 0.45, 0.5, 0.55)),
    Planted("F1 falls by 0.15", GROWS, "false", _sizes(0.55, 0.5, 0.45, 0.4)),
    Planted("last step of 0.05", FLATTENS, "border", _sizes(0.3, 0.5, 0.6, 0.65)),
    Planted("last step of 0", FLATTENS, "true", _sizes(0.3, 0.5, 0.6, 0.6)),
    Planted("last step of 0.15", FLATTENS, "false", _sizes(0.3, 0.4, 0.5, 0.65)),
    Planted("0.05 below the teacher", WITHIN, "border", _distillation(0.3, 0.6, 0.65)),
    Planted("as good as the teacher", WITHIN, "true", _distillation(0.3, 0.65, 0.65)),
    Planted("0.15 below the teacher", WITHIN, "false", _distillation(0.3, 0.5, 0.65)),
    Planted("half of a lead of 0.4", HALF, "border", _distillation(0.3, 0.5, 0.7)),
    Planted("three quarters of a lead of 0.4", HALF, "true", _distillation(0.3, 0.6, 0.7)),
    Planted("a quarter of a lead of 0.4", HALF, "false", _distillation(0.3, 0.4, 0.7)),
    Planted("5 % unanswered by both sizes", BY_SIZE, "border", _distillation(0.3, 0.5, 0.7, (0.05, 0.05, 0.05))),
    Planted("10 % and 2 % unanswered", BY_SIZE, "true", _distillation(0.3, 0.5, 0.7, (0.1, 0.02, 0.02))),
    Planted("2 % and 10 % unanswered", BY_SIZE, "false", _distillation(0.3, 0.5, 0.7, (0.02, 0.02, 0.1))),
    Planted("5 % by base and student", BY_DISTILLATION, "border", _distillation(0.3, 0.5, 0.7, (0.05, 0.05, 0.02))),
    Planted("10 % and 2 % by the student", BY_DISTILLATION, "true", _distillation(0.3, 0.5, 0.7, (0.1, 0.02, 0.02))),
    Planted("2 % and 10 % by the student", BY_DISTILLATION, "false", _distillation(0.3, 0.5, 0.7, (0.02, 0.1, 0.02))),
    Planted("shares differ by 0.05", ASYMMETRIC, "border", _transfer(0.3, 0.7, 0.5, 0.465)),
    Planted("no better than untrained", ASYMMETRIC, "border", _transfer(0.4, 0.7, 0.4, 0.1)),
    Planted("shares differ by 0.3", ASYMMETRIC, "true", _transfer(0.3, 0.7, 0.56, 0.35)),
    Planted("shares differ by -0.2", ASYMMETRIC, "false", _transfer(0.3, 0.7, 0.42, 0.56)),
    Planted("0.15 worse than untrained", ASYMMETRIC, "false", _transfer(0.4, 0.7, 0.25, 0.05)),
    Planted("0.05 below the base on a home left out", KEEPS_UP, "border", _left_out(0.45, 0.4)),
    Planted("0.1 above the base on a home left out", KEEPS_UP, "true", _left_out(0.45, 0.55)),
    Planted("0.2 below the base on a home left out", KEEPS_UP, "false", _left_out(0.45, 0.25)),
]
