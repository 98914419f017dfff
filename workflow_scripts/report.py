"""Write the report of a run: claims, figures and tables as one self-contained HTML page."""

import argparse
from pathlib import Path

from hearth.common.cli import json_option, run
from hearth.common.files import write_text
from hearth.evaluation.audit_tables import read_audit
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.report import render_report
from hearth.evaluation.score_document import read_score


def main(argv: list[str] | None = None) -> None:
    """Read scores, audits and figures; write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="all score files of the run")
    parser.add_argument("--audits", nargs="*", default=[], type=Path, help="all audits of the run")
    parser.add_argument(
        "--tables",
        required=True,
        help="JSON object from table name to its title, caption, columns and pairs (a list of [recogniser, dataset])",
    )
    parser.add_argument("--figures", required=True, nargs="+", type=Path, help="SVG files, named after their figures")
    parser.add_argument("--template", required=True, type=Path, help="Jinja template of the page")
    parser.add_argument("--out", required=True, type=Path, help="page to write")
    arguments = parser.parse_args(argv)
    page = render_report(
        scores=[read_score(path) for path in arguments.scores],
        audits=[read_audit(path) for path in arguments.audits],
        specs=json_option("--tables", arguments.tables, dict),
        drawings={path.stem: path.read_text(encoding="utf-8") for path in arguments.figures},
        commit=git_commit(),
        template=arguments.template.read_text(encoding="utf-8"),
    )
    write_text(arguments.out, page)


if __name__ == "__main__":
    run(main)
