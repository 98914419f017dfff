"""Test the choice of a student's own text in a round of on-policy distillation."""

import pytest
from hearth.distillation.own_text import OWN_SHARE, judge_own_text
from hearth.distillation.recipes import RECIPES, Candidate, Target

TEACHER = {"window_id": "w", "text": "<think>\nWhy.\n</think>\n\n[1]", "finish_reason": "stop", "completion_tokens": 10}
WINDOWS = [f"home/session/{number}" for number in range(2000)]


def own_text(window_id, seed=1, text="[2]", finish_reason="stop", tokens=12):
    return {
        "window_id": window_id,
        "text": text,
        "finish_reason": finish_reason,
        "completion_tokens": tokens,
        "seed": seed,
    }


def drawn(seed=1):
    return [name for name in WINDOWS if judge_own_text(own_text(name, seed), TEACHER) == "learned"]


def test_half_of_the_windows_are_drawn_and_others_with_another_seed():
    assert len(drawn()) == pytest.approx(OWN_SHARE * len(WINDOWS), abs=100)
    assert drawn() == drawn()
    both = set(drawn()) & set(drawn(seed=2))
    assert len(both) == pytest.approx(OWN_SHARE**2 * len(WINDOWS), abs=100)


@pytest.mark.parametrize(
    ("changes", "judgement"),
    [
        ({}, "learned"),
        ({"tokens": 20}, "learned"),
        ({"tokens": 21}, "long"),
        ({"tokens": None}, "learned"),
        ({"finish_reason": "length"}, "cut"),
        ({"finish_reason": "unanswered", "text": ""}, "unanswered"),
        ({"text": " \n"}, "unanswered"),
        ({"text": "and then the door opened, " * 60}, "loop"),
    ],
)
def test_text_that_teaches_no_answer_is_not_learned(changes, judgement):
    name = drawn()[0]
    assert judge_own_text(own_text(name, **changes), TEACHER) == judgement
    (target,) = RECIPES["on-policy"].targets(Candidate({}, TEACHER, own=own_text(name, **changes)))
    assert target.is_own == (judgement == "learned")


def test_of_own_text_only_the_teachers_probabilities_are_learned():
    name = drawn()[0]
    (target,) = RECIPES["on-policy"].targets(Candidate({}, TEACHER, own=own_text(name)))
    assert target == Target("[2]", ended=True, soft_share=1, is_own=True)


def test_other_windows_and_the_first_round_learn_the_trace_as_recipe_soft_does():
    other = min(set(WINDOWS) - set(drawn()))
    soft = RECIPES["soft"].targets(Candidate({}, TEACHER))
    assert RECIPES["on-policy"].targets(Candidate({}, TEACHER, own=own_text(other))) == soft
    assert RECIPES["on-policy"].targets(Candidate({}, TEACHER)) == soft
