"""Write the audit table: how many traces fail each check, and how accurate flagged and other traces are."""

import argparse
from pathlib import Path

from hearth.common.cli import run
from hearth.evaluation.audit_tables import audit_table, read_audit
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.table_files import add_table_options, write_table


def main(argv: list[str] | None = None) -> None:
    """Read the audits; write the table as Markdown, CSV and LaTeX."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--audits", required=True, nargs="+", type=Path, help="audit files, in the order of the rows")
    parser.add_argument("--simulated", nargs="*", default=[], help="datasets that are simulated")
    parser.add_argument("--tiny", nargs="*", default=[], help="recognisers that are tiny models of this project")
    add_table_options(parser)
    arguments = parser.parse_args(argv)
    audits = [read_audit(path) for path in arguments.audits]
    table = audit_table(audits, arguments.simulated, arguments.tiny, git_commit())
    write_table(table, "audit", arguments)


if __name__ == "__main__":
    run(main)
