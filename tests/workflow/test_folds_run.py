"""Check a run with three folds, killed and resumed: who is asked which windows, and what another split reruns."""

import os
import re
import shutil
import signal
import time

import pytest
from hearth.common.files import read_json, read_json_lines
from hearth.data.folds import read_split, read_splits, sessions_of_split, train_split
from hearth.prompting.prompts import events_text
from shared_folder import make_once
from snakemake_runs import Workflow, small_config

pytestmark = pytest.mark.slow

FOLDS, HOMES = 3, ("sim-marble", "sim-mural")
STUDENT, SHOWN, TEACHER, BASELINE = "tiny-s_reasoning-nsmallest_sim-marble", "tiny-s_shown", "tiny-m", "sensor-majority"
TARGETS = ("table_folds", "results/datasets/sim-mural/splits.json")


def folds_config(**split):
    """Return the small run's config with several folds, one student, few-shot examples and a baseline in one table."""
    config = small_config()
    config["datasets"]["sim-mural"]["simulate"]["sessions"] = 5
    config["engine"] |= {"shard_size": 200}
    config["models"], config["baselines"] = ["tiny-s"], [BASELINE]
    config["variants"] = {"shown": {"of": ["tiny-s"], "prompt": {"shots": 1, "shots_by": "random"}}}
    config["students"]["groups"] = {"equal": {"max_examples": ["smallest"], "trained_on": ["sim-marble"]}}
    selected = [
        {"recognisers": name, "datasets": list(homes)}
        for name, homes in (("models", HOMES), ("equal", HOMES), ("baselines", HOMES), ("shown", HOMES[:1]))
    ]
    config["tables"] = {"folds": {"title": "Folds", "select": selected}}
    return config | {"split": {"folds": FOLDS} | split}


def kill_in_second_training(run):
    """Start a run and kill it, with all its processes, once a checkpoint of the second fold's training is written."""
    process = run.start(*TARGETS)
    deadline = time.monotonic() + 600
    while not any((run.directory / f"work/students/{STUDENT}/fold2").rglob("checkpoint-*")):
        assert process.poll() is None, process.stdout.read()[-4000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a finished run that was killed once and resumed by resume.py."""

    def make(folder):
        workflow = Workflow(folder / "run", folds_config())
        kill_in_second_training(workflow)
        process = workflow.start_resume()
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output[-6000:]

    return Workflow(make_once(tmp_path_factory, "folds", make) / "run", folds_config())


def dataset_files(run, home):
    folder = run.directory / "results/datasets" / home
    return folder / "windows.jsonl", folder / "splits.json"


def predicted(run, recogniser, home, split):
    path = run.directory / f"results/predictions/{recogniser}/{home}/{split}/all.jsonl"
    return [row["window_id"] for row in read_json_lines(path)]


@pytest.mark.parametrize("home", HOMES)
def test_the_predictions_of_all_folds_cover_every_window_once(run, home):
    windows = [window["window_id"] for window in read_split(*dataset_files(run, home), "all")]
    assert predicted(run, "tiny-s", home, "all") == windows
    for recogniser in (STUDENT, BASELINE, SHOWN)[: 3 if home == HOMES[0] else 2]:
        pooled = [name for fold in range(1, FOLDS + 1) for name in predicted(run, recogniser, home, f"test{fold}")]
        assert sorted(pooled) == sorted(windows)
        score = read_json(run.directory / f"results/scores/{recogniser}/{home}.json")
        assert score["n_windows"] == len(windows)
        assert score["n_groups"] == read_splits(dataset_files(run, home)[1])["groups"]


def test_no_student_learns_from_a_group_that_it_is_tested_on(run):
    splits = read_splits(dataset_files(run, "sim-marble")[1])
    group_of = {name: one["group"] for name, one in splits["sessions"].items()}
    for fold in range(1, FOLDS + 1):
        tested = {group_of[name.split("/")[1]] for name in predicted(run, STUDENT, "sim-marble", f"test{fold}")}
        trained = {group_of[name] for name in sessions_of_split(splits, f"train{fold}")}
        assert tested
        assert not tested & trained
        log = read_json(run.directory / f"results/students/{STUDENT}/fold{fold}/training_log.json")
        assert log["split"] == f"train{fold}"
        fewest = min(read_json(dataset_files(run, home)[1])["windows"][f"train{fold}"] for home in HOMES)
        assert log["settings"]["max_examples"] == fewest >= log["examples"]["used"]
        assert log["examples"]["traces"] == splits["windows"][f"train{fold}"]


def test_the_teacher_labels_every_window_once(run):
    teacher = run.directory / f"results/predictions/{TEACHER}"
    assert [str(path.relative_to(teacher)) for path in teacher.rglob("all.jsonl")] == ["sim-marble/all/all.jsonl"]


def test_examples_shown_are_never_of_the_tested_groups(run):
    files = dataset_files(run, "sim-marble")
    for fold in range(1, FOLDS + 1):
        prompt = read_json(run.directory / f"results/prompts/sim-marble_shown_fold{fold}.json")["system"]
        shown = [window for window in read_split(*files, "all") if events_text(window["events"]) in prompt]
        trained = {window["window_id"] for window in read_split(*files, train_split(f"test{fold}"))}
        assert shown
        assert {window["window_id"] for window in shown} <= trained


def test_no_window_was_recognised_twice(run):
    folders = {path.parent for path in (run.directory / "work/predictions").rglob("*.jsonl")}
    assert folders
    for folder in folders:
        rows = [row for path in folder.glob("*.jsonl") for row in read_json_lines(path)]
        finished = [window_id for row in rows for window_id in row["items"]]
        assert len(finished) == len(set(finished)) > 0


def test_a_second_run_has_nothing_to_do(run):
    assert run.plan(*TARGETS) == {}


@pytest.mark.parametrize("split", [{"seed": 3}, {"folds": 2}])
def test_another_split_asks_no_base_model_and_no_teacher_again(run, tmp_path, split):
    shutil.copytree(run.directory, tmp_path / "run")
    changed = Workflow(tmp_path / "run", folds_config(**split))
    changed.run(*(f"results/datasets/{home}/splits.json" for home in HOMES))
    output = changed.run("--dry-run", *TARGETS)
    asked = re.findall(r"Recognising \S+ (\S+) \S+ with (\S+)", output)
    assert {recogniser for _, recogniser in asked} == {STUDENT, SHOWN}
    assert "all" not in {name for name, _ in asked}
    assert changed.plan(*TARGETS)["distil"] == split.get("folds", FOLDS)
