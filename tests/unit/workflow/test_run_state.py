"""Test when a run counts as dead, how it is resumed, and when resuming is refused."""

import json
import os
import socket
import subprocess
import sys

import pytest
from hearth.common.cli import UserError
from hearth.workflow import run_state


def record(directory, **changes):
    run_state.write_run_record(directory, "/project", None)
    path = directory / run_state.RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_dead_run_is_started_again_with_its_options(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/snakemake", "--config", "marble_root=a b", "all"])
    record(tmp_path, process=ended_process())
    read = run_state.read_run_record(tmp_path)
    assert read["command"] == [sys.executable, "-m", "snakemake", "--config", "marble_root=a b", "all"]
    assert read["started_in"] == "/project"


def test_a_directory_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no run was started .*work/run\.json"):
        run_state.read_run_record(tmp_path)


def test_a_running_run_is_not_resumed(tmp_path):
    code = "print('up', flush=True); input()"
    command = [sys.executable, "-c", code, "snakemake"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        record(tmp_path, process=process.pid)
        with pytest.raises(UserError, match=f"still running.*kill {process.pid}"):
            run_state.read_run_record(tmp_path)
        process.communicate(b"\n")
    assert run_state.read_run_record(tmp_path)["process"] == process.pid


def test_a_process_id_reused_by_another_program_is_no_running_run(tmp_path):
    record(tmp_path, process=os.getpid())
    assert run_state.read_run_record(tmp_path)["process"] == os.getpid()


def test_a_run_on_another_machine_is_not_resumed_from_here(tmp_path):
    record(tmp_path, host="login2")
    with pytest.raises(UserError, match=f"started on login2.*resume it there.*{socket.gethostname()}"):
        run_state.read_run_record(tmp_path)


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """Return a function that puts stand-ins for squeue and scontrol on PATH, which print the given lines."""

    def install(queue: str, cluster: str = "here") -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, output in (("squeue", queue), ("scontrol", f"ClusterName             = {cluster}")):
            (folder / name).write_text(f"#!/bin/sh\ncat << END\n{output}\nEND\n")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return install


JOB = {"id": "12", "cluster": "here"}


def test_a_run_in_a_job_is_resumed_anywhere_once_the_job_has_ended(tmp_path, slurm):
    record(tmp_path, host="node1", slurm_job=JOB)
    slurm("11|RUNNING on node1|hearth_1\n13|PENDING on |other|name")
    assert run_state.read_run_record(tmp_path)["slurm_job"] == JOB


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        ("12|RUNNING on node1|a name", "SLURM job 12, .* is RUNNING on node1. To stop it: scancel 12"),
        ("12|PENDING on |name", "is PENDING. SLURM will start it again by itself. To stop it: scancel 12"),
    ],
)
def test_a_run_in_a_job_that_has_not_ended_is_not_resumed(tmp_path, slurm, queue, message):
    record(tmp_path, host="node1", slurm_job=JOB)
    slurm(queue)
    with pytest.raises(UserError, match=message):
        run_state.read_run_record(tmp_path)


def test_a_run_in_a_job_is_not_resumed_where_another_cluster_answers_or_none(tmp_path, slurm, monkeypatch):
    record(tmp_path, host="node1", slurm_job=JOB)
    slurm("", cluster="elsewhere")
    with pytest.raises(UserError, match="a job of the cluster here, and this host belongs to elsewhere"):
        run_state.read_run_record(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="scontrol: not installed here"):
        run_state.read_run_record(tmp_path)


def test_a_job_that_slurm_has_requeued_resumes_its_own_run(tmp_path, slurm, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "here")
    record(tmp_path, host="node1", slurm_job=run_state.current_job())
    slurm("12|RUNNING on node2|name")
    assert run_state.read_run_record(tmp_path)["slurm_job"] == JOB


def test_run_ids_come_from_the_logs_of_the_directory(tmp_path):
    logs = tmp_path / ".snakemake" / "log"
    logs.mkdir(parents=True)
    (logs / "1.snakemake.log").write_text("Building DAG of jobs...\nSLURM run ID: hearth_1\nUsing shell: bash\n")
    (logs / "2.snakemake.log").write_bytes(b"\xff\nSLURM run ID: hearth_2\n")
    (logs / "3.snakemake.log").write_text("a local run that mentions SLURM run ID: none\n")
    assert run_state.run_ids(tmp_path) == {"hearth_1", "hearth_2"}
    assert run_state.run_ids(tmp_path / "empty") == set()


def test_nothing_is_started_where_the_queue_cannot_be_seen(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"squeue: not installed here.*nothing was started.*scontrol ping"):
        run_state.cancel_jobs({"hearth_1"})


def test_the_message_of_a_failed_run_names_its_logs_and_how_to_resume_it(monkeypatch, tmp_path):
    directory = tmp_path / "my run"
    directory.mkdir()
    monkeypatch.chdir(directory)
    message = run_state.failure_message(tmp_path, [".snakemake/log/1.log"])
    assert ".snakemake/log/1.log" in message
    assert f"make -C {tmp_path} resume RUN='{directory}'" in message
