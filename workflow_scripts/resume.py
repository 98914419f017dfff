"""Resume a run whose Snakemake died: cancel its remaining SLURM jobs, unlock its directory, repeat its command.

A run without SLURM is resumed in the same way; it has no jobs to cancel.
"""

import argparse
import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hearth.common.cli import run
from hearth.workflow.run_state import cancel_jobs, environment_of, read_run_record, run_ids


def main(argv: Sequence[str] | None = None) -> None:
    """Resume the run. The new Snakemake replaces this process, so that a signal to this process reaches Snakemake."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="the run's working directory: the scratch of profiles/slurm, or .")
    directory = parser.parse_args(argv).directory.resolve()
    record = read_run_record(directory)
    if names := run_ids(directory):
        print(f"cancelled jobs of the dead run: {', '.join(cancel_jobs(names)) or 'none was left'}", flush=True)
    command, environment = record["command"], environment_of(record)
    os.chdir(record["started_in"])
    # The option stands first: after a `--` of the command it would be a target.
    subprocess.run([*command[:3], "--unlock", *command[3:]], env=environment, check=True)
    options = "".join(f"{name}={shlex.quote(value)} " for name, value in record.get("environment", {}).items())
    print(f"starting again: {options}{shlex.join(command)}", flush=True)
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    run(main)
