"""Test the choice of the recognisers that the window browser shows."""

from config_factories import CONFIG, make_project, replace_at
from hearth.workflow.browsed_recognisers import browsed_recognisers
from hearth.workflow.configuration import resolve
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


def test_without_these_roles_the_first_recognisers_are_shown(tmp_path):
    config = replace_at(CONFIG, "tables", {"t": {"title": "T", "select": [{"recognisers": "baselines"}]}})
    config = replace_at(config, "baselines", ["majority", "crf"])
    shown = chosen(tmp_path, config)
    assert shown["second"] == {"model 1": "majority", "model 2": "crf"}
