"""Stand in for conda's command line and for conda-forge on machines without conda, by means of py-rattler.

These parts work as in conda:
- solving: py-rattler, the solver and installer of pixi, solves the specs of an environment file, and fails if no
  package has the pinned version;
- installing: an environment has its own python, `sys.prefix` and scripts. It contains only the packages that the file
  names and their dependencies, so a program whose environment lacks an import fails.

These parts are replaced:
- conda: only the calls that Snakemake makes are implemented (`command.py`);
- all channels: packages come from one local channel (`channel.py`) that wraps the distributions of the interpreter that
  runs the tests, as links. Whether conda-forge has a version is not tested;
- pip: packages of a `pip:` section are solved and installed like the others. Tests do not show whether PyPI has them,
  how they are built, or which local version (`+cpu`) is installed.
"""

import sys
from pathlib import Path

from conda_stand_in.channel import build_channel

ACTIVATE = 'export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n'


def install(folder: Path, environment_files: list[Path]) -> Path:
    """Install the stand-in into `folder` with a channel for `environment_files`; return the folder of `conda`."""
    build_channel(folder / "channel", environment_files)
    programs = folder / "bin"
    programs.mkdir()
    command = programs / "conda"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "command.py"}" "{folder}" "$@"\n')
    command.chmod(0o755)
    (programs / "activate").write_text(ACTIVATE)
    return programs


def read_command_lines(environments: Path, environment_file: Path) -> list[str]:
    """Return the command lines that ran with the python of the environment made from `environment_file`."""
    # Snakemake writes a copy of the file beside the environment.
    (copy,) = (path for path in environments.glob("*.yaml") if path.read_bytes() == environment_file.read_bytes())
    return (copy.with_suffix("") / "programs.txt").read_text().splitlines()


def executed_programs(environments: Path, environment_file: Path) -> set[str]:
    """Return the names of the Python programs that ran in the environment made from `environment_file`."""
    words = [word for line in read_command_lines(environments, environment_file) for word in line.split()]
    return {Path(word).stem for word in words if word.endswith(".py")}
