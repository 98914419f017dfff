"""Test which jobs tables of recipes and of gains need, in dry runs of the shipped config that compares recipes."""

import pytest
import yaml
from repository import CONFIG
from snakemake_runs import Workflow

HOMES, SEEDS, SAMPLES = 2, 3, 8


@pytest.fixture
def comparison(tmp_path) -> Workflow:
    config = yaml.safe_load((CONFIG / "recipes-demo.yaml").read_text(encoding="utf-8"))
    return Workflow(tmp_path / "run", config)


def test_a_table_of_recipes_needs_the_scores_of_its_rows_and_the_work_behind_its_students(comparison):
    jobs = comparison.plan("table_recipes")
    students = comparison.config["students"]
    recipes = 1 + len(students["groups"])
    on_policy = HOMES * SEEDS * 2  # the rounds before the last
    assert jobs["recipe_table"] == 1
    assert not {"table", "gain_table", "cost"} & set(jobs)
    assert jobs["distil"] == recipes * HOMES * SEEDS + on_policy
    # Every student, those of joint also without reasoning, on its own home; two bases and one with examples on both.
    assert jobs["score"] == (recipes + 1) * HOMES * SEEDS + 3 * HOMES
    assert jobs["gather_log_probabilities"] == HOMES + on_policy  # of the teacher's traces, and of every round's text


def test_a_table_of_gains_needs_the_teacher_s_answers_to_the_tested_windows(comparison):
    comparison.config["tables"]["gains"]["select"] = [{"recognisers": "labels", "datasets": ["sim-mural"]}]
    comparison.config["students"]["groups"]["labels"]["trained_on"] = ["sim-mural"]
    comparison.configure(comparison.config)
    jobs = comparison.plan("table_gains")
    assert jobs["gain_table"] == 1
    assert jobs["score"] == SEEDS
    assert jobs["parse_predictions"] == SEEDS + 2  # the teacher's answers to the train windows and to the tested ones
