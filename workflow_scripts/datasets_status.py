"""Say which shipped homes have their data below a folder, and whether these load (`make datasets-status`)."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hearth.common import cli
from hearth.common.config_schema import settings_schema
from hearth.homes.home import HOMES, load_home
from hearth.onboarding.dataset_status import ABSENT, Limits, Status, find_statuses

HEAD = ("home", "verdict", "events", "sessions", "labels", "broken", "folder")
LONGEST = 240  # characters of advice


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of the homes, then what to do; exit with code 1 if data that are there do not load."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--root", required=True, type=Path, help="folder of the data of one or several homes")
    parser.add_argument("--homes", nargs="*", default=[], help="names of homes; all shipped ones if there are none")
    args = parser.parse_args(argv)
    if not args.root.is_dir():
        raise cli.UserError(f"{args.root}: no such folder of data")
    shipped = {path.stem: path for path in sorted(HOMES.glob("*.yaml")) if path.stem != "TEMPLATE"}
    if unknown := sorted(set(args.homes) - shipped.keys()):
        raise cli.UserError(f"no such home: {', '.join(unknown)}; shipped are {', '.join(shipped)}")
    homes = {name: load_home(path) for name, path in shipped.items() if not args.homes or name in args.homes}
    dataset = settings_schema()["datasets"]["additionalProperties"]["properties"]
    limits = Limits(*(dataset[key]["default"] for key in ("max_broken_share", "max_broken_label_share")))
    statuses = list(find_statuses(args.root, homes, limits))
    rows = [HEAD, *(_row(each, len(homes[each.home].labels), args.root) for each in statuses)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
    for each in statuses:
        if each.advice:
            print(f"{each.home}: {each.verdict}: {' '.join(each.advice.split())[:LONGEST]}")
        if each.others and each.folder:
            folders = ", ".join(other.relative_to(args.root).as_posix() for other in each.others)
            print(f"{each.home}: also found in {folders}; the line above is of {each.folder.relative_to(args.root)}")
    there = [each for each in statuses if each.verdict != ABSENT]
    wrong = [each for each in there if each.verdict == "wrong"]
    absent = len(statuses) - len(there)
    print(
        f"{len(there) - len(wrong)} of {len(there)} homes that are there load; {absent} are absent.\n"
        "All findings of one: make check-home HOME=config/homes/NAME.yaml DATA=FOLDER; for CASAS add SOURCE=casas.\n"
        "Where the data are, and on what terms: docs/datasets.md. A folder of a home's name is taken for its data."
    )
    if wrong:
        sys.exit(1)


def _row(status: Status, labels: int, root: Path) -> tuple[str, ...]:
    if status.folder is None:
        return (status.home, status.verdict, *[""] * (len(HEAD) - 2))
    folder = status.folder.relative_to(root).as_posix()
    counts = (f"{status.events:,}", f"{status.sessions:,}", f"{status.labels}/{labels}", f"{status.broken:.2%}")
    return (status.home, status.verdict, *counts, folder)


if __name__ == "__main__":
    cli.run(main)
