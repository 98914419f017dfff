"""Run `snakemake deployment` on the small DAG: measurements of exported students, beside a baseline."""

import json

import pandas as pd
import pytest
from snakemake_runs import Workflow, small_config

STUDENT = "tiny-s_reasoning_sim-marble"
MEASURED = "results/deployment/students/{student}/{form}.json"
EXPORT = {"quantise": ["q8_0"], "windows": 6, "timed_windows": 2, "max_loss": 1}


def configure(run, **changes):
    run.configure(small_config() | {"baselines": ["sensor-majority"], "export": EXPORT} | changes)


def test_a_form_is_measured_and_measured_again_for_another_number_of_windows(finished_run):
    configure(finished_run)
    plan = finished_run.plan("deployment")
    assert (plan["measure_export"], plan["measure_baseline"], plan["check_quantised"]) == (4, 2, 2)
    assert "check_direct" not in plan
    assert not {"distil", "recognise", "table"} & plan.keys()
    target = MEASURED.format(student=STUDENT, form="q8_0")
    finished_run.run("--cores", "1", target)
    measured = json.loads((finished_run.directory / target).read_text())
    assert (measured["recogniser"], measured["form"], measured["is_own"]) == (STUDENT, "q8_0", False)
    [timing] = measured["timings"]  # two threads are more than the cores of the run
    assert (timing["threads"], timing["windows"], timing["reasoning"]) == (1, 2, "think")
    assert timing["own_tokens"] < timing["prompt_tokens"]
    assert 0 < timing["seconds"] <= timing["slowest_seconds"]
    gguf = finished_run.directory / "results" / "exports" / STUDENT / "gguf" / f"{STUDENT}-q8_0.gguf"
    assert measured["bytes"] == gguf.stat().st_size
    assert "Nothing to be done" in finished_run.run("--dry-run", target)
    configure(finished_run, export=EXPORT | {"timed_windows": 3})
    assert finished_run.plan(target) == {"measure_export": 1}


def test_a_run_without_students_has_nothing_to_measure(tmp_path):
    config = {key: value for key, value in small_config().items() if key != "students"}
    code, output = Workflow(tmp_path, config | {"tables": {}}).attempt("--dry-run", "deployment")
    assert code == 1
    assert "There is nothing to measure: the config has no students" in output


@pytest.mark.slow
def test_students_that_answer_both_ways_stand_beside_baselines(finished_run):
    students = small_config()["students"] | {"recipe": "joint"}
    configure(finished_run, students=students, tables={})
    finished_run.run("--cores", "1", "deployment")
    rows = pd.read_csv(
        finished_run.directory / "results" / "tables" / "deployment.csv", comment="#", keep_default_na=False
    )
    of_one = rows[rows["recogniser"] == "tiny-s_joint_sim-marble"]
    asked = of_one[["form", "reasoning"]].apply(tuple, axis=1).tolist()
    assert asked == [("adapter", "yes"), *((form, answer) for form in ("bf16", "q8_0") for answer in ("yes", "no"))]
    assert set(rows["recogniser"]) == {f"tiny-s_joint_{home}" for home in ("sim-marble", "sim-mural")} | {
        "sensor-majority"
    }
    assert (rows["weighted_f1"] != "").all()
    for suffix in ("svg", "png"):
        assert (finished_run.directory / "results" / "figures" / f"deployment.{suffix}").stat().st_size > 1000
    assert "Nothing to be done" in finished_run.run("--dry-run", "deployment")
