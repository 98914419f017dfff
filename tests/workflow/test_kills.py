"""SIGKILL at the worst moment, then the same command again: every table but `cost` equals the undisturbed run's."""

import shutil
import time

import psutil
import pytest


def kill_when(workflow, condition, *targets):
    """Start a run, and kill Snakemake and everything it started, with SIGKILL, once `condition()` holds."""
    process = workflow.start(*targets)
    deadline = time.monotonic() + 600
    while not condition():
        assert process.poll() is None, "the run ended before it could be killed:\n" + process.stdout.read()[-4000:]
        assert time.monotonic() < deadline, "the run never came to the point where it is to be killed"
        time.sleep(0.02)
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        member.kill()
    psutil.wait_procs(family, timeout=30)
    process.stdout.close()


def forget(workflow, *folders):
    """Delete results as if they had never been made, and what was made of them, or nothing would be missing them."""
    for folder in ("results/tables", "results/scores", *folders):
        shutil.rmtree(workflow.directory / folder)


def lines(folder):
    return sum(len(path.read_bytes().splitlines()) for path in folder.rglob("*.jsonl")) if folder.is_dir() else 0


@pytest.mark.parametrize("recogniser", ["tiny-m", "tiny-s_reasoning_sim-marble"])
def test_a_killed_recognition_resumes_and_ends_with_the_same_bytes(finished, undisturbed, recogniser):
    predictions = finished.directory / f"results/predictions/{recogniser}/sim-marble/test"
    work = finished.directory / f"work/predictions/{recogniser}/sim-marble/test"
    forget(finished, predictions, work)
    kill_when(finished, lambda: lines(work) >= 2, "all")
    journaled = lines(work)
    assert not list(predictions.glob("all.jsonl"))
    finished.run("--unlock")
    finished.run("all")
    assert finished.tables() == undisturbed.tables()
    logs = (finished.directory / f"logs/recognise/{recogniser}/sim-marble/test").rglob("*.log")
    assert any("are done already" in log.read_text() for log in logs), f"{journaled} journaled lines were not used"


def test_a_killed_training_resumes_and_ends_with_the_same_bytes(finished, undisturbed):
    student = "tiny-s_reasoning_sim-mural"
    work = finished.directory / f"work/students/{student}"
    forget(
        finished, f"results/students/{student}", f"results/predictions/{student}", f"work/predictions/{student}", work
    )
    kill_when(finished, lambda: any(work.rglob("checkpoint-4")), "all")
    assert not (finished.directory / f"results/students/{student}/adapter/adapter_model.safetensors").exists()
    finished.resume()
    adapter = f"results/students/{student}/adapter/adapter_model.safetensors"
    assert (finished.directory / adapter).read_bytes() == (undisturbed.directory / adapter).read_bytes()
    assert finished.tables() == undisturbed.tables()
