"""Run on-policy distillation whole, kill it while the student writes its text, and compare tables of recipes."""

import json
import shutil

import pytest
from run_killing import count_lines, kill_when
from snakemake_runs import Workflow, small_config

STUDENT, FIRST = "tiny-s_on-policy_sim-marble", "tiny-s_on-policy-round0_sim-marble"
POLICY = f"{FIRST}_policy"
ADAPTER = f"results/students/{STUDENT}/fold1/adapter/adapter_model.safetensors"
TABLES = ("table_recipes", "table_gains")


def on_policy_config():
    """Return the config of a run with a student of the paper's recipe, and one that is trained in two rounds."""
    config = small_config()
    del config["datasets"]["sim-mural"]
    config |= {"models": ["tiny-s"], "teacher": "tiny-m"}
    config["students"] |= {"bases": ["tiny-s"], "on_policy_rounds": 1, "groups": {"rounds": {"recipes": ["on-policy"]}}}
    config["decoding"]["max_new_tokens"] = 256  # text that is cut is not learned
    config["datasets"]["sim-marble"]["simulate"]["sessions"] = 4
    config["split"]["test_fraction"] = 0.3
    config["students"]["training"]["max_examples"] = 16
    shown = [{"recognisers": name} for name in ("students", "rounds", "bases")]
    config["tables"] = {name: {"title": name, "rows": name, "select": shown} for name in ("recipes", "gains")}
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workflow = Workflow(tmp_path_factory.mktemp("rounds") / "run", on_policy_config())
    workflow.run(*TABLES)
    return workflow


def training_log(run, student):
    return json.loads((run.directory / f"results/students/{student}/fold1/training_log.json").read_text())


def test_a_student_is_trained_in_rounds_with_as_many_steps_as_another(run):
    first, last = training_log(run, FIRST), training_log(run, STUDENT)
    assert "own_texts" not in first
    used = last["examples"]["used"]
    assert used / 4 <= last["own_texts"]["learned"] < used
    assert sum(last["own_texts"].values()) == used > 8
    assert last["continues"] == {"student": FIRST, "adapter": last["continues"]["adapter"], "steps": first["steps"]}
    paper = training_log(run, "tiny-s_reasoning_sim-marble")
    assert first["steps"] + last["steps"] == paper["steps"]


def test_the_tables_compare_the_recipes_and_do_not_name_their_budgets_unequal(run):
    recipes = (run.directory / "results/tables/recipes.md").read_text()
    assert STUDENT in recipes or "on-policy" in recipes
    assert "not at an equal budget" not in recipes
    assert "on-policy" in (run.directory / "results/tables/gains.md").read_text()
    assert run.plan(*TABLES) == {}


def test_a_run_that_is_killed_while_the_student_writes_ends_with_the_same_bytes(run):
    adapter = (run.directory / ADAPTER).read_bytes()
    for place in (
        f"students/{STUDENT}",
        f"predictions/{POLICY}",
        f"predictions/{STUDENT}",
        f"log_probabilities/tiny-m/{POLICY}",
    ):
        for top in ("results", "work"):
            shutil.rmtree(run.directory / top / place, ignore_errors=True)
    shutil.rmtree(run.directory / "results/tables")
    shutil.rmtree(run.directory / f"results/scores/{STUDENT}")
    kill_when(run.start(*TABLES), lambda: count_lines(run.directory / f"work/predictions/{POLICY}") >= 2)
    assert not (run.directory / ADAPTER).exists()
    run.run("--unlock")
    run.run(*TABLES)
    logs = (run.directory / f"logs/recognise/{POLICY}").rglob("*.log")
    assert any("are done already" in log.read_text() for log in logs)
    assert (run.directory / ADAPTER).read_bytes() == adapter
