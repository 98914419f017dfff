"""Test that a table of forgetting without a student on an unseen dataset, or without its base there, is refused."""

import pytest
from config_factories import CONFIG, make_project, problem_lines
from hearth.workflow.configuration import resolve


def config_with(*select):
    """Return a config with a table of forgetting of this selection."""
    return CONFIG | {"tables": {"kept": {"title": "T", "rows": "forgetting", "select": list(select)}}}


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def test_students_on_other_datasets_and_their_bases_are_accepted(project):
    others = {"recognisers": "students", "datasets": "others"}
    resolve(config_with(others, {"recognisers": "bases"}), [], project)


@pytest.mark.parametrize(
    ("select", "said"),
    [
        (
            [{"recognisers": "students", "datasets": "others"}],
            "tables.kept.select: little_reasoning_made-up on second is compared with little: add {recognisers: bases}",
        ),
        (
            [{"recognisers": "students", "datasets": "trained_on"}, {"recognisers": "bases"}],
            "tables.kept.select: selects no student on a dataset that it did not learn from",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_before_the_run(project, select, said):
    (line,) = problem_lines(config_with(*select), project)
    assert said in line


def test_students_with_another_prompt_than_their_bases_are_refused(project):
    config = config_with({"recognisers": "short", "datasets": "others"}, {"recognisers": "bases"})
    (line,) = problem_lines(config | {"variants": {"short": {"of": "students", "prompt": {"rules": False}}}}, project)
    assert "little_reasoning_made-up_short has another prompt or decoding than its base little" in line
