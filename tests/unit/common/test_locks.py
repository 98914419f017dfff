import subprocess
import sys

from hearth.common.locks import locked
from repository import SCRIPTS


def test_a_file_system_without_locks_is_logged_and_used(tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("hearth.common.locks.fcntl.flock", no_locks)
    with locked(tmp_path / "new" / "lock"):
        pass
    assert "cannot be locked" in caplog.text


def test_a_second_process_says_that_it_waits_and_goes_on_when_the_first_has_ended(tmp_path):
    second = (
        "import logging, pathlib, sys; from hearth.common.locks import locked\n"
        "logging.basicConfig(level=logging.INFO, stream=sys.stdout)\n"
        "with locked(pathlib.Path(sys.argv[1])): print('acquired')"
    )
    lock = tmp_path / "lock"
    with locked(lock):
        waiting = subprocess.Popen(
            [sys.executable, "-c", second, str(lock)], cwd=SCRIPTS, stdout=subprocess.PIPE, text=True
        )
        assert f"another process uses {lock}; waiting for it to end" in waiting.stdout.readline()
        assert waiting.poll() is None
    assert waiting.communicate(timeout=60)[0] == "acquired\n"
