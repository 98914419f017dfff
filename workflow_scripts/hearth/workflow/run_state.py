"""Record and read the last run in a working directory, and cancel its SLURM jobs."""

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from hearth.common.cli import UserError
from hearth.common.files import write_json
from hearth.common.records import read_record
from hearth.workflow.config_types import Config

RECORD = Path("work") / "run.json"
# Environment variables of Snakemake that stand for options of its command line.
OPTIONS_IN_ENVIRONMENT = ("SNAKEMAKE_PROFILE", "SNAKEMAKE_CONDA_PREFIX")
# The SLURM plugin gives all jobs of a run the same name and writes that name into Snakemake's log.
RUN_ID = re.compile(r"^SLURM run ID: (\S+)$", re.MULTILINE)


class SlurmJob(TypedDict):
    """A SLURM job: its id, and the name of its cluster."""

    id: str
    cluster: str


class RunRecord(TypedDict):
    """Snakemake's command line, the folder where it was started, its host and its process id (work/run.json).

    `environment` holds the variables of OPTIONS_IN_ENVIRONMENT that were set. `slurm_job` is the job in which Snakemake
    itself runs; absent outside of a job.
    """

    command: list[str]
    started_in: str
    host: str
    process: int
    environment: NotRequired[dict[str, str]]
    slurm_job: NotRequired[SlurmJob]


def current_job() -> SlurmJob | None:
    """Return the SLURM job in which this process runs; None outside of a job.

    Call this before Snakemake starts its plugin for SLURM, which removes SLURM's variables from the environment, so
    that a run's jobs inherit no limit of this one.
    """
    if job := os.environ.get("SLURM_JOB_ID"):
        return {"id": job, "cluster": os.environ.get("SLURM_CLUSTER_NAME", "")}
    return None


def write_run_record(directory: Path, started_in: str, job: SlurmJob | None) -> None:
    """Write the record of this process's run into a working directory.

    It was started in the folder `started_in`, in the SLURM job `job` (None: in no job).
    """
    command = [sys.executable, "-m", "snakemake", *sys.argv[1:]]
    record: RunRecord = {
        "command": command,
        "started_in": started_in,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "environment": {name: os.environ[name] for name in OPTIONS_IN_ENVIRONMENT if name in os.environ},
    }
    if job:
        record["slurm_job"] = job
    write_json(directory / RECORD, record)


def read_run_record(directory: Path) -> RunRecord:
    """Return the record of the last run in a working directory.

    Raises UserError if there was no run, or if it may still be running, here or on another host. Whether it still runs
    on another host is known only if Snakemake was started in a SLURM job: SLURM says whether that job has ended.
    """
    try:
        record = read_record(directory / RECORD, RunRecord)
    except FileNotFoundError:
        raise UserError(
            f"{directory}: no run was started with this working directory ({RECORD} is missing); name that of the run: "
            "make resume RUN=folder"
        ) from None
    host, process = record["host"], record["process"]
    if host == socket.gethostname():
        if _is_running(process, directory):
            raise UserError(
                f"{directory}: the run is still running (process {process}). To stop it: kill {process}, and wait"
            )
    elif "slurm_job" in record:
        _check_job_has_ended(record["slurm_job"], directory)
    else:
        raise UserError(
            f"{directory}: the run was started on {host}, where it may still be running: resume it there. "
            f'If {host} is gone, replace "{host}" with "{socket.gethostname()}" in {directory / RECORD}'
        )
    return record


def environment_of(record: RunRecord) -> dict[str, str]:
    """Return this process's environment, with the options of Snakemake in it as they were when the run was started."""
    remembered = record.get("environment")
    if remembered is None:  # the run was started by a Hearth that did not write them down
        return dict(os.environ)
    return {name: value for name, value in os.environ.items() if name not in OPTIONS_IN_ENVIRONMENT} | remembered


def _check_job_has_ended(job: SlurmJob, directory: Path) -> None:
    """Raise UserError unless the job that runs Snakemake has ended, as far as SLURM knows.

    SLURM may have requeued the job, and this process may run in it: the earlier Snakemake has then ended too.
    """
    if job == current_job():
        return
    if (directory / RECORD).stat().st_uid != os.getuid():
        raise UserError(f"{directory}: the run belongs to another user, who alone can cancel its jobs")
    cluster = _cluster_name()
    if cluster != job["cluster"]:
        raise UserError(
            f"{directory}: the run was started in a job of the cluster {job['cluster']}, and this host belongs to "
            f"{cluster}: resume it on a host of {job['cluster']}"
        )
    for state in [state for number, state, _ in own_jobs() if number == job["id"]]:
        restarts = " SLURM will start it again by itself." if state == "PENDING" else ""
        raise UserError(
            f"{directory}: SLURM job {job['id']}, in which the run was started, is {state}.{restarts} To stop it: "
            f"scancel {job['id']}, and wait until squeue --me does not show it"
        )


