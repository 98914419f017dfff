"""Cut a dataset's events into windows, and split them by session."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth.common import cli, files
from hearth.data.event_files import read_events
from hearth.data.folds import cut_and_split
from hearth.data.indexed_windows import write_windows
from hearth.data.windows import SPLITS, WINDOW_KINDS


def main(argv: Sequence[str] | None = None) -> None:
    """Write windows.jsonl, the index of its lines, and splits.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="name of the dataset")
    parser.add_argument("--events", required=True, type=Path, help="events.parquet to read")
    parser.add_argument("--window-size", required=True, type=int, help="largest number of events in a window")
    parser.add_argument(
        "--window-by",
        choices=WINDOW_KINDS,
        default="count",
        help="what ends a window before it is full: nothing (count), its duration (time) or a pause (gap)",
    )
    parser.add_argument(
        "--window-seconds", type=float, help="longest duration (by time) or longest pause (by gap) of a window"
    )
    parser.add_argument(
        "--short-windows",
        required=True,
        choices=["keep", "drop"],
        help="whether a session's last window is kept when it is short",
    )
    parser.add_argument("--test-fraction", required=True, type=float, help="share of the sessions in the test split")
    parser.add_argument("--split-seed", required=True, type=int, help="seed that selects the test sessions")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl to write")
    parser.add_argument("--index", required=True, type=Path, help="index of windows.jsonl to write (JSON)")
    parser.add_argument("--splits", required=True, type=Path, help="splits.json to write")
    args = parser.parse_args(argv)

    windows, document = cut_and_split(
        read_events(args.events),
        args.dataset,
        size=args.window_size,
        keep_short=args.short_windows == "keep",
        test_fraction=args.test_fraction,
        seed=args.split_seed,
        by=args.window_by,
        seconds=args.window_seconds,
    )
    write_windows(args.windows, args.index, windows)
    files.write_json(args.splits, document)
    for split in SPLITS:
        print(
            f"{split}: {len(document['sessions'][split])} sessions, {document['windows'][split]} windows, "
            f"{document['events'][split]} events"
        )


if __name__ == "__main__":
    cli.run(main)
