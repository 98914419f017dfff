"""A run of Snakemake, as its working directory remembers it: how it was started, whether it lives, its SLURM jobs."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from hearth.common.cli import UserError
from hearth.common.files import read_json, write_json

RECORD = Path("work") / "run.json"
# The plugin gives every job of a run the same name, and says in Snakemake's log which.
RUN_ID = re.compile(r"^SLURM run ID: (\S+)$", re.MULTILINE)


def remember(directory: Path, started_in: str) -> None:
    """Leave in the working directory how the run of this process is started again, and which process it is."""
    command = [sys.executable, "-m", "snakemake", *sys.argv[1:]]
    record = {"command": command, "started_in": started_in, "host": socket.gethostname(), "process": os.getpid()}
    write_json(directory / RECORD, record)


def recall(directory: Path) -> dict:
    """What the last run in a working directory left; a UserError says that there was none, or that it still goes on."""
    try:
        record = read_json(directory / RECORD)
    except FileNotFoundError:
        raise UserError(f"{directory}: no run was started with this working directory ({RECORD} is missing)") from None
    host, process = record["host"], record["process"]
    if host != socket.gethostname():
        raise UserError(
            f"{directory}: the run was started on {host}, where it may still go on: resume it there. "
            f'If {host} is gone, write "{socket.gethostname()}" in place of "{host}" in {directory / RECORD}'
        )
    if _is_run(process, directory):
        raise UserError(f"{directory}: the run still goes on (process {process}). To stop it: kill {process}, and wait")
    return record


def _is_run(process: int, directory: Path) -> bool:
    """Whether `process` is a Snakemake that works in `directory`, and not one that got the number since."""
    entry = Path("/proc") / str(process)
    try:
        return b"snakemake" in (entry / "cmdline").read_bytes() and (entry / "cwd").samefile(directory)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def run_ids(directory: Path) -> set[str]:
    """The names that the SLURM jobs of all runs in a working directory have had."""
    logs = (directory / ".snakemake" / "log").glob("*.log")
    return {name for log in logs for name in RUN_ID.findall(log.read_text(encoding="utf-8", errors="replace"))}


def queued(names: Iterable[str]) -> dict[str, str]:
    """Of this user's jobs in SLURM's queue those with one of `names`: id to state and node."""
    rows = [row.split("|") for row in _slurm("squeue", "--me", "--noheader", "--format=%A|%T on %N|%j").splitlines()]
    return {job: state.removesuffix(" on ") for job, state, name in rows if name in set(names)}


def cancel(names: set[str], patience_s: float = 600) -> list[str]:
    """Cancel the jobs with one of `names` and wait until SLURM has ended them; their ids."""
    cancelled: list[str] = []
    deadline = time.monotonic() + patience_s
    while left := queued(names):
        # More than once: the last submission may still have been under way.
        if new := sorted(left.keys() - set(cancelled)):
            _slurm("scancel", *new)
            cancelled += new
        if time.monotonic() > deadline:
            listed = ", ".join(f"{job} ({state})" for job, state in left.items())
            raise UserError(
                f"SLURM has not ended these jobs after {patience_s:.0f} s: {listed}. They may still write; ask for "
                "their nodes to be looked at, and run this again when squeue --me no longer shows them"
            )
        time.sleep(2)
    return cancelled


def _slurm(*command: str) -> str:
    """What a client program of SLURM prints; a UserError when it cannot be had."""
    try:
        # Without a controller the clients wait for one.
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        problem = done.stderr.strip() if done.returncode else ""
    except FileNotFoundError:
        problem = "not installed here"
    except subprocess.TimeoutExpired:
        problem = "no answer within 60 s"
    if problem:
        raise UserError(
            f"{command[0]}: {problem}. Jobs of the dead run may still work, so nothing was started: run this again on "
            "the login node once `scontrol ping` says that a controller is UP"
        )
    return done.stdout
