import os
import subprocess
import sys
from pathlib import Path

import pytest
from hearth.common.memory import peak_memory_bytes
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
