"""Draw one figure of a run as SVG and PNG."""

import argparse
from pathlib import Path

import pandas as pd
from hearth.common.cli import UserError, run
from hearth.common.files import replacing
from hearth.evaluation.figures import FIGURES, TIMED, render
from hearth.evaluation.score_document import read_score


def main(argv: list[str] | None = None) -> None:
    """Read the scores, write both forms of the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", required=True, choices=[*FIGURES, *TIMED], help="which figure")
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="all score files of the run")
    parser.add_argument("--costs", type=Path, help=f"cost.csv of the run, which {', '.join(TIMED)} needs")
    parser.add_argument("--svg", required=True, type=Path, help="figure for the screen and the web")
    parser.add_argument("--png", required=True, type=Path, help="figure for everything else")
    arguments = parser.parse_args(argv)
    if (arguments.figure in TIMED) != (arguments.costs is not None):
        raise UserError(f"--costs: {arguments.figure} {'needs' if arguments.figure in TIMED else 'has no use for'} it")
    scores = [read_score(path) for path in arguments.scores]
    drawn = render(arguments.figure, scores, read_costs(arguments.costs) if arguments.costs else None)
    for form, path in (("svg", arguments.svg), ("png", arguments.png)):
        with replacing(path) as temporary:
            temporary.write_bytes(drawn[form])


def read_costs(path: Path) -> list[dict]:
    """The rows of a cost table; what is not there is None."""
    table = pd.read_csv(path, comment="#", keep_default_na=False, na_values=[""])
    return table.astype(object).where(table.notna(), None).to_dict("records")


if __name__ == "__main__":
    run(main)
