"""Stand in for apptainer on machines without it, by means of Linux namespaces.

These parts work as in Apptainer:
- a container has a root file system of its own, in which nothing of the host is visible but /dev, /proc, /sys, the home
  folder of `--home`, and what `--bind` and APPTAINER_BIND name. A folder that does not exist cannot be bound;
- environment variables are handed on, but PATH is the image's, HOME that of `--home`, and APPTAINER_CONTAINER is set;
- the command replaces apptainer's process, so that signals reach it.

These parts are replaced:
- images: an image is a file with the path of a Python environment, or an empty file for the environment that runs the
  tests. A container has it as /opt/environment, and the host's /usr and /etc. Whether a definition file can be built,
  and what is in the image, is not tested;
- /tmp is not mounted by itself: on some systems Apptainer does not do that either, and here it would hide what jobs use
  without naming it;
- GPUs: `--nv` is accepted and has no effect.
"""

import json
import subprocess
import sys
from pathlib import Path

# python of a container: notes which program runs in which image, then runs it.
PYTHON = """#!/bin/bash
echo "${APPTAINER_CONTAINER##*/} $(basename "$1" .py) ${PYTHONNOUSERSITE:-}" >> "$STAND_IN/programs"
exec /opt/environment/bin/python "$@"
"""


def is_possible() -> bool:
    """Whether this process may make namespaces."""
    return subprocess.run(["unshare", "--map-root-user", "--mount", "true"], capture_output=True).returncode == 0


def install(folder: Path) -> Path:
    """Install the stand-in into `folder`; return the folder of `apptainer`."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    (folder / "root").mkdir()
    (folder / "image").mkdir()
    command = f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "command.py"}" "{folder}" "$@"\n'
    for path, text in {programs / "apptainer": command, folder / "image/python": PYTHON}.items():
        path.write_text(text)
        path.chmod(0o755)
    return programs


def read_programs(folder: Path) -> set[tuple[str, str, str]]:
    """Return a triple for every program that ran: its image, its name, and the value of PYTHONNOUSERSITE."""
    return {tuple(line.split()) for line in (folder / "programs").read_text().splitlines()}


def read_options(folder: Path) -> list[dict]:
    """Return the options of every call of `apptainer exec`."""
    return [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
