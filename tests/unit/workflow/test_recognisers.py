"""Test which students and recognisers a config declares, and how they are named."""

import pytest
from config_factories import CONFIG, make_project, replace_at
from hearth.workflow.configuration import resolve
from hearth.workflow.recognisers import (
    groups,
    learned_datasets,
    learns,
    prompts,
    recognisers,
    scored_splits,
    traces_split,
    weights_fold,
)
from hearth.workflow.students import sized_datasets, student_folds, students


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
    plain = {key: value for key, value in filled["decoding"].items() if key != "seeds"} | {"seed": 0}
    assert known["little_cold"].decoding == plain | {"temperature": 0}
    assert known["little_cold"].prompt == filled["prompt"]
    assert (known["little_cold"].prompt_name, known["little_cold"].variant) == ("", "cold")
    student = known["little_reasoning_second_cold"]
    assert (student.kind, student.base, student.student.datasets) == ("student", "little", ("second",))
    curt = known["little_reasoning_made-up_curt"]
    assert (curt.prompt_name, curt.prompt["reasoning"]) == ("curt", "none")
    assert curt.decoding == plain | {"temperature": 0.7, "top_p": 0.8, "top_k": 20}
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


SEEDS = {"decoding": {"seeds": [3, 0, 7]}}


def test_every_further_seed_has_a_recogniser_of_its_own_and_the_first_one_no_suffix(project):
    one, _ = resolve(CONFIG | {"decoding": {"seeds": [3]}}, [], project)
    several, _ = resolve(CONFIG | SEEDS, [], project)
    known, alone = recognisers(several), recognisers(one)
    assert {name: known[name].decoding for name in alone} == {name: alone[name].decoding for name in alone}
    assert {name: alone[name].decoding["seed"] for name in ("little", "little_reasoning_second")} == {
        "little": 3,
        "little_reasoning_second": 3,
    }
    further = known.keys() - alone.keys()
    assert further == {f"{name}_decode{seed}" for name in alone for seed in (0, 7)}
    for name in further:
        plain = known[name.partition("_decode")[0]]
        seed = int(name.rpartition("decode")[2])
        assert known[name].decoding == plain.decoding | {"seed": seed}
        assert (known[name].variant, known[name].student) == (f"decode{seed}", plain.student)
        assert (known[name].prompt, known[name].prompt_name) == (plain.prompt, plain.prompt_name)


def test_groups_select_all_seeds_and_teachers_have_the_first(project):
    variants = {"cold": {"of": "bases", "decoding": {"temperature": 0, "seeds": [0]}}, "curt": {"of": ["little"]}}
    filled, _ = resolve(CONFIG | SEEDS | {"variants": variants, "baselines": ["crf"]}, [], project)
    members = groups(filled)
    suffixes = ("", "_decode0", "_decode7")
    assert members["models"] == [name + suffix for name in ("little", "large") for suffix in suffixes]
    assert members["students"][:3] == [f"little_reasoning_made-up{suffix}" for suffix in suffixes]
    assert (members["cold"], members["baselines"]) == (["little_cold"], ["crf"])
    assert members["curt"] == ["little_curt", "little_curt_decode0", "little_curt_decode7"]
    assert {name for names in members.values() for name in names} <= recognisers(filled).keys()
    assert {student.teacher for student in students(filled).values()} == {"large"}


def test_a_majority_takes_the_seeds_that_are_there_and_declares_those_that_lack(project):
    variants = {"vote": {"of": ["large", "little_reasoning_second"], "self_consistency": 5}}
    filled, _ = resolve(CONFIG | SEEDS | {"variants": variants}, [], project)
    known = recognisers(filled)
    assert known["large_vote"].samples == ("large", "large_decode0", "large_decode7", "large_decode1", "large_decode2")
    assert [known[name].decoding["seed"] for name in known["large_vote"].samples] == [3, 0, 7, 1, 2]
    student = known["little_reasoning_second_vote"]
    assert (student.kind, student.student.trained_on, student.variant) == ("student", "second", "vote")
    assert set(student.samples) <= known.keys()
    # A majority is one recogniser, and its further samples are in no group.
    assert groups(filled)["vote"] == ["large_vote", "little_reasoning_second_vote"]
    assert "large_decode1" not in groups(filled)["models"]
    two, _ = resolve(CONFIG | SEEDS | {"variants": {"vote": {"of": ["large"], "self_consistency": 2}}}, [], project)
    assert recognisers(two)["large_vote"].samples == ("large", "large_decode0")


