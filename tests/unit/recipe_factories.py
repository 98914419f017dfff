"""Scores of students of several recipes, of their base and of their teacher, on the homes of the students."""

import numpy as np
from factories import TRAINING_LOG
from score_factories import draw_gold, draw_predictions, make_confidence, make_measured_score

HOMES = ("cabin", "flat")
# The probability that a recogniser labels an event right.
SKILLS = {"reasoning": 0.6, "joint": 0.62, "labels": 0.35, "vote": 0.9}
WINDOWS, STEPS, TEACHER_TOKENS = 40, 90, 4000


def make_recipe_scores(homes=HOMES, seeds=(0, 1), groups=12, skills=SKILLS, **log):
    """Return the scores of a base, of its teacher, and of students by recipe; `log` changes their training log.

    The students of `labels` wrote a third of the tokens of others and learned from the same traces. Those of `vote` had
    eight samples of the teacher.
    """
    draw, scores = np.random.default_rng(5), []
    for home in homes:
        gold = draw_gold(draw, groups)
        for name, skill in (("little", 0.3), ("large", 0.8)):
            predicted = draw_predictions(draw, gold, skill)
            scores.append(make_measured_score(gold, predicted, name, home, train_datasets=[]))
        for recipe, skill in skills.items():
            for seed in seeds:
                tokens = TEACHER_TOKENS * (8 if recipe == "vote" else 1)
                training = TRAINING_LOG | {"recipe": recipe, "steps": STEPS, "teacher_tokens": tokens}
                training |= {"examples": TRAINING_LOG["examples"] | {"used": WINDOWS}, **log}
                name = f"little_{recipe}_{home}" + f"_seed{seed}" * bool(seed)
                score = make_measured_score(
                    gold,
                    draw_predictions(draw, gold, skill),
                    name,
                    home,
                    kind="student",
                    base="little",
                    teacher="large",
                    recipe=recipe,
                    train_dataset=home,
                    provenance={"student": training},
                    confidence=make_confidence(),
                )
                score["tokens"] = {
                    "prompt": 900,
                    "completion": score["n_windows"] * (50 if recipe == "labels" else 150),
                }
                scores.append(score)
    return scores


def as_variant(score, variant, **changes):
    """Return a score as that of a variant of the same recogniser."""
    return score | {"recogniser": f"{score['recogniser']}_{variant}", "variant": variant} | changes
