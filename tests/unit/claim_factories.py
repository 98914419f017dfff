"""Factories of scores for the tests of claims, with chosen numbers and without intervals."""

from count_factories import keep_groups
from factories import TRAINING_LOG
from score_factories import make_score, make_student_score

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


def make_transfer_scores(rich_on_poor, poor_on_rich, poor_labels=10, own=0.5, seeds=range(3)):
    """Return the scores of two students of several seeds on both homes, and of their base model on the poorer home."""
    scores = [make_base("little", 0.123, dataset=POOR, labels=poor_labels)]
    for seed in seeds:
        scores += [
            make_student(own, seed),
            make_student(own, seed, trained_on=POOR, dataset=POOR, labels=poor_labels),
            make_student(rich_on_poor, seed, dataset=POOR, labels=poor_labels),
            make_student(poor_on_rich, seed, trained_on=POOR),
        ]
    return scores
