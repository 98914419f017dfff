"""Write the table of the paper's claims as Markdown, CSV and LaTeX."""

import argparse
from pathlib import Path

from hearth.common.cli import run
from hearth.common.files import write_text
from hearth.evaluation.claims import build
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.rendering import csv_text, latex, markdown
from hearth.evaluation.scores import read_score


def main(argv: list[str] | None = None) -> None:
    """Read the scores, decide the claims, write the three forms of the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="all score files of the run")
    parser.add_argument("--markdown", required=True, type=Path, help="table for reading")
    parser.add_argument("--csv", required=True, type=Path, help='table for pandas.read_csv(path, comment="#")')
    parser.add_argument("--tex", required=True, type=Path, help="table for a paper, with the package booktabs")
    arguments = parser.parse_args(argv)
    table = build([read_score(path) for path in arguments.scores], git_commit())
    write_text(arguments.markdown, markdown(table))
    write_text(arguments.csv, csv_text(table))
    write_text(arguments.tex, latex(table, "claims"))


if __name__ == "__main__":
    run(main)
