"""Draw one figure of scores as SVG and PNG."""

import argparse
from pathlib import Path

from hearth.evaluation.figures import FIGURES, render
from hearth.evaluation.scores import read_score
from hearth.files import replacing
from hearth.programs import run


def main(argv: list[str] | None = None) -> None:
    """Read the scores, write both forms of the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", required=True, choices=FIGURES, help="which figure")
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="all score files of the run")
    parser.add_argument("--svg", required=True, type=Path, help="figure for the screen and the web")
    parser.add_argument("--png", required=True, type=Path, help="figure for everything else")
    arguments = parser.parse_args(argv)
    drawn = render(arguments.figure, [read_score(path) for path in arguments.scores])
    for form, path in (("svg", arguments.svg), ("png", arguments.png)):
        with replacing(path) as temporary:
            temporary.write_bytes(drawn[form])


if __name__ == "__main__":
    run(main)