def test_answers_without_reasoning_decode_otherwise_unless_the_run_is_greedy_or_itself_does_not_reason(project):
    own = {"temperature": 0.7, "top_p": 0.8, "top_k": 20}
    variants = {
        "curt": {"of": ["large"], "prompt": {"reasoning": "none"}},
        "cold": {"of": ["large"], "prompt": {"reasoning": "none"}, "decoding": {"top_p": 0.5}},
        "inline": {"of": ["large"], "prompt": {"reasoning": "inline"}},
    }
    config = replace_at(CONFIG | {"variants": variants}, "students/groups", {"labels": {"recipes": ["labels"]}})

    def decodings(**changes):
        filled, _ = resolve(config | changes, [], project)
        known = recognisers(filled)
        names = ["large", "large_curt", "large_cold", "large_inline", "little_labels_second"]
        return [{key: known[name].decoding[key] for key in own} for name in names]

    thinking = {"temperature": 0.6, "top_p": 0.95, "top_k": 20}
    assert decodings() == [thinking, own, own | {"top_p": 0.5}, thinking, own]
    greedy = thinking | {"temperature": 0}
    assert decodings(decoding={"temperature": 0}) == [greedy, greedy, greedy | {"top_p": 0.5}, greedy, greedy]
    assert decodings(decoding_without_reasoning={})[1] == thinking
    assert decodings(decoding_without_reasoning={"temperature": 0.2})[1] == thinking | {"temperature": 0.2}
    assert decodings(prompt={"reasoning": "none"})[:2] == [thinking, thinking]


def with_folds(project, folds):
    """Return a config with this number of folds, whose recogniser little_shown sees examples, and its recognisers."""
    changed = CONFIG | {"variants": {"shown": {"of": ["little"], "prompt": {"shots": 2}}}, "baselines": ["crf"]}
    filled, _ = resolve(replace_at(changed, "split", {"folds": folds}), [], project)
    return filled, recognisers(filled)


def test_what_sees_windows_of_a_dataset_learns_from_it(project):
    config, known = with_folds(project, 1)
    names = ("little", "little_shown", "little_reasoning_second", "crf")
    assert [learns(config, known[name], "second") for name in names] == [False, True, True, True]
    assert [learns(config, known[name], "made-up") for name in names] == [False, True, False, True]


def test_with_one_fold_all_are_tested_on_the_same_windows(project):
    config, known = with_folds(project, 1)
    splits = {tuple(scored_splits(config, one, dataset)) for one in known.values() for dataset in config["datasets"]}
    assert splits == {("test1",)}
    assert traces_split(config, known["large"], "second", 1) == "train1"


def test_with_several_folds_only_what_learns_is_asked_in_each(project):
    config, known = with_folds(project, 3)
    for dataset in config["datasets"]:
        for name in ("little", "large"):
            assert scored_splits(config, known[name], dataset) == ["all"]
        for name in ("little_shown", "little_reasoning_second", "crf"):
            assert scored_splits(config, known[name], dataset) == ["test1", "test2", "test3"]
    assert traces_split(config, known["large"], "second", 2) == "all"
    assert traces_split(config, known["little_shown"], "second", 2) == "train2"


