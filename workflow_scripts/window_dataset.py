"""Cut a data set's events into windows, split them by session, and name the shards of each split."""

import argparse
from pathlib import Path

from hearth.common import cli, files
from hearth.data import events
from hearth.data.folds import cut_and_split
from hearth.data.windows import SPLITS, WINDOW_KINDS, check_window, shard_names


def main(argv=None):
    """Write windows.jsonl, splits.json and shards.json; the shard size decides only the last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--events", required=True, type=Path, help="events.parquet to read")
    parser.add_argument("--window-size", required=True, type=int, help="most events in a window")
    parser.add_argument("--window-by", choices=WINDOW_KINDS, default="count", help="what ends a window")
    parser.add_argument("--window-seconds", type=float, help="for windows by time or by gap")
    parser.add_argument(
        "--short-windows",
        required=True,
        choices=["keep", "drop"],
        help="what becomes of a session's last, short window",
    )
    parser.add_argument("--test-fraction", required=True, type=float, help="share of the sessions to test on")
    parser.add_argument("--split-seed", required=True, type=int, help="decides which sessions these are")
    parser.add_argument("--shard-size", required=True, type=int, help="windows in a shard")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl to write")
    parser.add_argument("--splits", required=True, type=Path, help="splits.json to write")
    parser.add_argument("--shards", required=True, type=Path, help="shards.json to write")
    args = parser.parse_args(argv)

    cut, splits = cut_and_split(
        events.read(args.events),
        args.dataset,
        size=args.window_size,
        keep_short=args.short_windows == "keep",
        test_fraction=args.test_fraction,
        seed=args.split_seed,
        by=args.window_by,
        seconds=args.window_seconds,
    )
    shards = {split: shard_names(count, args.shard_size) for split, count in splits["windows"].items()}
    files.write_json_lines(args.windows, map(check_window, cut))
    files.write_json(args.splits, splits)
    files.write_json(args.shards, shards)
    for split in SPLITS:
        print(
            f"{split}: {len(splits['sessions'][split])} sessions, {splits['windows'][split]} windows, "
            f"{splits['events'][split]} events, {len(shards[split])} shards"
        )


if __name__ == "__main__":
    cli.run(main)
