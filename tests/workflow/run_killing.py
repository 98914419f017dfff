"""Kill a run of Snakemake with SIGKILL at a given point."""

import os
import signal
import time

import psutil


def kill_when(process, condition):
    """Kill a Snakemake and its children with SIGKILL as soon as `condition()` is true."""

    def is_reached():
        try:
            return condition()
        except FileNotFoundError:  # a finished shard, or an old checkpoint, disappeared while `condition` looked at it
            return False

    deadline = time.monotonic() + 600
    while not is_reached():
        assert process.poll() is None, "the run ended before it could be killed:\n" + process.stdout.read()[-4000:]
        assert time.monotonic() < deadline, "the run did not reach the point at which it is killed"
        time.sleep(0.02)
    # At once, because the work at hand ends in less time than it takes to list the processes.
    os.killpg(process.pid, signal.SIGSTOP)
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        member.kill()
    psutil.wait_procs(family, timeout=30)
    process.stdout.close()


def count_lines(folder):
    return sum(len(path.read_bytes().splitlines()) for path in folder.rglob("*.jsonl")) if folder.is_dir() else 0
