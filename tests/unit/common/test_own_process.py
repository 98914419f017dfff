import os

import pytest
from hearth.common.cli import UserError
from hearth.common.memory import peak_memory_bytes
from hearth.common.own_process import call_alone


def test_a_function_runs_in_another_process_with_its_own_threads_and_memory(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert call_alone(3, os.getenv, "OMP_NUM_THREADS") == "3"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert call_alone(1, os.getpid) != os.getpid()
    held = bytearray(os.urandom(1) * 300_000_000)
    assert call_alone(1, peak_memory_bytes) < len(held)


def test_an_error_of_the_function_is_raised_here():
    with pytest.raises(ValueError, match="invalid literal"):
        call_alone(1, int, "many")


def test_a_killed_process_is_said():
    with pytest.raises(UserError, match="was killed; it may have needed more memory"):
        call_alone(1, os.abort)
