"""Train and recognise on a file system without locks whose fsync is slow: every byte is that of the reference run."""

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

STUDENT = "tiny-s_reasoning_sim-marble"
SHARDS = "predictions/tiny-m/sim-marble/test1"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc, which compiles the library for LD_PRELOAD, is not installed")
def test_a_file_system_without_locks_and_with_slow_fsync_changes_nothing(
    finished_run, reference_run, tmp_path, monkeypatch
):
    library, log = tmp_path / "poor_file_system.so", tmp_path / "calls"
    source = Path(__file__).with_name("poor_file_system.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    for folder in (f"students/{STUDENT}", SHARDS):
        for top in ("results", "work"):
            shutil.rmtree(finished_run.directory / top / folder)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("POOR_FILE_SYSTEM_LOG", str(log))
    made = [f"results/students/{STUDENT}/fold1/adapter/adapter_model.safetensors", f"results/{SHARDS}/all.jsonl"]
    process = finished_run.start(*made)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output[-6000:]
    for path in made:
        assert (finished_run.directory / path).read_bytes() == (reference_run.directory / path).read_bytes()
    calls = Counter(log.read_text().split())
    assert calls["flock"] >= 3  # the training's and each shard's
    assert calls["fsync"] >= 10
    logs = [finished_run.directory / f"logs/distil/{STUDENT}/fold1.log"]
    logs += (finished_run.directory / "logs/recognise/tiny-m/sim-marble/test1").glob("*.log")
    assert len(logs) == 3
    for path in logs:
        assert "cannot be locked ([Errno 38] Function not implemented)" in path.read_text()
