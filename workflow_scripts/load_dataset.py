"""Read a raw dataset, and write its events and its card, which counts every row as loaded, broken or skipped."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth.common import cli, files
from hearth.data.dataset_card import dataset_card
from hearth.data.event_files import write_events
from hearth.data.events import check_events
from hearth.data.example_leaks import find_moved_copy, find_recorded_rows
from hearth.data.load_report import broken_forms
from hearth.data.rule_evidence import count_rule_events, rule_warnings
from hearth.data.sources.registry import SOURCES, read
from hearth.homes.home import load_home

FORMS_LISTED = 10


def main(argv: Sequence[str] | None = None) -> None:
    """Load the dataset; write nothing if too many of its rows are broken, or the home's example is a recorded event."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, choices=sorted(SOURCES), help="on-disk format of the raw data")
    parser.add_argument("--root", required=True, type=Path, help="folder of the raw data")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the home that the data come from")
    parser.add_argument("--home-name", help="path of the yaml in messages, if --home is a copy of it")
    parser.add_argument("--max-broken-share", required=True, type=float, help="fail above this share of broken rows")
    parser.add_argument(
        "--max-broken-label-share", required=True, type=float, help="fail above this share of broken label rows"
    )
    parser.add_argument("--simulated", action="store_true", help="mark the data as simulated in the card")
    parser.add_argument("--events", required=True, type=Path, help="events.parquet to write")
    parser.add_argument("--card", required=True, type=Path, help="dataset card (Markdown) to write")
    args = parser.parse_args(argv)

    home = load_home(args.home)
    events, report = read(args.source, args.root, home)
    counts = {"files": report.files, "rows": report.rows, "loaded": report.loaded}
    counts |= {"loaded without an activity in the files": report.unlabelled, "broken": len(report.broken)}
    counts |= {"label rows": report.label_rows, "broken label rows": len(report.broken_labels)}
    for name, count in (counts | dict(sorted(report.skipped.items()))).items():
        print(f"{count:8d}  {name}")
    for form in broken_forms([*report.broken, *report.broken_labels])[:FORMS_LISTED]:
        print(form)
    if excesses := list(report.excesses(args.max_broken_share, args.max_broken_label_share)):
        raise cli.UserError("\n".join(f"{args.root}: {message}" for message in excesses))
    if events.empty:
        raise cli.UserError(f"{args.root}: no events in {report.files} files, {report.rows} rows")
    check_events(events, home)
    evidence = count_rule_events(events, home)
    warnings = rule_warnings(evidence)
    if not args.simulated:  # A simulation follows its home, so that an event like one of the example is chance.
        if recorded := find_recorded_rows(events, home):
            raise cli.UserError("\n".join(f"{args.home_name or args.home}: {message}" for message in recorded))
        warnings += find_moved_copy(events, home)
    report.warnings += warnings
    for warning in report.warnings:
        print(f"warning: {warning}")
    write_events(args.events, events)
    files.write_text(args.card, dataset_card(home, events, report, evidence, args.simulated))


if __name__ == "__main__":
    cli.run(main)