def _cluster_name() -> str:
    """Return the name of the cluster to which this host belongs."""
    name = re.search(r"^ClusterName\s*= *(\S+)", _call_slurm("scontrol", "show", "config"), re.MULTILINE)
    return name[1] if name else ""


def _is_running(process: int, directory: Path) -> bool:
    """Return whether process id `process` is a Snakemake in `directory`, and not a program that reuses the id."""
    entry = Path("/proc") / str(process)
    try:
        return b"snakemake" in (entry / "cmdline").read_bytes() and (entry / "cwd").samefile(directory)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def write_run_config(config: Config) -> None:
    """Write the complete config of the run in the current directory, defaults included, to results/run_config.json."""
    write_json(Path("results/run_config.json"), config)


def failure_message(project: Path, logs: Sequence[str]) -> str:
    """Return the message for a failed run in the current directory; `logs` are the paths of Snakemake's own logs."""
    here = shlex.quote(os.getcwd())
    resume = f"make -C {shlex.quote(str(project))} resume RUN={here}"
    return (
        f"The run failed. The cause is in one of these places under {here}; look in this order:\n"
        "  logs/<rule>/    messages of the failed job's program; its path is shown above under `log:`\n"
        "  logs/slurm/     on a cluster, messages of SLURM: out of memory, wall time, lost node\n"
        f"  {' '.join(logs)}    messages of Snakemake\n"
        "A program that was killed (signal 9, exit code -9 or 137) usually ran out of memory: in the config, lower\n"
        "engine.batch_size (windows per batch), or in training students.training.micro_batch_size (examples).\n"
        "Finished work is kept. Remove the cause, then run the same command again, or:\n"
        f"  {resume}"
    )


def run_ids(directory: Path) -> set[str]:
    """Return the names of the SLURM jobs of all runs in a working directory, from Snakemake's logs."""
    logs = (directory / ".snakemake" / "log").glob("*.log")
    return {name for log in logs for name in RUN_ID.findall(log.read_text(encoding="utf-8", errors="replace"))}


def queued_jobs(names: Iterable[str]) -> dict[str, str]:
    """Return a dict from id to state and node, of this user's queued and running SLURM jobs named in `names`."""
    wanted = set(names)
    return {job: state for job, state, name in own_jobs() if name in wanted}


def own_jobs() -> list[tuple[str, str, str]]:
    """Return id, state and node, and name of each of this user's jobs in SLURM's queue, which ended jobs have left."""
    output = _call_slurm("squeue", "--me", "--noheader", "--format=%A|%T on %N|%j")
    rows = [row.split("|", 2) for row in output.splitlines()]
    return [(job, state.removesuffix(" on "), name) for job, state, name in rows]


def cancel_jobs(names: set[str], patience_s: float = 600) -> list[str]:
    """Cancel the SLURM jobs named in `names`, wait until they have ended, and return their ids.

    Raises UserError if some have not ended after `patience_s` seconds.
    """
    cancelled: list[str] = []
    deadline = time.monotonic() + patience_s
    while left := queued_jobs(names):
        # Cancel in a loop, because the last submission of the dead run may reach the queue late.
        if new := sorted(left.keys() - set(cancelled)):
            _call_slurm("scancel", *new)
            cancelled += new
        if time.monotonic() > deadline:
            listed = ", ".join(f"{job} ({state})" for job, state in left.items())
            raise UserError(
                f"SLURM has not ended these jobs after {patience_s:.0f} s: {listed}. They may still write files. Ask "
                "your administrators to check their nodes, and run this again once squeue --me no longer shows them"
            )
        time.sleep(2)
    return cancelled


def _call_slurm(*command: str) -> str:
    """Return the output of a SLURM client program; raise UserError if it fails, is missing or does not answer."""
    output = ""
    try:
        # Without a timeout, the clients would wait for a controller for ever.
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        output, problem = done.stdout, done.stderr.strip() if done.returncode else ""
    except FileNotFoundError:
        problem = "not installed here"
    except subprocess.TimeoutExpired:
        problem = "no answer within 60 s"
    if problem:
        raise UserError(
            f"{command[0]}: {problem}. Jobs of the dead run may still be running, so nothing was started: run this "
            "again on the login node once `scontrol ping` says that a controller is UP"
        )
    return output