def test_a_student_of_one_fold_answers_all_windows_of_a_dataset_with_several(project):
    shown = {"of": ["little_reasoning_second"], "prompt": {"shots": 2}}
    changed = replace_at(CONFIG, "datasets/made-up/split", {"folds": 3}) | {"variants": {"shown": shown}}
    config, _ = resolve(changed | {"baselines": ["crf"]}, [], project)
    known = recognisers(config)
    student, own = known["little_reasoning_second"], known["little_reasoning_made-up"]
    assert scored_splits(config, student, "made-up") == scored_splits(config, known["little"], "made-up") == ["all"]
    assert scored_splits(config, student, "second") == scored_splits(config, known["crf"], "second") == ["test1"]
    assert [*student_folds(config, student.student), weights_fold(config, student, 2)] == [1, 1]
    assert [*student_folds(config, own.student), weights_fold(config, own, 2)] == [1, 2, 3, 2]
    with_shots = known["little_reasoning_second_shown"]
    for one in (own, known["crf"], with_shots):
        assert scored_splits(config, one, "made-up") == ["test1", "test2", "test3"]
    assert weights_fold(config, with_shots, 3) == 1
    assert traces_split(config, known["large"], "made-up", 2) == "all"
    assert traces_split(config, known["large"], "second", 1) == "train1"


def test_students_as_small_as_the_smallest_dataset_name_all_datasets_of_the_main_students(project):
    groups = {"equal": {"max_examples": ["smallest", 5], "trained_on": ["second"]}}
    filled, _ = resolve(replace_at(CONFIG, "students/groups", groups), [], project)
    known = students(filled)
    equal = known["little_reasoning-nsmallest_second"]
    assert (equal.max_examples, equal.training_variant) == ("smallest", "nsmallest")
    assert sized_datasets(filled, equal) == ["made-up", "second"]
    assert sized_datasets(filled, known["little_reasoning-n5_second"]) == []


def test_a_transfer_baseline_learns_in_the_tested_home_in_all_others_or_in_all(project):
    config = CONFIG | {"transfer_baselines": ["words-trees"], "baselines": ["majority"]}
    config["datasets"] = CONFIG["datasets"] | {"third": CONFIG["datasets"]["second"] | {"all": False}}
    filled, _ = resolve(config, [], project)
    known = recognisers(filled)

    def learned(name, dataset):
        return learned_datasets(filled, known[name], dataset)

    assert groups(filled)["transfer_baselines"] == ["words-trees_own", "words-trees_others", "words-trees_all"]
    assert learned("words-trees_own", "second") == learned("majority", "second") == ["second"]
    assert learned("words-trees_others", "second") == ["made-up"]
    assert sorted(learned("words-trees_all", "second")) == ["made-up", "second"]
    # One that is used only where it is named is tested, and nothing else learns from it.
    assert learned("words-trees_others", "third") == ["made-up", "second"]
    assert learned("words-trees_all", "third") == ["made-up", "second", "third"]
    assert learned("large", "second") == []
    assert learned("little_reasoning_second", "made-up") == ["second"]
    assert all(learns(filled, known[name], "second") for name in groups(filled)["transfer_baselines"])


def test_a_student_of_on_policy_has_earlier_rounds_that_no_group_shows(project):
    changes = {"rounds": {"recipes": ["on-policy"], "trained_on": ["second"], "seeds": [3], "max_examples": [5]}}
    filled, _ = resolve(replace_at(CONFIG, "students/groups", changes), [], project)
    known, name = students(filled), "little_on-policy{}-n5_second_seed3"
    rounds = [name.format(each) for each in ("-round0", "-round1", "")]
    assert list(known)[2:] == rounds
    assert [known[each].continues for each in rounds] == ["", *rounds[:-1]]
    assert [known[each].training_variant for each in rounds] == ["round0-n5", "round1-n5", "n5"]
    assert groups(filled)["rounds"] == [rounds[-1]]
    asked = recognisers(filled)
    policies = [asked[f"{each}_policy"] for each in rounds[:-1]]
    assert f"{rounds[-1]}_policy" not in asked
    assert len({one.decoding["seed"] for one in policies}) == 2
    assert {(one.decoding["temperature"], one.decoding["top_p"], one.decoding["top_k"]) for one in policies} == {
        (1, 1, 0)
    }
