"""Split the sessions of a dataset into folds by their groups."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth.common import cli, files
from hearth.common.config_schema import setting_default
from hearth.data.indexed_windows import read_index
from hearth.data.splitting import counts_of_index, make_splits, read_groups


def main(argv: Sequence[str] | None = None) -> None:
    """Write splits.json, and the numbers of windows of every split alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="name of the dataset in messages")
    parser.add_argument("--events", required=True, type=Path, help="events.parquet to read")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl, cut from these events")
    parser.add_argument("--index", required=True, type=Path, help="index of windows.jsonl")
    parser.add_argument("--by", required=True, help="group key: session, or a key of the events")
    parser.add_argument("--folds", required=True, type=int, help="number of folds; 1: test a share of the groups")
    parser.add_argument("--seed", required=True, type=int, help="seed that assigns groups to folds")
    parser.add_argument(
        "--test-fraction",
        type=float,
        default=setting_default("split", "test_fraction"),
        help="with one fold, share of the tested groups",
    )
    parser.add_argument("--splits", required=True, type=Path, help="splits.json to write")
    parser.add_argument("--sizes", required=True, type=Path, help="numbers of windows to write (JSON)")
    args = parser.parse_args(argv)

    index = read_index(args.windows, args.index)
    try:
        document = make_splits(
            read_groups(args.events, args.by),
            counts_of_index(index),
            index["settings"],
            by=args.by,
            folds=args.folds,
            seed=args.seed,
            test_fraction=args.test_fraction,
        )
    except ValueError as error:
        raise cli.UserError(f"dataset {args.dataset}: {error}") from None
    files.write_json(args.splits, document)
    files.write_json(args.sizes, document["windows"])
    print(f"{document['groups']} groups by {args.by}, {len(document['sessions'])} sessions")
    for split, windows in document["windows"].items():
        print(f"{split}: {windows} windows, {document['events'][split]} events")


if __name__ == "__main__":
    cli.run(main)
