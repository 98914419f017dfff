"""Write the yaml of a home whose rooms, sensors, labels and words are drawn by a seed."""

import argparse
from pathlib import Path

from hearth.common.cli import run
from hearth.common.files import write_text
from hearth.simulation.drawn import home_yaml


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and write the yaml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", required=True, type=int, help="random seed of the home")
    parser.add_argument("--out", required=True, type=Path, help="yaml to write")
    arguments = parser.parse_args(argv)
    write_text(arguments.out, home_yaml(arguments.seed))


if __name__ == "__main__":
    run(main)
