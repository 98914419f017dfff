"""A stand-in for conda, for machines that have none: what Snakemake asks of conda, answered by py-rattler.

It is a test double of conda's command line and of conda-forge. Real are:
- solving: py-rattler, the solver and installer of pixi, finds the packages for the specs of an environment file, and
  fails where no package has the version that is pinned;
- installing: it makes an environment with a python, a `sys.prefix` and scripts of its own, and with nothing in it but
  what the file names and what that needs, so that a program whose environment lacks an import fails.

Stood in for are:
- conda itself: only the calls that Snakemake makes are known (`command.py`);
- every channel: whatever the file names, packages come from one local channel (`channel.py`) that wraps what the
  interpreter running the tests has installed, as links. Whether conda-forge has a version is not shown;
- pip: what a `pip:` section names is solved and installed like the rest. Whether PyPI has it and how it builds is not
  shown, nor is a build's local version (`+cpu`).
"""

import sys
from pathlib import Path

from conda_stand_in.channel import build

ACTIVATE = 'export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n'


def install(folder: Path, environment_files: list[Path]) -> Path:
    """Put a conda of its own into `folder`, whose channel has what `environment_files` name; return its bin folder."""
    build(folder / "channel", environment_files)
    programs = folder / "bin"
    programs.mkdir()
    command = programs / "conda"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "command.py"}" "{folder}" "$@"\n')
    command.chmod(0o755)
    (programs / "activate").write_text(ACTIVATE)
    return programs


def ran(environments: Path, environment_file: Path) -> list[str]:
    """The command lines that ran on the python of the environment that Snakemake made of a file."""
    # Snakemake leaves a copy of the file beside the environment.
    (copy,) = (path for path in environments.glob("*.yaml") if path.read_bytes() == environment_file.read_bytes())
    return (copy.with_suffix("") / "programs.txt").read_text().splitlines()


def programs(environments: Path, environment_file: Path) -> set[str]:
    """Names of the programs among them."""
    return {
        Path(word).stem for line in ran(environments, environment_file) for word in line.split() if word.endswith(".py")
    }
