"""Test the lock, the fingerprint and the manifests of a training's folder; test_training.py kills trainings."""

import subprocess
import sys

from hearth.distillation import checkpoints
from repository import SCRIPTS


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


def test_a_second_training_of_a_student_waits_for_the_first(tmp_path):
    second = (
        "import logging, pathlib, sys; from hearth.distillation.checkpoints import locked\n"
        "logging.basicConfig(level=logging.INFO, stream=sys.stdout)\n"
        "with locked(pathlib.Path(sys.argv[1])): print('acquired')"
    )
    with checkpoints.locked(tmp_path):
        waiting = subprocess.Popen(
            [sys.executable, "-c", second, str(tmp_path)],
            cwd=SCRIPTS,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert f"another process uses {tmp_path / 'lock'}; waiting for it to end" in waiting.stdout.readline()
        assert waiting.poll() is None
    assert waiting.communicate(timeout=60)[0] == "acquired\n"


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
