"""What reruns when: exactly what an edit decides, and no more."""

import os
import shutil

from conftest import REPOSITORY, Workflow, small_config


def test_a_moved_working_directory_runs_nothing(finished):
    assert finished.planned("all") == {}


def test_a_fresh_clone_of_the_project_runs_nothing(undisturbed, tmp_path):
    clone = tmp_path / "clone"
    shutil.copytree(REPOSITORY, clone, ignore=shutil.ignore_patterns(".venv", ".git", "results", ".snakemake", "work"))
    for path in clone.rglob("*"):
        os.utime(path)
    shutil.copytree(undisturbed.directory, clone / "run")
    # The finished run stood elsewhere relative to its project, so its inputs' names differ; a run inside the
    # project is what `make demo` does, and what has to survive a fresh clone.
    inside = Workflow(clone / "run", small_config(), repository=clone)
    inside.run("--touch", "all")
    moved = tmp_path / "elsewhere"
    shutil.move(clone, moved)
    assert Workflow(moved / "run", small_config(), repository=moved).planned("all") == {}


def test_touching_inputs_runs_nothing(finished):
    for path in (finished.directory / "results").rglob("*.json"):
        os.utime(path)
    assert finished.planned("all") == {}


def test_a_tables_columns_rerun_that_table_alone(finished):
    config = small_config()
    config["tables"]["scaling"]["columns"] = ["recogniser", "dataset", "macro_f1"]
    finished.configure(config)
    assert finished.planned("all") == {"table": 1, "all": 1}


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
    assert planned["table"] == 1
    assert not planned.keys() & {"distil", "simulate_home", "load_dataset", "window_dataset"}
