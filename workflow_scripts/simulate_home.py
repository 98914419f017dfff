"""Simulate a home in the on-disk format of MARBLE or MuRAL, or a home drawn by the seed, as tables."""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from hearth.common.cli import UserError, run
from hearth.common.files import digest, file_digest, write_text
from hearth.homes.home import load_home
from hearth.simulation.formats import SIMULATORS
from hearth.simulation.marble import TRAITS

README = """SIMULATED data: no resident, home or event in here is real.

Written by simulate_home.py --format {format}: seed {seed}, {sessions} sessions{left_out}.
Use it to try the workflow; numbers measured on it say nothing about real homes.
Digest of the other files: {files}
"""


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and write the simulated home atomically."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--format",
        required=True,
        choices=sorted(SIMULATORS),
        help="on-disk format to write; drawn: tables of a home drawn by the seed",
    )
    parser.add_argument(
        "--home", required=True, type=Path, help="yaml of a home with the sensors and labels of that format"
    )
    parser.add_argument("--seed", required=True, type=int, help="random seed of residents, habits and events")
    parser.add_argument("--sessions", required=True, type=int, help="number of sessions, at least 1")
    parser.add_argument(
        "--out", required=True, type=Path, help="folder to write; an earlier simulated home in it is replaced"
    )
    parser.add_argument(
        "--missing-sensors",
        type=int,
        default=0,
        help="number of sensors, drawn by the seed, that record nothing",
    )
    parser.add_argument(
        "--without", nargs="+", default=[], choices=TRAITS, metavar="TRAIT", help=f"leave out: {', '.join(TRAITS)}"
    )
    arguments = parser.parse_args(argv)
    if arguments.sessions < 1:
        raise UserError(f"--sessions {arguments.sessions}: use 1 or more")
    check_replaceable(arguments.out)
    home = load_home(arguments.home)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.out.parent, prefix=f".{arguments.out.name}.") as name:
        folder = Path(name) / "home"
        folder.mkdir()
        SIMULATORS[arguments.format](
            folder, arguments.seed, arguments.sessions, home, arguments.missing_sensors, arguments.without
        )
        left_out = f", without {', '.join(arguments.without)}" if arguments.without else ""
        # Snakemake looks at the README alone, and compares contents: it has to change with any other file.
        files = digest(
            {str(path.relative_to(folder)): file_digest(path) for path in folder.rglob("*") if path.is_file()}
        )
        write_text(folder / "README.txt", README.format_map(vars(arguments) | {"left_out": left_out, "files": files}))
        if arguments.out.exists():
            shutil.rmtree(arguments.out)
        os.replace(folder, arguments.out)


def check_replaceable(out: Path) -> None:
    """Raise UserError unless `out` is absent, an empty folder, or an earlier simulated home."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    readme = out / "README.txt"
    if not readme.is_file() or not readme.read_text(encoding="utf-8", errors="replace").startswith("SIMULATED"):
        raise UserError(
            f"--out {out}: contains files other than a simulated home; choose another folder or remove them"
        )


if __name__ == "__main__":
    run(main)
