"""Test the plan of a run: its students, models, datasets, tables and figures."""

import pytest
from config_factories import CONFIG, make_project, replace_at
from hearth.workflow.configuration import resolve
from hearth.workflow.run_plan import plan_run


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def test_a_run_trains_its_main_students_and_makes_its_own_tables_beside_the_declared_ones(project):
    plan = plan_run(*resolve(CONFIG, [], project))
    assert list(plan.trained) == ["little_reasoning_made-up", "little_reasoning_second"]
    assert plan.teacher_pairs == [("large", "made-up"), ("large", "second")]
    assert plan.traces == [("large", "made-up", "train1"), ("large", "second", "train1")]
    assert plan.models == ["little", "large"]
    assert plan.datasets == ["made-up", "second"]
    assert plan.tables == ["scaling", "students", "claims", "audit", "cost"]
    assert plan.cost_figures == ["cost_f1"]


def test_a_group_of_students_is_trained_only_if_a_table_shows_it(project):
    config = replace_at(CONFIG, "students/groups", {"few": {"max_examples": [5], "trained_on": ["second"]}})
    assert "little_reasoning-n5_second" not in plan_run(*resolve(config, [], project)).trained
    config = replace_at(config, "tables/scaling/select/0/recognisers", "few")
    assert "little_reasoning-n5_second" in plan_run(*resolve(config, [], project)).trained


def test_a_run_without_tables_and_students_makes_no_claims_audit_or_figures(project):
    config = replace_at(replace_at(CONFIG, "tables", {}), "students", ...)
    plan = plan_run(*resolve(config, [], project))
    assert (plan.pairs, plan.trained, plan.figures, plan.cost_figures) == ([], {}, [], [])
    assert plan.tables == ["cost"]


def test_the_teacher_of_a_shown_group_is_among_the_models(project):
    config = replace_at(CONFIG, "students/groups", {"small": {"teacher": "little", "trained_on": ["second"]}})
    config = replace_at(config, "tables/students/select/0/recognisers", "small")
    plan = plan_run(*resolve(config, [], project))
    assert ("little", "second") in plan.teacher_pairs


def test_with_several_folds_the_teacher_labels_every_window_once(project):
    plan = plan_run(*resolve(replace_at(CONFIG, "split", {"folds": 4}), [], project))
    assert plan.traces == [("large", "made-up", "all"), ("large", "second", "all")]


def test_a_table_may_show_an_earlier_round_which_needs_no_later_one(project):
    config = replace_at(CONFIG, "students/groups", {"rounds": {"recipes": ["on-policy"], "trained_on": ["second"]}})
    earlier = [f"little_on-policy-round{number}_second" for number in range(2)]
    config = replace_at(config, "tables/students/select/0/recognisers", earlier[1:])
    plan = plan_run(*resolve(config, [], project))
    assert [name for name in plan.trained if "on-policy" in name] == earlier
    assert plan.policies == [(f"{earlier[0]}_policy", "second", "train1")]


def test_the_answers_of_teachers_that_a_table_of_gains_reads_are_planned_though_no_table_scores_them(project):
    selected = [{"recognisers": "students", "datasets": "trained_on"}]
    config = replace_at(CONFIG, "tables/students", {"title": "Gains", "rows": "gains"} | {"select": selected})
    config = replace_at(config, "tables/scaling", ...)
    plan = plan_run(*resolve(config, [], project))
    assert not [name for name, _ in plan.pairs if name == "large"]
    assert [pair for pair in plan.asked_pairs if pair[0] == "large"] == [("large", "made-up"), ("large", "second")]
    by_name = replace_at(config, "tables/students/all", False)
    assert plan_run(*resolve(by_name, [], project)).asked_pairs == []
