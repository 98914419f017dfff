"""Test which students and recognisers a config declares, and how they are named."""

import pytest
from config_factories import CONFIG, make_project, replace_at
from hearth.workflow.configuration import resolve
from hearth.workflow.recognisers import prompts, recognisers, students


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def test_a_group_takes_from_the_main_students_what_it_leaves_out(project):
    groups = {"small-teacher": {"teacher": "little"}, "few": {"max_examples": [5], "seeds": [3]}}
    filled, _ = resolve(replace_at(CONFIG, "students/groups", groups), [], project)
    known = students(filled)
    assert list(known)[2:] == [
        "little_reasoning-by-little_made-up",
        "little_reasoning-by-little_second",
        "little_reasoning-n5_made-up_seed3",
        "little_reasoning-n5_second_seed3",
    ]
    assert [student.teacher for student in known.values()] == ["large", "large", "little", "little", "large", "large"]
    assert [student.max_examples for student in known.values()] == [None] * 4 + [5, 5]
    assert recognisers(filled)["little_reasoning-n5_second_seed3"].variant == "n5"
    assert recognisers(filled)["little_reasoning_second"].variant == ""


def test_students_of_gold_labels_have_no_teacher_whatever_their_group_says(project):
    groups = {"right": {"recipes": ["gold-labels"], "teacher": "little", "trained_on": ["second"]}}
    filled, _ = resolve(replace_at(CONFIG, "students/groups", groups), [], project)
    assert students(filled)["little_gold-labels_second"].teacher == ""


def test_a_variant_changes_only_its_settings_and_shares_the_prompt_unless_it_changes_it(project):
    variants = {
        "cold": {"of": ["little", "little_reasoning_second"], "decoding": {"temperature": 0}},
        "curt": {"of": "students", "prompt": {"reasoning": "none"}},
    }
    filled, _ = resolve(CONFIG | {"variants": variants}, [], project)
    known = recognisers(filled)
    assert known["little_cold"].decoding == filled["decoding"] | {"temperature": 0}
    assert known["little_cold"].prompt == filled["prompt"]
    assert (known["little_cold"].prompt_name, known["little_cold"].variant) == ("", "cold")
    student = known["little_reasoning_second_cold"]
    assert (student.kind, student.base, student.student.dataset) == ("student", "little", "second")
    curt = known["little_reasoning_made-up_curt"]
    assert (curt.prompt_name, curt.prompt["reasoning"], curt.decoding) == ("curt", "none", filled["decoding"])
    assert prompts(filled) == {"": filled["prompt"], "curt": filled["prompt"] | {"reasoning": "none"}}


def test_a_variant_of_a_model_can_be_a_teacher_whether_or_not_the_variant_names_the_model(project):
    variants = {"shown": {"of": ["little"], "prompt": {"shots": 2}}}
    config = replace_at(CONFIG, "students/groups", {"taught": {"teacher": "large_shown", "trained_on": ["second"]}})
    filled, _ = resolve(config | {"variants": variants}, [], project)
    student = students(filled)["little_reasoning-by-large-shown_second"]
    assert student.teacher == "large_shown"
    known = recognisers(filled)
    teacher = known["large_shown"]
    assert (teacher.kind, teacher.base, teacher.prompt_name, teacher.prompt["shots"]) == ("base", "large", "shown", 2)
    # The student itself has the prompt of the config, not that of its teacher's variant.
    assert (known[student.name].prompt, known[student.name].prompt_name) == (filled["prompt"], "")


def test_a_baseline_has_neither_model_nor_prompt(project):
    filled, _ = resolve(CONFIG | {"baselines": ["crf"]}, [], project)
    crf = recognisers(filled)["crf"]
    assert (crf.kind, crf.base, crf.prompt, crf.student) == ("baseline", "", None, None)
