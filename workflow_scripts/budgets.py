"""Write the table of weighted F1 and truncated answers by token budget as Markdown, CSV and LaTeX."""

import argparse
from pathlib import Path

from hearth.common.cli import run
from hearth.evaluation.budget_table import build_budget_table
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.score_document import read_score
from hearth.evaluation.table_files import add_table_options, write_table


def main(argv: list[str] | None = None) -> None:
    """Read the scores; write the table of those of base models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="all score files of the run")
    add_table_options(parser)
    arguments = parser.parse_args(argv)
    table = build_budget_table([read_score(path) for path in arguments.scores], git_commit())
    write_table(table, "budgets", arguments)


if __name__ == "__main__":
    run(main)
