"""The calls of conda's command line that Snakemake makes: `conda` (see `__init__.py`) runs this with its own folder."""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from rattler import Platform, VirtualPackage, install, solve
from rattler.exceptions import SolverError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from conda_stand_in.channel import specs


def answer(root: Path, arguments: list[str]) -> None:
    """Do what `conda ARGUMENTS` is asked, or end with an error that says why not."""
    match arguments:
        case ["--version"]:
            print("conda 24.7.1")  # the oldest that Snakemake takes
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": str(root), "platform": str(Platform.current())}))
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["clean", *_]:
            pass  # packages hold links, so there is nothing worth clearing away
        case ["env", "create", *options]:
            parser = argparse.ArgumentParser("conda env create")
            parser.add_argument("--file", type=Path)
            parser.add_argument("--prefix", type=Path)
            parser.add_argument("--quiet", "--no-default-packages", action="store_true")
            given = parser.parse_args(options)
            asyncio.run(create(root, given.file, given.prefix))
        case _:
            sys.exit(f"conda stand-in: does not know `conda {' '.join(arguments)}`")


async def create(root: Path, environment_file: Path, prefix: Path) -> None:
    """Solve an environment file against the local channel and install what was found."""
    wanted = [package + version for package, version in specs(environment_file).items()]
    try:
        found = await solve([(root / "channel").as_uri()], wanted, virtual_packages=VirtualPackage.detect())
    except SolverError as error:
        sys.exit(f"conda stand-in: {environment_file} cannot be solved: {error}")
    await install(found, prefix, cache_dir=root / "pkgs", show_progress=False)


try:
    answer(Path(sys.argv[1]), sys.argv[2:])
    code = 0
except SystemExit as failure:
    print(failure, file=sys.stderr)
    code = 1
sys.stdout.flush()
sys.stderr.flush()
# The interpreter's own end can crash when threads of py-rattler still run.
os._exit(code)
