"""Test several samples of a teacher: their recognisers, what they are asked, and what a config must not say of them."""

import pytest
from config_factories import CONFIG, make_project, problem_lines, replace_at
from hearth.workflow.configuration import resolve
from hearth.workflow.recognisers import groups, recognisers, scored_splits, students, traces_split
from hearth.workflow.run_plan import plan_run

SAMPLES = ("large_sampled", "large_sampled_decode1", "large_sampled_decode2")


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def sampled(project, **changes):
    return resolve(CONFIG | {"teacher_samples": 3} | changes, [], project)[0]


def test_a_teacher_is_asked_with_every_seed_at_the_temperature_of_samples(project):
    config = sampled(project, decoding={"temperature": 0, "seeds": [7]})
    known = recognisers(config)
    assert [known[name].decoding["seed"] for name in SAMPLES] == [0, 1, 2]
    assert {known[name].decoding["temperature"] for name in SAMPLES} == {0.5}
    assert known["large"].decoding["temperature"] == 0
    assert known["large_vote"].samples == SAMPLES
    assert (known["large_sampled"].variant, known["large_vote"].variant) == ("sampled", "vote")
    assert (groups(config)["teacher_samples"], groups(config)["teacher_vote"]) == ([*SAMPLES], ["large_vote"])
    assert not any("sampled" in name for name in recognisers(resolve(CONFIG, [], project)[0]))


def test_another_sample_changes_no_recogniser_that_is_there(project):
    few, many = (recognisers(sampled(project, teacher_samples=count)) for count in (3, 5))
    assert many.keys() - few.keys() == {"large_sampled_decode3", "large_sampled_decode4"}
    assert all(many[name].decoding == few[name].decoding for name in few if name != "large_vote")


def test_samples_of_a_teacher_that_sees_examples_are_taken_for_each_fold(project):
    shown = {"of": ["large"], "prompt": {"shots": 2}}
    config = sampled(project, split={"folds": 3}, prompt={"shots": 2}, variants={"bare": shown | {"prompt": {}}})
    known = recognisers(config)
    for name in ("large", *SAMPLES, "large_vote"):
        assert scored_splits(config, known[name], "second") == ["test1", "test2", "test3"]
        assert traces_split(config, known[name], "second", 2) == "train2"


def test_a_scored_vote_asks_all_samples(project):
    table = {"title": "Vote", "select": [{"recognisers": "teacher_vote", "datasets": ["second"]}]}
    plan = plan_run(sampled(project, tables={"vote": table}), {})
    assert plan.pairs == [("large_vote", "second")]
    assert plan.asked_pairs == [(name, "second") for name in SAMPLES]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"teacher_samples": 1}, "teacher_samples: one sample has no majority; set it to 0, or to at least 2"),
        ({"teacher_sampling": {"temperature": 0}}, "teacher_sampling.temperature: samples of 'large' would have the"),
        ({"teacher_sampling": {"temperature": 0.7}}, "teacher_sampling.temperature: samples of 'large' would have the"),
        ({"teacher_sampling": {"temperatur": 0.5}}, "teacher_sampling.temperatur: unknown key"),
        ({"teacher_sampling": {"temperature": 0.5, "seeds": [3]}}, "teacher_sampling.seeds: the seeds are 0 to"),
        ({"variants": {"sampled": {"of": ["large"]}}}, "variants.sampled: 'sampled' would name samples of a teacher"),
        ({"variants": {"vote": {"of": ["large"]}}}, "variants.vote: 'vote' would name samples of a teacher"),
    ],
)
def test_samples_without_a_sense_are_refused(project, changes, said):
    (line,) = problem_lines(CONFIG | {"teacher_samples": 3} | changes, project)
    assert said in line


@pytest.mark.parametrize("temperature", [0.01, 0.6])
def test_temperatures_up_to_the_largest_are_accepted(project, temperature):
    assert sampled(project, teacher_sampling={"temperature": temperature})["teacher_samples"] == 3


@pytest.mark.parametrize("group", ["teacher_samples", "teacher_vote"])
def test_a_table_of_samples_needs_samples(project, group):
    config = replace_at(CONFIG, "tables/scaling/select/0/recognisers", group)
    (line,) = problem_lines(config, project)
    assert "tables.scaling.select.0.recognisers: the run takes no samples of its teacher" in line


def test_a_table_of_votes_needs_a_vote(project):
    config = replace_at(CONFIG | {"teacher_samples": 3}, "tables/scaling/rows", "votes")
    (line,) = problem_lines(config, project)
    assert "tables.scaling.select: selects no majority of samples; add {recognisers: teacher_vote}" in line
    resolve(replace_at(config, "tables/scaling/select/0/recognisers", "teacher_vote"), [], project)


@pytest.mark.parametrize("recipe", ["vote", "brief"])
def test_a_recipe_of_samples_needs_samples(project, recipe):
    (line,) = problem_lines(replace_at(CONFIG, "tables", {}) | {"students": {"recipe": recipe}}, project)
    assert f"students.recipe: recipe '{recipe}' learns from samples of the teacher; set teacher_samples to at" in line
    group = {"bases": ["little"], "groups": {"some": {"recipes": ["labels", recipe]}}}
    (line,) = problem_lines(CONFIG | {"students": group}, project)
    assert "students.groups.some.recipes: recipe" in line


def test_students_of_samples_learn_from_all_of_them_and_not_from_the_teachers_own_answer(project):
    config = sampled(project, students={"bases": ["little"], "recipe": "vote"}, tables={})
    student = students(config)["little_vote_second"]
    assert (student.teacher, student.trace_writers) == ("large", SAMPLES)
    plan = plan_run(config, {})
    assert plan.traces == [(name, dataset, "train1") for dataset in ("made-up", "second") for name in SAMPLES]


def test_another_teacher_is_sampled_where_a_group_learns_from_its_samples(project):
    groups_ = {"votes": {"recipes": ["vote"], "teacher": "little", "trained_on": ["second"]}}
    changed = replace_at(CONFIG, "students/groups", groups_)
    config, _ = resolve(changed | {"teacher_samples": 2}, [], project)
    known = recognisers(config)
    assert students(config)["little_vote-by-little_second"].trace_writers == (
        "little_sampled",
        "little_sampled_decode1",
    )
    assert {"little_vote", "large_vote"} <= known.keys()
    assert groups(config)["teacher_vote"] == ["large_vote", "little_vote"]
