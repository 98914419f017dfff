import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hearth.engines.compile_cache import compile_cache


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Restore the variables that compile_cache sets."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def test_the_first_fills_the_folder_alone_and_later_ones_run_at_once(tmp_path):
    folder, was_filled = tmp_path / "cache", []

    def load(wait):
        with compile_cache(folder):
            was_filled.append((folder / "filled").exists())
            wait()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(load, [lambda: time.sleep(0.1)] * 3))
    assert was_filled == [False, True, True]
    both = threading.Barrier(2, timeout=60)  # opens only when both are in the block
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, [both.wait] * 2))


def test_a_failed_load_leaves_the_folder_to_the_next(tmp_path):
    with pytest.raises(RuntimeError), compile_cache(tmp_path):
        raise RuntimeError
    assert not (tmp_path / "filled").exists()
    with compile_cache(tmp_path):
        assert os.environ["VLLM_CACHE_ROOT"] == str(tmp_path / "vllm")
        assert os.environ["TRITON_CACHE_DIR"].startswith(str(tmp_path))
    assert (tmp_path / "filled").exists()


def test_a_file_system_without_locks_stops_nothing(tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with compile_cache(tmp_path):
        pass
    assert "cannot be locked" in caplog.text
    assert (tmp_path / "filled").exists()
