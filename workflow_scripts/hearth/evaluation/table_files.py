"""Write the files of a table, and add the options for them to a program."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from hearth.common.files import write_text
from hearth.evaluation.latex import render_latex
from hearth.evaluation.rendering import Table, render_csv, render_grounds, render_markdown


def add_table_options(parser: ArgumentParser) -> None:
    """Add the options that name the files of a table."""
    parser.add_argument(
        "--markdown", required=True, type=Path, help="Markdown to write, with <name>.provenance.md beside it"
    )
    parser.add_argument("--csv", required=True, type=Path, help='CSV to write, for pandas.read_csv(path, comment="#")')
    parser.add_argument("--tex", required=True, type=Path, help="LaTeX to write; it needs booktabs and array")


def write_table(table: Table, name: str, options: Namespace) -> None:
    """Write the table to the files that the options name; `name` is its label in LaTeX.

    The page of what its numbers depend on stands beside the Markdown, as `<table>.provenance.md`.
    """
    provenance = provenance_path(options.markdown)
    write_text(options.markdown, render_markdown(table, provenance.name))
    write_text(options.csv, render_csv(table))
    write_text(options.tex, render_latex(table, name))
    write_text(provenance, render_grounds(table))


def provenance_path(markdown: Path) -> Path:
    """Return the path of the page that belongs to a table's Markdown file."""
    return markdown.with_suffix(".provenance.md")
