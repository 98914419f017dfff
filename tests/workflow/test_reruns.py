"""What reruns when: exactly what an edit decides, and no more."""

import os
import shutil

import pytest
from runs import REPOSITORY, Workflow, small_config


def test_a_moved_working_directory_runs_nothing(finished):
    assert finished.planned("all") == {}


@pytest.fixture
def cloned(undisturbed, tmp_path) -> Workflow:
    """The finished run inside a copy of the project, as `make demo` has it, every file's time new."""
    clone = tmp_path / "clone"
    shutil.copytree(REPOSITORY, clone, ignore=shutil.ignore_patterns(".venv", ".git", "results", ".snakemake", "work"))
    shutil.copytree(undisturbed.directory, clone / "run")
    inside = Workflow(clone / "run", small_config(), repository=clone)
    # Seen from here the project's homes and prompts have other names than from where the run was made.
    inside.run("--touch", "all")
    for path in clone.rglob("*.*"):
        os.utime(path)
    return inside


def test_a_fresh_clone_or_a_moved_project_runs_nothing(cloned, tmp_path):
    assert cloned.planned("all") == {}
    shutil.move(cloned.repository, tmp_path / "elsewhere")
    assert Workflow(tmp_path / "elsewhere/run", small_config(), tmp_path / "elsewhere").planned("all") == {}


def test_an_edited_program_of_a_gpu_rule_runs_nothing(cloned):
    for name in ("recognise.py", "distil.py", "hearth/engines/transformers.py", "hearth/distillation/training.py"):
        append(cloned, name, "EDITED = True")
    assert cloned.planned("all") == {}


def test_an_edited_module_of_the_scores_reruns_scores_and_what_shows_them_alone(cloned):
    append(cloned, "hearth/evaluation/metrics.py", "EDITED = True")
    assert cloned.planned("all") == {"score": 8, "table": 3, "claims": 1, "figure": 2, "report": 1, "all": 1}


def test_an_edited_module_of_the_claims_reruns_claims_and_report_alone(cloned):
    append(cloned, "hearth/evaluation/claims.py", "EDITED = True")
    assert cloned.planned("all") == {"claims": 1, "report": 1, "all": 1}


def test_an_edited_module_of_the_figures_reruns_figures_and_report_alone(cloned):
    append(cloned, "hearth/evaluation/figures.py", "EDITED = True")
    assert cloned.planned("all") == {"figure": 2, "report": 1, "all": 1}


def test_an_edited_template_of_the_report_reruns_the_report_alone(cloned):
    append(cloned, "hearth/evaluation/report.html.j2", "<!-- edited -->")
    assert cloned.planned("all") == {"report": 1, "all": 1}


def test_a_comment_reruns_nothing(cloned):
    append(cloned, "hearth/evaluation/metrics.py", "# A remark.")
    assert cloned.planned("all") == {}


def append(workflow, program, line):
    with (workflow.repository / "workflow_scripts" / program).open("a") as file:
        file.write(f"\n{line}\n")


def test_touching_inputs_runs_nothing(finished):
    for path in (finished.directory / "results").rglob("*.json"):
        os.utime(path)
    assert finished.planned("all") == {}


def test_a_tables_columns_rerun_that_table_and_the_report_alone(finished):
    config = small_config()
    config["tables"]["scaling"]["columns"] = ["recogniser", "dataset", "macro_f1"]
    finished.configure(config)
    assert finished.planned("all") == {"table": 1, "report": 1, "all": 1}


def test_batch_size_shard_size_and_threads_rerun_nothing(finished):
    config = small_config()
    config["engine"] |= {"batch_size": 5, "shard_size": 3, "threads": 2}
    finished.configure(config)
    assert finished.planned("all") == {}


def test_a_longer_answer_reruns_recognition_and_what_learns_from_it_but_no_data(finished):
    config = small_config()
    config["decoding"]["max_new_tokens"] = 97
    finished.configure(config)
    planned = finished.planned("all")
    assert planned["recognise"] > 0
    assert planned["distil"] == 2
    assert not planned.keys() & {"simulate_home", "load_dataset", "window_dataset", "render_prompt", "fetch_model"}


def test_another_model_runs_that_model_and_the_tables_that_show_it(finished):
    config = small_config()
    config["models"].append("tiny-l")
    finished.configure(config)
    planned = finished.planned("all")
    assert planned["fetch_model"] == 1
    assert planned["score"] == 2
    assert [planned[rule] for rule in ("table", "claims", "figure", "report")] == [1, 1, 2, 1]
    assert not planned.keys() & {"distil", "simulate_home", "load_dataset", "window_dataset"}


def test_another_training_seed_trains_new_students_alone(finished):
    config = small_config()
    config["students"]["seeds"] = [0, 5]
    finished.configure(config)
    planned = finished.planned("all")
    assert planned["distil"] == 2
    assert planned["score"] == 4
    assert not planned.keys() & {"fetch_model", "simulate_home", "load_dataset", "window_dataset", "render_prompt"}
