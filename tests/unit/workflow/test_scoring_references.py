"""Test what a config and a plan say of teachers whose log-probabilities students learn."""

import pytest
from config_factories import CONFIG, make_project, problem_lines, replace_at
from hearth.common.log_probabilities import bytes_per_token
from hearth.workflow.configuration import resolve
from hearth.workflow.gpu_memory import WindowTokens
from hearth.workflow.planned_work import Load
from hearth.workflow.run_plan import plan_run
from hearth.workflow.score_sizes import scored_sizes


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def soft(path="students/recipe", value="soft"):
    return replace_at(CONFIG, path, value)


def test_a_local_teacher_scores_its_traces(project):
    table = {"title": "Students", "select": [{"recognisers": "students", "datasets": "all"}]}
    config, registry = resolve(soft() | {"tables": {"soft": table}}, [], project)
    plan = plan_run(config, registry)
    assert plan.scored
    assert {(teacher, *place) for teacher, *place in plan.scored} == {
        (config["teacher"], *place) for place in plan.traces
    }
    assert plan_run(*resolve(CONFIG, [], project)).scored == []


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("students/recipe", "soft", "students.recipe"),
        ("students/groups", {"softer": {"recipes": ["reasoning", "soft"]}}, "students.groups.softer.recipes"),
    ],
)
def test_a_teacher_behind_a_server_is_refused(project, path, value, place):
    (line,) = problem_lines(soft(path, value) | {"engine": {"name": "server"}}, project)
    assert f"{place}: recipe 'soft' needs the log-probabilities of 'large', which a server runs (engine server)" in line
    assert "set engine.name to transformers or vllm" in line


@pytest.mark.parametrize("value", [0, "many", 2.5])
def test_a_number_of_tokens_that_is_none(project, value):
    (line,) = problem_lines(CONFIG | {"teacher_top_tokens": value}, project)
    assert "teacher_top_tokens" in line


def test_the_plan_says_the_size_of_log_probabilities():
    def load(windows, written, seconds):
        return Load("big", windows, WindowTokens(100, 50, written), WindowTokens(100, 50, 900), seconds)

    loads = {("big", "one", "train1"): load(1000, 500.0, 2.0), ("big", "two", "all"): load(500, 1000.0, None)}
    work = {"teacher_top_tokens": 16, "scored": [list(key) for key in loads]}
    (line,) = scored_sizes(work, loads)
    assert bytes_per_token(16) == 100
    assert "traces of big: at most 0.1 GB on disk, at most 1.00 M tokens with 100 bytes each" in line
    (line,) = scored_sizes({**work, "scored": [["big", "one", "train1"]]}, loads)
    assert "traces of big: 0.05 GB on disk, 0.50 M tokens" in line
    assert scored_sizes({**work, "scored": []}, loads) == []


def test_text_of_students_is_scored_by_their_teacher_in_each_later_round(project):
    table = {"title": "Students", "select": [{"recognisers": "students", "datasets": ["made-up"]}]}
    plan = plan_run(*resolve(soft(value="on-policy") | {"tables": {"rounds": table}}, [], project))
    writers = {recogniser for _, recogniser, _, _ in plan.scored}
    assert writers == {"large"} | {
        f"little_on-policy-round{number}_{home}_policy" for number in (0, 1) for home in ("made-up", "second")
    }
    assert {place[1:] for place in plan.scored} == {*plan.traces, *plan.policies}
