"""Test what a config must not say of students of the recipes joint and on-policy."""

import pytest
from config_factories import CONFIG, make_project, problem_lines, replace_at


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
