"""Scores of a base and of its students of one home, of the other homes and of all homes, on every home."""

import itertools

import numpy as np
from factories import TRAINING_LOG
from score_factories import draw_gold, draw_predictions, make_measured_score

HOMES = ["cabin", "flat", "villa"]
# The probability that a recogniser labels an event right, by the homes that it learned from.
SKILL = {"none": 0.3, "own": 0.8, "others": 0.5, "all": 0.7}


def make_scores(homes=HOMES, seeds=(0,), groups=8, skills=SKILL):
    """Return the scores of a base and of its students of one home, of the other homes and of all, on every home.

    `skills` replaces `SKILL`.
    """
    draw, scores = np.random.default_rng(5), []
    for home in homes:
        gold = draw_gold(draw, groups)

        def add(name, learned, skill, home=home, gold=gold, **changes):
            score = make_measured_score(gold, draw_predictions(draw, gold, skill), name, home)
            scores.append(score | {"train_datasets": learned} | changes)

        add("little", [], skills["none"])
        grounds = scores[-1]["provenance"]
        sets = {other: [other] for other in homes} | {"all": homes}
        sets[f"all-but-{home}"] = [other for other in homes if other != home]
        for (name, learned), seed in itertools.product(sets.items(), seeds):
            regime = "own" if learned == [home] else "all" if home in learned else "others"
            changes = {"kind": "student", "base": "little", "recipe": "reasoning", "train_dataset": name}
            log = TRAINING_LOG | {"settings": TRAINING_LOG["settings"] | {"seed": seed}}
            changes["provenance"] = grounds | {"student": log}
            add(f"little_reasoning_{name}" + f"_seed{seed}" * bool(seed), learned, skills[regime], **changes)
    return scores
