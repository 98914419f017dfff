"""Cut a dataset's events into windows."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth.common import cli
from hearth.data.cutting import cut_windows, window_settings
from hearth.data.event_files import read_events
from hearth.data.indexed_windows import write_windows
from hearth.data.windows import WINDOW_KINDS


def main(argv: Sequence[str] | None = None) -> None:
    """Write windows.jsonl and the index of its lines."""
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
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl to write")
    parser.add_argument("--index", required=True, type=Path, help="index of windows.jsonl to write (JSON)")
    args = parser.parse_args(argv)

    events, keep_short = read_events(args.events), args.short_windows == "keep"
    cut = cut_windows(events, args.dataset, args.window_size, keep_short, args.window_by, args.window_seconds)
    if not len(cut):
        raise cli.UserError(f"no windows: every session has fewer than {args.window_size} events")
    settings = window_settings(events, args.window_size, keep_short, args.window_by, args.window_seconds)
    index = write_windows(args.windows, args.index, cut, settings)
    print(f"{len(cut)} windows of {len(index['sessions'])} sessions")


if __name__ == "__main__":
    cli.run(main)
