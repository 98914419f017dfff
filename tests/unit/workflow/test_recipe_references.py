"""Test what a config must not say of students of the recipes joint and on-policy, and of tables of recipes."""

import pytest
from config_factories import CONFIG, make_project, problem_lines, replace_at
from hearth.workflow.configuration import resolve


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def group_of(recipe):
    return replace_at(CONFIG, "students/groups", {"more": {"recipes": [recipe]}})


def test_a_student_that_answers_both_ways_needs_a_prompt_with_reasoning(project):
    config = group_of("joint") | {"prompt": {"reasoning": "none"}}
    assert any(
        "students.groups.more.recipes" in line and "set prompt.reasoning: think" in line
        for line in problem_lines(config, project)
    )


def test_a_variant_must_not_have_the_name_of_a_policy(project):
    config = group_of("on-policy") | {"variants": {"policy": {"of": "bases", "decoding": {"temperature": 0.1}}}}
    assert any("'policy' would name text of students of on-policy" in line for line in problem_lines(config, project))


def with_table(rows, recipe, **more):
    table = {"title": "T", "rows": rows, "select": [{"recognisers": "more", "datasets": "trained_on"}], **more}
    return replace_at(group_of(recipe), "tables/compared", table)


@pytest.mark.parametrize(
    ("rows", "recipe", "said"),
    [
        ("recipes", "labels", "selects no student of the recipe 'reasoning'"),
        ("gains", "gold-labels", "selects no student that learned from a teacher"),
    ],
)
def test_a_table_that_compares_needs_the_students_to_compare_with(project, rows, recipe, said):
    assert any(said in line for line in problem_lines(with_table(rows, recipe), project))
    resolve(with_table(rows, "reasoning" if rows == "recipes" else recipe.removeprefix("gold-")), [], project)


def test_a_table_of_gains_has_the_labels_of_each_home_only(project):
    lines = problem_lines(with_table("gains", "labels", labels="common"), project)
    assert any("a table of gains has the labels of each home only" in line for line in lines)
