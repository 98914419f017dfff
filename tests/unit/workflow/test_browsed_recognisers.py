"""Test the choice of the recognisers that the window browser shows."""

from config_factories import CONFIG, make_project, replace_at, write_yaml
from factories import HOME
from hearth.workflow.browsed_recognisers import browsed_recognisers
from hearth.workflow.configuration import resolve
from hearth.workflow.run_plan import plan_run
from hearth.workflow.selection import selected_pairs


def chosen(tmp_path, config):
    filled, _ = resolve(config, [], make_project(tmp_path / "project"))
    return browsed_recognisers(filled, selected_pairs(filled))


def test_the_teacher_a_student_of_the_home_and_its_base_are_shown(tmp_path):
    assert chosen(tmp_path, CONFIG) == {
        home: {"teacher": "large", "student": f"little_reasoning_{home}", "base": "little"}
        for home in ("made-up", "second")
    }


def test_a_role_that_was_not_tested_is_left_out(tmp_path):
    config = replace_at(CONFIG, "tables", {"t": {"title": "T", "select": [{"recognisers": "bases"}]}})
    assert chosen(tmp_path, config) == {home: {"base": "little"} for home in ("made-up", "second")}


def test_a_transfer_baseline_is_not_shown_because_it_does_not_answer_in_the_labels_of_the_home(tmp_path):
    project = make_project(tmp_path / "project")
    mapped = HOME | {"common_labels": dict.fromkeys(HOME["labels"], "cooking")}
    write_yaml(project / "config" / "homes" / "made-up.yaml", mapped)
    select = [{"recognisers": "transfer_baselines"}, {"recognisers": ["majority"], "datasets": ["second"]}]
    config = replace_at(CONFIG, "tables", {"t": {"title": "T", "labels": "common", "select": select}})
    more = {"transfer_baselines": ["words-majority"], "baselines": ["majority"]}
    filled, registry = resolve(config | more, [], project)
    assert browsed_recognisers(filled, selected_pairs(filled)) == {"second": {"model 1": "majority"}}
    assert plan_run(filled, registry).cost_figures == ["cost_f1"]
    only = replace_at(config, "tables/t/select", select[:1])
    filled, registry = resolve(only | more, [], project)
    assert browsed_recognisers(filled, selected_pairs(filled)) == {}
    assert plan_run(filled, registry).cost_figures == []


def test_without_these_roles_the_first_recognisers_are_shown(tmp_path):
    config = replace_at(CONFIG, "tables", {"t": {"title": "T", "select": [{"recognisers": "baselines"}]}})
    config = replace_at(config, "baselines", ["majority", "crf"])
    shown = chosen(tmp_path, config)
    assert shown["second"] == {"model 1": "majority", "model 2": "crf"}
