"""Test the fingerprint and the manifests of a training's folder; test_training.py kills trainings."""

import re
import sys
import time

import psutil
import pytest
import training_fixtures as fixtures
from hearth.distillation import checkpoints


def test_a_training_that_starts_anew_names_the_runs_that_it_does_not_resume(tmp_path, capsys):
    checkpoints.record_fingerprint(tmp_path / "one", {"ranks": 2, "dtype": "float32", "settings": {"seed": 1}})
    assert capsys.readouterr().out == ""
    fingerprint = {"ranks": 1, "dtype": "float32", "settings": {"seed": 2}}
    checkpoints.record_fingerprint(tmp_path / "other", fingerprint)
    printed = capsys.readouterr().out
    assert "one is not resumed: ranks (2, now 1), settings differ" in printed
    assert printed.endswith("other starts anew\n")
    checkpoints.record_fingerprint(tmp_path / "other", fingerprint)
    assert capsys.readouterr().out == "", "the second time it is resumed"


def test_a_checkpoint_without_manifest_or_with_a_file_missing_is_not_used(tmp_path, capsys):
    for step in (5, 10, 15):
        (tmp_path / f"checkpoint-{step}" / "global_step").mkdir(parents=True)
        (tmp_path / f"checkpoint-{step}" / "global_step" / "weights").write_text("abc")
        if step < 15:
            checkpoints.write_manifest(tmp_path / f"checkpoint-{step}", seconds=step)
    (tmp_path / "checkpoint-10" / "global_step" / "weights").unlink()
    newest = checkpoints.find_newest_complete(tmp_path)
    assert newest.name == "checkpoint-5"
    assert checkpoints.seconds_of_checkpoint(newest) == 5
    printed = capsys.readouterr().out
    assert "checkpoint-15 is not used: it is incomplete" in printed
    assert "checkpoint-10 is not used: global_step/weights is missing" in printed


@pytest.mark.skipif(sys.platform != "linux", reason="process trees as on Linux")
def test_sigterm_of_one_rank_stops_all_ranks_with_a_complete_checkpoint(tmp_path, tiny_model):
    training = fixtures.Training(tmp_path, tiny_model, windows=96, ranks=2, save_steps=100)
    torchrun = training.start()
    deadline = time.monotonic() + 120
    while "step 2/48" not in training.log:
        assert torchrun.poll() is None, training.log
        assert time.monotonic() < deadline, training.log
        time.sleep(0.02)
    (rank,) = [child for child in psutil.Process(torchrun.pid).children() if child.environ().get("RANK") == "1"]
    rank.terminate()
    assert torchrun.wait(timeout=120) != 0
    stopped = re.search(r"error: stopped at step (\d+) of 48; a checkpoint is saved", training.log)
    (checkpoint,) = training.checkpoints
    assert checkpoint.name == f"checkpoint-{stopped[1]}"
    assert checkpoints.find_damage(checkpoint) == ""
