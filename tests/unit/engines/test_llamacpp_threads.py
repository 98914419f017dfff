import os
import subprocess
import sys

import pytest
from repository import REPOSITORY


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_without_a_loop_unless_told_otherwise(given, expected):
    """The library of threads prints its settings when it is loaded, which must come after the engine's setting."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    }
    environment |= {"OMP_DISPLAY_ENV": "true", "PYTHONPATH": str(REPOSITORY / "workflow_scripts")}
    if given:
        environment["OMP_WAIT_POLICY"] = given
    command = [sys.executable, "-c", "import hearth.engines.llamacpp"]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr
    if "OMP_WAIT_POLICY" not in shown:
        pytest.skip("llama.cpp was built without OpenMP")
    assert f"OMP_WAIT_POLICY = '{expected}'" in shown
