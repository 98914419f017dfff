"""Say what the checks before a run have found, everything at once, and fail where something is missing."""

import argparse
import sys
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run


def main(argv=None):
    """Print facts and problems; exit code 1 for any problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=Path, nargs="+", required=True, help="what check_login and check_node wrote")
    arguments = parser.parse_args(argv)
    findings = [files.read_json(path) for path in arguments.findings]
    for found in findings:
        print(f"{found['place']}:")
        print("".join(f"  ok       {fact}\n" for fact in found["facts"]), end="")
        print("".join(f"  PROBLEM  {problem}\n" for problem in found["problems"]), end="")
    problems = sum(len(found["problems"]) for found in findings)
    if problems:
        sys.exit(f"{problems} problem{'s' if problems > 1 else ''}: mend, then run preflight again")
    print("Nothing is missing.")


if __name__ == "__main__":
    run(main)
