"""Write one declared table of scores as Markdown, CSV and LaTeX."""

import argparse
from pathlib import Path
from typing import cast

from hearth.common.cli import json_option, run
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.score_document import read_score
from hearth.evaluation.table_files import add_table_options, write_table
from hearth.evaluation.tables import TableSpec, build_table


def main(argv: list[str] | None = None) -> None:
    """Read the scores; write the table as Markdown, CSV and LaTeX."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the table, its label in LaTeX")
    parser.add_argument(
        "--spec",
        required=True,
        help="JSON object with title and, optionally, caption, columns (names; if empty, the default columns), compare"
        " (pairs of recognisers) and seeds (each or mean)",
    )
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="score files, in the order of the rows")
    add_table_options(parser)
    arguments = parser.parse_args(argv)
    spec = cast(TableSpec, json_option("--spec", arguments.spec, dict))
    table = build_table(spec, [read_score(path) for path in arguments.scores], git_commit())
    write_table(table, arguments.name, arguments)


if __name__ == "__main__":
    run(main)
