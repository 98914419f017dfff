"""Write the yaml of a home that a seed draws: the whole home, or other words for one of MARBLE's or MuRAL's format."""

import argparse
from pathlib import Path

from hearth.common.cli import UserError, run
from hearth.common.files import write_text
from hearth.homes.home import load_home
from hearth.simulation.drawn import home_yaml
from hearth.simulation.formats import FORMATS
from hearth.simulation.variants import variant_yaml


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and write the yaml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", required=True, type=int, help="random seed of the home")
    parser.add_argument("--variant-of", type=Path, help="yaml of a home; draw other words for it, not a whole home")
    parser.add_argument("--source", choices=sorted(FORMATS), help="format of that home")
    parser.add_argument("--out", required=True, type=Path, help="yaml to write")
    arguments = parser.parse_args(argv)
    if (arguments.variant_of is None) != (arguments.source is None):
        raise UserError("--variant-of and --source: use both for a variant, or neither")
    if arguments.variant_of:
        text = variant_yaml(load_home(arguments.variant_of), arguments.source, arguments.seed)
    else:
        text = home_yaml(arguments.seed)
    write_text(arguments.out, text)


if __name__ == "__main__":
    run(main)
