"""Write one declared table of scores as Markdown, CSV and LaTeX."""

import argparse
from pathlib import Path

from hearth.common.cli import json_option, run
from hearth.common.files import write_text
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.rendering import csv_text, latex, markdown
from hearth.evaluation.scores import read_score
from hearth.evaluation.tables import build


def main(argv: list[str] | None = None) -> None:
    """Read the scores, write the three forms of the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the table, its label in LaTeX")
    parser.add_argument(
        "--spec",
        required=True,
        help="JSON object with title, and if wanted caption and columns (a list of names; none: the usual ones)",
    )
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="score files, in the order of the rows")
    parser.add_argument("--markdown", required=True, type=Path, help="table for reading")
    parser.add_argument("--csv", required=True, type=Path, help='table for pandas.read_csv(path, comment="#")')
    parser.add_argument("--tex", required=True, type=Path, help="table for a paper, with the package booktabs")
    arguments = parser.parse_args(argv)
    spec = json_option("--spec", arguments.spec, dict)
    table = build(spec, [read_score(path) for path in arguments.scores], git_commit())
    write_text(arguments.markdown, markdown(table))
    write_text(arguments.csv, csv_text(table))
    write_text(arguments.tex, latex(table, arguments.name))


if __name__ == "__main__":
    run(main)
