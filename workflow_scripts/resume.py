"""Go on with a run whose Snakemake died: end the SLURM jobs it left, unlock its directory, start it as it was started.

Also for runs without SLURM, which leave no jobs.
"""

import argparse
import os
import shlex
import subprocess
from pathlib import Path

from hearth.common.cli import run
from hearth.workflow import run_state


def main(argv=None):
    """Becomes the new Snakemake, so whatever ends that ends this."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="the run's working directory: the scratch of profiles/slurm, or .")
    directory = parser.parse_args(argv).directory.resolve()
    record = run_state.recall(directory)
    names = run_state.run_ids(directory)
    if names:
        print(f"cancelled jobs of the dead run: {', '.join(run_state.cancel(names)) or 'none was left'}", flush=True)
    command = record["command"]
    os.chdir(record["started_in"])
    subprocess.run([*command, "--unlock"], check=True)
    print(f"starting again: {shlex.join(command)}", flush=True)
    os.execv(command[0], command)


if __name__ == "__main__":
    run(main)
