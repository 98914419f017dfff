"""Write the three files of a table, and add the options for them to a program."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from hearth.common.files import write_text
from hearth.evaluation.rendering import Table, render_csv, render_latex, render_markdown


def add_table_options(parser: ArgumentParser) -> None:
    """Add the options that name the three files of a table."""
    parser.add_argument("--markdown", required=True, type=Path, help="Markdown to write, for reading")
    parser.add_argument("--csv", required=True, type=Path, help='CSV to write, for pandas.read_csv(path, comment="#")')
    parser.add_argument("--tex", required=True, type=Path, help="LaTeX to write, which needs the package booktabs")


def write_table(table: Table, name: str, options: Namespace) -> None:
    """Write the table to the files that the options name; `name` is its label in LaTeX."""
    write_text(options.markdown, render_markdown(table))
    write_text(options.csv, render_csv(table))
    write_text(options.tex, render_latex(table, name))
