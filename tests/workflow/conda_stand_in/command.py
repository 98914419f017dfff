"""Answer those calls of `conda` that Snakemake makes; the script `conda` runs this program with its own folder."""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from rattler import Platform, VirtualPackage, install, solve
from rattler.exceptions import SolverError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from conda_stand_in.channel import read_specs


def run_conda(root: Path, arguments: list[str]) -> None:
    """Run `conda ARGUMENTS`, or exit with an error message."""
    match arguments:
        case ["--version"]:
            print("conda 24.7.1")  # the oldest version that Snakemake accepts
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": str(root), "platform": str(Platform.current())}))
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["clean", *_]:
            pass  # packages are links, so there is nothing to delete
        case ["env", "create", *options]:
            parser = argparse.ArgumentParser("conda env create")
            parser.add_argument("--file", type=Path)
            parser.add_argument("--prefix", type=Path)
            parser.add_argument("--quiet", "--no-default-packages", action="store_true")
            parsed = parser.parse_args(options)
            asyncio.run(create(root, parsed.file, parsed.prefix))
        case _:
            sys.exit(f"conda stand-in: not implemented: `conda {' '.join(arguments)}`")


async def create(root: Path, environment_file: Path, prefix: Path) -> None:
    """Solve an environment file against the local channel and install the packages."""
    wanted = [package + version for package, version in read_specs(environment_file).items()]
    try:
        packages = await solve([(root / "channel").as_uri()], wanted, virtual_packages=VirtualPackage.detect())
    except SolverError as error:
        sys.exit(f"conda stand-in: {environment_file} cannot be solved: {error}")
    await install(packages, prefix, cache_dir=root / "pkgs", show_progress=False)


try:
    run_conda(Path(sys.argv[1]), sys.argv[2:])
    code = 0
except SystemExit as failure:
    print(failure, file=sys.stderr)
    code = 1
sys.stdout.flush()
sys.stderr.flush()
# Skip Python's shutdown, which can crash while threads of py-rattler run.
os._exit(code)
