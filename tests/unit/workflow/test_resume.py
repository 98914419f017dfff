"""Test that a dead run is unlocked and started again, with a Snakemake of its own on a small workflow."""

import os
import socket
import subprocess
import sys

import pytest
from hearth.common.files import read_json_object, write_json
from hearth.workflow.run_state import RECORD, write_run_record
from repository import REPOSITORY, SCRIPTS

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


@pytest.mark.parametrize("shell", [{}, {"SNAKEMAKE_PROFILE": "another"}])
def test_a_profile_in_the_environment_is_remembered(tmp_path, monkeypatch, shell):
    """The profile names the working directory: without it, another folder would be unlocked."""
    for folder, directory in (("site's own", "scratch run"), ("another", "elsewhere")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.yaml").write_text(f"directory: {tmp_path / directory}\ncores: 1\n")
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    scratch = tmp_path / "scratch run"
    (scratch / ".snakemake" / "locks").mkdir(parents=True)
    (scratch / ".snakemake" / "locks" / "0.output.lock").write_text("second.txt\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "site's own")
    monkeypatch.setattr(sys, "argv", ["/bin/snakemake", "second"])
    write_run_record(scratch, str(tmp_path), None)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_json(scratch / RECORD, read_json_object(scratch / RECORD) | {"process": ended.pid})
    environment = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"} | shell
    command = [sys.executable, SCRIPTS / "resume.py", scratch]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/")
    assert done.returncode == 0, done.stderr
    assert "SNAKEMAKE_PROFILE='site'\"'\"'s own' " in done.stdout
    assert (scratch / "second.txt").exists()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("remembered", [{"environment": {}}, {}])
def test_a_profile_that_the_run_did_not_have_is_not_used_but_by_a_run_that_remembers_none(tmp_path, remembered):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.yaml").write_text(f"directory: {tmp_path / 'elsewhere'}\n")
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "first"]
    host = {"started_in": str(tmp_path), "host": socket.gethostname(), "process": 2**22 + 1}
    write_json(tmp_path / RECORD, {"command": command, **host, **remembered})
    environment = os.environ | {"SNAKEMAKE_PROFILE": "other"}
    program = [sys.executable, SCRIPTS / "resume.py", tmp_path]
    subprocess.run(program, capture_output=True, check=True, env=environment)
    assert (tmp_path / "first.txt").exists() == ("environment" in remembered)


@pytest.mark.parametrize("name", ["plain", "it's mine", "a $HOME $(pwd)", 'two "words"'])
def test_make_resume_passes_a_folder_on_as_it_is(tmp_path, name):
    (tmp_path / name).mkdir()
    command = ["make", "--directory", str(REPOSITORY), "resume", f"RUN={tmp_path / name}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert f"{tmp_path / name}: no run was started with this working directory" in done.stderr
