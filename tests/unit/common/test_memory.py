import os
import subprocess
import sys
from pathlib import Path

import pytest
from hearth.common import memory
from hearth.common.memory import available_memory_bytes, peak_memory_bytes
from repository import REPOSITORY

LARGE = 200 << 20
PROGRAM = "from hearth.common.memory import peak_memory_bytes; print(peak_memory_bytes())"


def test_a_large_object_raises_the_peak_and_its_end_does_not_lower_it():
    large = b"x" * LARGE
    assert peak_memory_bytes() >= len(large)
    del large
    assert peak_memory_bytes() >= LARGE


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
def test_a_program_does_not_count_the_memory_of_the_one_that_started_it():
    large = b"x" * LARGE
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow_scripts")}
    command = [sys.executable, "-c", PROGRAM]
    peak = int(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)
    assert 0 < peak < LARGE <= len(large)


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="this system has no /proc")
def test_available_memory_is_bounded_by_the_machine_and_by_every_control_group(tmp_path, monkeypatch):
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < available_memory_bytes() <= machine
    job, step = tmp_path / "groups" / "job", tmp_path / "groups" / "job" / "step"
    step.mkdir(parents=True)
    for folder, limit, used in ((job, "3000000", "1000000"), (step, "max", "1000000")):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
    (tmp_path / "cgroup").write_text("4:memory:/old\n0::/job/step\n")
    monkeypatch.setattr(memory, "_CONTROL_GROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_CONTROL_GROUPS", tmp_path / "groups")
    assert available_memory_bytes() == 2000000
