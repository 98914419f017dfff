"""Test which folds of datasets do not fit: a student of several folds answers a dataset fold by fold."""

import pytest
from config_factories import CONFIG, make_project, problem_lines, replace_at
from hearth.workflow.configuration import resolve


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def with_folds(made_up, second, **training):
    config = replace_at(CONFIG, "datasets/made-up/split", {"folds": made_up})
    config = replace_at(config, "datasets/second/split", {"folds": second})
    return config | {"students": {"bases": ["little"], "trained_on": ["second"], "training": training}}


@pytest.mark.parametrize(("made_up", "second"), [(1, 1), (3, 1), (3, 3)])
def test_students_of_one_fold_or_of_equal_folds_answer_a_dataset(project, made_up, second):
    table = {"title": "T", "select": [{"recognisers": "students"}]}
    resolve(with_folds(made_up, second) | {"tables": {"transfer": table}}, [], project)


@pytest.mark.parametrize("made_up", [1, 2])
def test_a_student_of_several_folds_cannot_answer_other_folds(project, made_up):
    table = {"title": "T", "select": [{"recognisers": "students"}]}
    (line,) = problem_lines(with_folds(made_up, 3) | {"tables": {"transfer": table}}, project)
    assert line.endswith(
        f"datasets.made-up.split.folds: {made_up}, but table 'transfer' tests little_reasoning_second there, which is"
        " trained in 3; use equal numbers"
    )


@pytest.mark.parametrize(
    "students",
    [
        {"trained_on": ["made-up", "second"], "training": {"max_examples": "smallest"}},
        {"trained_on": ["all"]},
        {"trained_on": ["second"], "replay": 0.5, "replay_on": ["made-up"]},
    ],
)
def test_all_that_decides_the_examples_of_a_student_has_equal_folds(project, students):
    table = {"title": "T", "select": [{"recognisers": "students", "datasets": ["second"]}]}
    config = with_folds(3, 1) | {"tables": {"own": table}}
    lines = problem_lines(config | {"students": {"bases": ["little"]} | students}, project)
    assert any("split.folds: " in line and "learns from it, or from as many windows" in line for line in lines)
    resolve(config | {"students": {"bases": ["little"], "trained_on": ["second"]}}, [], project)


def test_students_that_no_table_shows_have_datasets_of_equal_folds_too(project):
    config = with_folds(3, 1) | {"students": {"bases": ["little"], "trained_on": ["all"]}}
    (line,) = problem_lines(config | {"tables": {"scaling": CONFIG["tables"]["scaling"]}}, project)
    assert "split.folds: " in line
    assert "little_reasoning_all learns from it" in line
