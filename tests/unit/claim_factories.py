"""Factories of scores for the tests of claims: chosen numbers without intervals, or measured ones with intervals."""

import numpy as np
from count_factories import keep_groups
from factories import TRAINING_LOG
from score_factories import draw_gold, draw_predictions, make_measured_score, make_score, make_student_score

RICH, POOR = "rich", "poor"


def make_claim_score(score, dataset, labels, missing):
    """Change a score to this missing rate, on a home with `labels` labels, and return it.

    It keeps a single session, so that estimates from it have no intervals.
    """
    score["strict"]["rates"]["missing_rate"] = missing
    score["groups"] = keep_groups(score["groups"], ["2"])
    score["provenance"]["home"] |= {"name": dataset, "labels": labels}
    return score


def make_base(name, f1, size=1, dataset=RICH, missing=0.0, labels=20):
    """Return the score of a base model of `size` million parameters."""
    return make_claim_score(make_score(name, dataset, f1, parameters=size * 10**6), dataset, labels, missing)


def make_student(f1, seed=0, trained_on=RICH, dataset=RICH, missing=0.0, labels=20, **changes):
    """Return the score of a student of the base model little."""
    log = TRAINING_LOG | {"settings": TRAINING_LOG["settings"] | {"seed": seed}}
    changes = {"train_dataset": trained_on, "parameters": 10**6, "recogniser": f"s_{trained_on}_{seed}"} | changes
    score = make_student_score(dataset, f1, provenance={"student": log})
    return make_claim_score(score | changes, dataset, labels, missing)


def make_transfer_scores(rich_on_poor, poor_on_rich, poor_labels=10, own=0.5):
    """Return the scores of two students on both homes, and of their base model on the poorer home."""
    return [
        make_student(own),
        make_student(own, trained_on=POOR, dataset=POOR, labels=poor_labels),
        make_student(rich_on_poor, dataset=POOR, labels=poor_labels),
        make_student(poor_on_rich, trained_on=POOR),
        make_base("little", 0.123, dataset=POOR, labels=poor_labels),
    ]


def make_measured_scores(sessions, dataset=RICH, labels=20, **skills):
    """Return measured scores, one for each name and skill in `skills`.

    `m1`, `m2`, ... are base models of that many million parameters; other names are students of `m1`.
    """
    draw = np.random.default_rng(sessions)
    gold = draw_gold(draw, sessions, 10)
    scores = []
    for name, skill in skills.items():
        size = int(name[1:]) * 10**6 if name.startswith("m") else 10**6
        score = make_measured_score(gold, draw_predictions(draw, gold, skill), name, dataset, parameters=size)
        if not name.startswith("m"):
            names = {"kind": "student", "base": "m1", "teacher": "m9", "recipe": "reasoning"}
            score |= names | {"train_dataset": POOR if name.startswith("poor") else RICH}
        score["provenance"]["home"] |= {"labels": labels}
        scores.append(score)
    return scores
