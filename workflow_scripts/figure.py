"""Draw one figure of a run as SVG and PNG."""

import argparse
from pathlib import Path

from hearth.common.cli import UserError, run
from hearth.common.files import replacing
from hearth.evaluation.costs import read_cost_rows
from hearth.evaluation.figures.names import COST_FIGURES, SCORE_FIGURES
from hearth.evaluation.figures.registry import render
from hearth.evaluation.score_document import read_score


def main(argv: list[str] | None = None) -> None:
    """Read the scores; write the figure as SVG and as PNG."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", required=True, choices=[*SCORE_FIGURES, *COST_FIGURES], help="name of the figure")
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="all score files of the run")
    parser.add_argument("--costs", type=Path, help=f"cost.csv of the run; {', '.join(COST_FIGURES)} needs it")
    parser.add_argument("--svg", required=True, type=Path, help="SVG to write, for the screen and the web")
    parser.add_argument("--png", required=True, type=Path, help="PNG to write, for everything else")
    arguments = parser.parse_args(argv)
    needs_costs = arguments.figure in COST_FIGURES
    if needs_costs != (arguments.costs is not None):
        raise UserError(f"--costs: {arguments.figure} {'needs' if needs_costs else 'does not use'} it")
    scores = [read_score(path) for path in arguments.scores]
    files = render(arguments.figure, scores, read_cost_rows(arguments.costs) if arguments.costs else ())
    for path, content in ((arguments.svg, files["svg"]), (arguments.png, files["png"])):
        with replacing(path) as temporary:
            temporary.write_bytes(content)


if __name__ == "__main__":
    run(main)
