"""Test that a dead run is unlocked and started again, with a Snakemake of its own on a small workflow."""

import socket
import subprocess
import sys

import pytest
from hearth.common.files import write_json
from hearth.workflow.run_state import RECORD
from repository import SCRIPTS

SNAKEFILE = """
rule first:
    output: "first.txt"
    shell: "touch {output}"

rule second:
    output: "second.txt"
    shell: "touch {output}"
"""


@pytest.mark.parametrize(
    "arguments", [("second.txt", "--cores", "1"), ("--cores", "1", "--configfile", "run.yaml", "--", "second")]
)
def test_a_locked_directory_is_unlocked_and_the_same_target_made(tmp_path, arguments):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "run.yaml").write_text("a: b\n")
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("second.txt\n")
    command = [sys.executable, "-m", "snakemake", *arguments]
    assert "LockException" in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = {"started_in": str(tmp_path), "host": socket.gethostname(), "process": ended.pid}
    write_json(tmp_path / RECORD, {"command": command, **host})
    done = subprocess.run([sys.executable, SCRIPTS / "resume.py", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "second.txt").exists()
    assert not (tmp_path / "first.txt").exists()
