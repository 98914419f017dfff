"""Read a raw data set into events.parquet, and write its card with the account of every row."""

import argparse
from pathlib import Path

from hearth.common import cli, files
from hearth.data import events
from hearth.data.sources import SOURCES
from hearth.homes.home import load_home

PROBLEMS_LISTED = 10


def main(argv=None):
    """Load the data set; write nothing when too many of its rows are broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, choices=sorted(SOURCES), help="on-disk format of the raw data")
    parser.add_argument("--root", required=True, type=Path, help="folder of the raw data")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the home the data were recorded in")
    parser.add_argument("--max-broken-share", required=True, type=float, help="give up above this share of broken rows")
    parser.add_argument("--simulated", action="store_true", help="the data are simulated; the card says so")
    parser.add_argument("--events", required=True, type=Path, help="events.parquet to write")
    parser.add_argument("--card", required=True, type=Path, help="dataset card (Markdown) to write")
    args = parser.parse_args(argv)

    home = load_home(args.home)
    table, report = SOURCES[args.source](args.root, home)
    counts = {"files": report.files, "rows": report.rows, "loaded": report.loaded, "broken": len(report.broken)}
    for name, count in (counts | dict(sorted(report.skipped.items()))).items():
        print(f"{count:8d}  {name}")
    for problem in report.broken[:PROBLEMS_LISTED]:
        print(problem)
    if report.broken_share > args.max_broken_share:
        raise cli.UserError(
            f"{args.root}: {len(report.broken)} of {report.rows} rows are broken, a share of {report.broken_share:.4f} "
            f"(allowed: {args.max_broken_share}), first {report.broken[0]}; mend them, or raise the share allowed"
        )
    if table.empty:
        raise cli.UserError(f"{args.root}: no events in {report.files} files, {report.rows} rows")
    events.check(table, home)
    events.write(args.events, table)
    files.write_text(args.card, events.dataset_card(home, table, report, args.simulated))


if __name__ == "__main__":
    cli.run(main)
