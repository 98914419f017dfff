"""Test the figure of recipes by tokens."""

import pytest
from hearth.evaluation.figures import recipes_by_tokens
from recipe_factories import HOMES, SKILLS, TEACHER_TOKENS, WINDOWS, make_recipe_scores


def points(axes):
    """Return the positions of all markers of a panel."""
    return sorted(
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.get_lines()
        if len(line.get_xdata()) == 1
    )


def test_every_recipe_stands_at_its_tokens_of_answer_and_teacher():
    scores = make_recipe_scores()
    figure = recipes_by_tokens.draw(scores)
    assert len(figure.axes) == 2 * len(HOMES)
    answers, taught = (sorted(x for x, _ in points(axes)) for axes in figure.axes[:2])
    assert len(answers) == len(SKILLS) + 1  # the untrained base too, but not the teacher
    assert answers.count(150) == len(SKILLS) - 1
    per_window = TEACHER_TOKENS / WINDOWS
    assert taught == [0, per_window, per_window, per_window, 8 * per_window]


def test_unknown_numbers_of_tokens_are_not_drawn():
    scores = make_recipe_scores(homes=["flat"], teacher_tokens=None)
    answers, taught = (points(axes) for axes in recipes_by_tokens.draw(scores).axes)
    assert len(answers) == len(SKILLS) + 1
    assert [x for x, _ in taught] == [0]


def test_students_on_other_homes_are_not_shown():
    scores = make_recipe_scores(homes=["flat"])
    away = [score | {"dataset": "cabin"} for score in scores if score["kind"] == "student"]
    assert len(recipes_by_tokens.draw([*scores, *away]).axes) == 2
    with pytest.raises(ValueError, match="nothing to show"):
        recipes_by_tokens.draw(away)
