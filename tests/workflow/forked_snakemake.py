"""Run Snakemake as a fork of a process that has imported it, which saves a second of CPU time per run.

Every run is a process with its own command line, working directory and environment, as after `python -m snakemake`.
"""

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["snakemake.cli", "snakemake_executor_plugin_slurm", "jsonschema", "pandas"])


def run(arguments: list[str], directory: Path, environment: dict[str, str], timeout_s: float) -> tuple[int, str]:
    """Run `snakemake ARGUMENTS` in a working directory.

    Return the exit status and the output, which includes standard error. A run that takes longer than `timeout_s`
    seconds is killed.
    """
    with tempfile.NamedTemporaryFile() as output:
        process = _context.Process(target=_run_in_fork, args=(arguments, directory, environment, output.name))
        process.start()
        process.join(timeout_s)
        if process.is_alive():
            process.kill()
            process.join()
        return process.exitcode, Path(output.name).read_text(errors="replace")


def _run_in_fork(arguments: list[str], directory: Path, environment: dict[str, str], output: str) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.argv = ["snakemake", *arguments]
    from snakemake.cli import main

    main()
