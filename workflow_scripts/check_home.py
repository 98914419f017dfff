"""Check a home's yaml against its data, and print the events, split and prompt of a run (`make check-home`)."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hearth.common import cli
from hearth.common.config_schema import setting_default, settings_schema
from hearth.common.files import write_text
from hearth.data.events import check_events
from hearth.data.example_leaks import find_moved_copy, find_recorded_rows
from hearth.data.sources.file_search import label_files
from hearth.data.sources.registry import SOURCES, raw_files, read
from hearth.homes.home import Home, load_home
from hearth.onboarding import validation
from hearth.onboarding.draft.home_draft import draft_home
from hearth.onboarding.draft.home_yaml import drafted_parts
from hearth.onboarding.verdict import Verdict, open_choices, tolerated_rows
from hearth.prompting.prompts import render_prompt, window_text

PROJECT = Path(__file__).resolve().parents[1]
TEMPLATES = PROJECT / "config" / "prompts"
SCHEMAS = PROJECT / "config" / "schemas"
SHOWN_FILES = 10


def show(heading: str, lines: list[str]) -> None:
    """Print a section of the report."""
    print(f"\n{heading}\n{'-' * len(heading)}", *lines, sep="\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Print the report; exit with code 1 if there is a problem."""
    dataset = settings_schema()["datasets"]["additionalProperties"]["properties"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--home", type=Path, help="yaml of the home")
    parser.add_argument("--root", required=True, type=Path, help="folder of the raw data, or one file")
    parser.add_argument("--source", choices=sorted(SOURCES), default="table", help="on-disk format of the raw data")
    parser.add_argument(
        "--draft", action="store_true", help="draft a home's yaml for these files: print it, or write it to --home"
    )
    parser.add_argument(
        "--window-size",
        type=int,
        default=setting_default("windows", "size"),
        help="largest number of events in a window",
    )
    parser.add_argument(
        "--test-fraction",
        type=float,
        default=setting_default("split", "test_fraction"),
        help="share of the groups that are tested with one fold",
    )
    parser.add_argument("--folds", type=int, default=setting_default("split", "folds"), help="number of folds")
    parser.add_argument("--by", default=setting_default("split", "by"), help="key by which sessions are grouped")
    parser.add_argument(
        "--split-seed",
        type=int,
        default=setting_default("split", "seed"),
        help="seed that assigns groups to folds",
    )
    parser.add_argument(
        "--max-broken-share",
        type=float,
        default=dataset["max_broken_share"]["default"],
        help="largest share of broken rows that a run accepts",
    )
    parser.add_argument(
        "--max-broken-label-share",
        type=float,
        default=dataset["max_broken_label_share"]["default"],
        help="largest share of broken label rows that a run accepts",
    )
    parser.add_argument(
        "--models", nargs="*", type=Path, default=[], help="folders of models, to count the prompt's tokens"
    )
    args = parser.parse_args(argv)
    if not args.root.exists():
        raise cli.UserError(f"{args.root}: no such file or folder of data")
    if args.draft:
        draft(args.root, args.home)
        return
    if args.home is None:
        parser.error("--home is needed, or --draft")
    if not args.home.is_file():
        raise cli.UserError(f"{args.home}: no such home; draft one with `make draft-home`")
    verdict = Verdict()
    try:
        check(args, load_home(args.home), verdict)
    except ValueError as error:
        verdict.wrong += str(error).splitlines()
    if not verdict.wrong:
        show("In your config", config_entry(args))
    show("Verdict", verdict.lines())
    if verdict.wrong:
        sys.exit(1)


def draft(root: Path, home: Path | None) -> None:
    """Draft a yaml: write it to the file `home`, which must not exist, or print it if that is None."""
    if home and home.exists():
        raise cli.UserError(f"{home}: exists; a draft does not replace it: delete it, or name another file")
    text = draft_home(root, f"{SCHEMAS}/home.schema.yaml")
    if home is None:
        print(text, end="")
        return
    write_text(home, text)
    print(
        *[line for line in text.splitlines() if line.startswith("#")], f"\n{home} is written", sep="\n", file=sys.stderr
    )


def check(args: argparse.Namespace, home: Home, verdict: Verdict) -> None:
    """Print the sections of the report; add what they show to be wrong, or only tolerated, to `verdict`.

    Raises ValueError for data that cannot be read at all.
    """
    verdict.tolerated += [f"open choice: {choice}" for choice in open_choices(args.home)]
    files = raw_files(args.source, args.root, home)
    show("Files", files[:SHOWN_FILES] + ([f"... {len(files)} in all"] if len(files) > SHOWN_FILES else []))
    events, report = read(args.source, args.root, home)
    show("Rows", validation.row_counts(report))
    if report.broken:
        show("Broken rows", validation.broken_rows(report.broken))
    if report.broken_labels:
        show("Broken rows of label files", validation.broken_rows(report.broken_labels))
    verdict.tolerated += tolerated_rows(report, home, args.max_broken_share, args.max_broken_label_share)
    if args.source == "table":
        verdict.tolerated += validation.unused_columns(map(Path, files), label_files(args.root, home), home)
    verdict.wrong += report.excesses(args.max_broken_share, args.max_broken_label_share)
    if events.empty:
        verdict.wrong.append(f"{args.root}: no events")
        return
    check_events(events, home)
    verdict.tolerated += validation.surplus_residents(events, home)
    for heading, lines in validation.event_sections(events, home):
        show(heading, lines)
    recorded = find_recorded_rows(events, home)
    moved = find_moved_copy(events, home)
    show("Example", recorded or moved or ["none of its events is recorded"])
    verdict.wrong += recorded
    verdict.tolerated += moved
    for part in drafted_parts(home):
        verdict.wrong.append(f"{part}: still the draft's placeholder, which prompts show to models; write your own")
    show("Groups", validation.group_counts(events))
    try:
        windows, lines = validation.split_summary(
            events,
            validation.dataset_name(args.home),
            size=args.window_size,
            by=args.by,
            folds=args.folds,
            test_fraction=args.test_fraction,
            seed=args.split_seed,
        )
    except ValueError as error:
        verdict.wrong.append(f"no split: {error}; set `recording.sessions`, or record more")
        return
    show("Split", lines)
    default = setting_default("prompt", "template")
    templates = sorted(TEMPLATES.glob("*.j2"), key=lambda path: (path.stem != default, path.stem))
    show("Prompt", [render_prompt(home, templates[0], "think")["system"], "", window_text(windows[0])])
    folders = validation.tokenizer_folders(args.models)
    show("Tokens of that prompt", validation.prompt_sizes(home, windows[0], templates, folders))


def config_entry(args: argparse.Namespace) -> list[str]:
    """Return the lines that declare this dataset, and folds if there are several, in a run's config."""
    folds = [f"split: {{folds: {args.folds}, by: {args.by}}}"] if args.folds > 1 else []
    return [
        "datasets:",
        f"  {validation.dataset_name(args.home)}:",
        f"    source: {args.source}",
        f"    home: {args.home}",
        f"    root: {args.root}",
        *folds,
    ]


if __name__ == "__main__":
    cli.run(main)
