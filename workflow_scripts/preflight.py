"""Print the findings of all preflight checks, and fail if there is a problem."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hearth.common.cli import run
from hearth.common.records import read_record
from hearth.workflow.findings import FindingsRecord


def main(argv: Sequence[str] | None = None) -> None:
    """Print the results of the checks of each machine; the exit status is 1 if there is any problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=Path, nargs="+", required=True, help="output of check_login and check_node")
    arguments = parser.parse_args(argv)
    places = [read_record(path, FindingsRecord) for path in arguments.findings]
    for findings in places:
        print(f"{findings['place']}:")
        print("".join(f"  ok       {fact}\n" for fact in findings["facts"]), end="")
        print("".join(f"  skipped  {check}\n" for check in findings["skipped"]), end="")
        print("".join(f"  PROBLEM  {problem}\n" for problem in findings["problems"]), end="")
    problems = sum(len(findings["problems"]) for findings in places)
    if problems:
        sys.exit(f"{problems} problem{'s' if problems > 1 else ''}: solve, then run preflight again")
    skipped = sum(len(findings["skipped"]) for findings in places)
    waiting = f"; skipped: {skipped}, because models are not fetched yet. Fetch them first: --until fetch_model"
    print("No problems" + (waiting if skipped else "."))


if __name__ == "__main__":
    run(main)
