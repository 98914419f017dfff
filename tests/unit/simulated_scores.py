"""Simulate scores whose true weighted F1 is known, with groups of events that differ as recordings of homes do.

Labels are of unequal frequency and clustered in groups, groups are of unequal size, and some groups are harder than
others for all recognisers alike. All numbers below are assumptions of the simulation.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from factories import TRAINING_LOG
from hearth.evaluation.counts import counts_of_score
from hearth.evaluation.metrics import compute_metrics
from hearth.evaluation.score_document import HEADLINES, PARSINGS, RATES, READINGS, Score
from score_factories import make_score

# The labels of the home, most frequent first; the rarest has one event in 70.
SHARES = np.array([0.27, 0.16, 0.12, 0.10, 0.09, 0.07, 0.06, 0.05, 0.03, 0.02, 0.016, 0.014])
LABELS = [f"label {number}" for number in range(len(SHARES))]
# The smaller, the more a label is confined to few groups; mean number of events per group.
CONCENTRATION, EVENTS = 4.0, 32
# Standard deviations, in logits, of how hard a label is, a group for all recognisers, and a group for one of them.
LABEL_SPREAD, GROUP_SPREAD, OWN_SPREAD = 0.8, 0.6, 0.3
LOST = 0.02
_FIXED = np.random.default_rng(1)
_HARDNESS = _FIXED.normal(0, LABEL_SPREAD, len(SHARES))
_CONFUSED = _FIXED.dirichlet(np.full(len(SHARES), 0.5), len(SHARES)) * (1 - np.eye(len(SHARES)))
_CONFUSED /= _CONFUSED.sum(axis=1, keepdims=True)
_POPULATION = 20_000


def draw_gold(draw: np.random.Generator, groups: int) -> np.ndarray:
    """Draw the events of groups by label: (groups, labels)."""
    events = 1 + draw.negative_binomial(2, 2 / (2 + EVENTS), groups)
    return draw.multinomial(events, draw.dirichlet(CONCENTRATION * SHARES, groups))


def draw_counts(
    draw: np.random.Generator, gold: np.ndarray, hardness: np.ndarray, skill: float, lost: float = LOST
) -> np.ndarray:
    """Draw what a recogniser answers, as the columns of `Counts.matrix`; it leaves a share `lost` of events out."""
    missing = draw.binomial(gold, lost)
    logits = skill + _HARDNESS + hardness[:, None] + draw.normal(0, OWN_SPREAD, (len(gold), 1))
    right = draw.binomial(gold - missing, 1 / (1 + np.exp(-logits)))
    predicted = right.copy()
    for label, confused in enumerate(_CONFUSED):
        predicted += draw.multinomial((gold - missing - right)[:, label], confused)
    windows = -(-gold.sum(axis=1) // 10)
    none = np.zeros(len(gold), int)
    rest = [windows, windows, none, missing.sum(axis=1), none]
    return np.hstack([gold, predicted, right, np.stack(rest, axis=1)])


def draw_hardness(draw: np.random.Generator, groups: int) -> np.ndarray:
    """Draw how hard each group is, for all recognisers alike: (groups,)."""
    return draw.normal(0, GROUP_SPREAD, groups)


@cache
def true_metrics(skill: float, lost: float = LOST) -> dict[str, float]:
    """Return the metrics of a recogniser on a very large number of groups."""
    draw = np.random.default_rng(9)
    gold = draw_gold(draw, _POPULATION)
    counts = draw_counts(draw, gold, draw_hardness(draw, _POPULATION), skill, lost)
    return {name: float(value) for name, value in compute_metrics(counts.sum(axis=0).astype(float), "recall").items()}


def skill_for(f1: float, lost: float = LOST) -> float:
    """Return the skill of a recogniser whose true weighted F1 is `f1`."""
    skills = np.linspace(-3, 3, 13)
    return float(np.interp(f1, [true_metrics(float(skill), lost)["weighted_f1"] for skill in skills], skills))


class SimulatedHome:
    """A home with gold labels and the hardness of every group; `score` draws recognisers' answers on it."""

    def __init__(self, draw: np.random.Generator, name: str, groups: int, labels: int = 12) -> None:
        self.draw, self.name, self.labels = draw, name, labels
        self.gold, self.hardness = draw_gold(draw, groups), draw_hardness(draw, groups)

    def score(self, recogniser: str, f1: float, lost: float = LOST, size: int = 1, **changes: Any) -> Score:
        """Return the score of a recogniser of `size` million parameters whose true weighted F1 is `f1`."""
        matrix = draw_counts(self.draw, self.gold, self.hardness, skill_for(f1, lost), lost)
        return score_of_counts(recogniser, self.name, matrix, self.labels, parameters=size * 10**6, **changes)

    def student(self, trained_on: str, f1s: Sequence[float], examples: int = 100, **changes: Any) -> list[Score]:
        """Return the scores of a student of the base `m1` and the teacher `m9`, one for each true weighted F1."""
        names = {"kind": "student", "base": "m1", "teacher": "m9", "recipe": "reasoning", "train_dataset": trained_on}
        scores = []
        for seed, f1 in enumerate(f1s):
            log = TRAINING_LOG | {
                "settings": TRAINING_LOG["settings"] | {"seed": seed},
                "examples": TRAINING_LOG["examples"] | {"used": examples},
            }
            name = f"m1_reasoning_{trained_on}" + (f"_seed{seed}" if seed else "")
            scores.append(self.score(name, f1, provenance={"student": log}, **names | changes))
        return scores


def score_of_counts(recogniser: str, dataset: str, matrix: np.ndarray, labels: int = 12, **changes: Any) -> Score:
    """Return a score with these counts, whose metrics follow from them, on a home with `labels` labels."""
    size, groups = len(LABELS), len(matrix)
    used = [label for label in range(size) if matrix[:, label].any()]

    def written(column: np.ndarray) -> str:
        return " ".join(map(str, column.tolist()))

    def by_label(block: int) -> dict[str, str]:
        return {LABELS[label]: written(matrix[:, block * size + label]) for label in used}

    windows, ok, malformed, missing, unknown = (written(column) for column in matrix[:, 3 * size :].T)
    rest = {"ok": ok, "malformed": malformed, "missing": missing, "unknown": unknown}
    answers = {"predicted": by_label(1), "right": by_label(2), **rest}
    counts = {"names": [f"g{number:04d}" for number in range(groups)], "windows": windows, "gold": by_label(0)}
    template = _template()
    provenance = template["provenance"] | {"home": template["provenance"]["home"] | {"name": dataset, "labels": labels}}
    score = template | {
        "recogniser": recogniser,
        "dataset": dataset,
        "groups": counts | dict.fromkeys(PARSINGS, answers),
        "n_groups": groups,
        "provenance": provenance | changes.pop("provenance", {}),
        **{parsing: template[parsing] | {"confusion": {"labels": LABELS}} for parsing in PARSINGS},
        **changes,
    }
    for parsing in PARSINGS:
        own = counts_of_score(score, parsing)
        metrics = compute_metrics(own.matrix.sum(axis=0).astype(float), own.lost_answers)
        values = {name: float(value) for name, value in metrics.items()}
        score[parsing] |= {name: values[name] for name in HEADLINES}
        score[parsing]["readings"] = {name: values[name] for name in READINGS}
        score[parsing]["rates"] = {name: values[name] for name in RATES}
    return score


@cache
def _template() -> Score:
    """Return a valid score, whose parts must not be changed."""
    return make_score()
