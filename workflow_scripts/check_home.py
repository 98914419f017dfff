"""Check a home's yaml against its data, and show what a run would make of them: `make check-home`."""

import argparse
import sys
from pathlib import Path

from hearth.common import cli
from hearth.data import events
from hearth.data.sources import SOURCES, raw_files, tabular
from hearth.homes.home import Home, load_home
from hearth.onboarding import validation
from hearth.onboarding.scaffold import draft
from hearth.prompting.prompts import render_prompt, window_text

PROJECT = Path(__file__).resolve().parents[1]
TEMPLATES = PROJECT / "config" / "prompts"


def show(heading: str, lines: list[str]) -> None:
    """A section of the report."""
    print(f"\n{heading}\n{'-' * len(heading)}", *lines, sep="\n")


def main(argv=None):
    """Print the report; exit code 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="yaml of the home")
    parser.add_argument("--root", required=True, type=Path, help="folder of the raw data, or one file")
    parser.add_argument("--source", choices=sorted(SOURCES), default="table", help="on-disk format of the raw data")
    parser.add_argument("--draft", action="store_true", help="print a first yaml made from tables that none describes")
    parser.add_argument("--window-size", type=int, default=10, help="events in a window")
    parser.add_argument("--test-fraction", type=float, default=0.3, help="share of the sessions to test on")
    parser.add_argument("--split-seed", type=int, default=0, help="decides which sessions these are")
    parser.add_argument("--max-broken-share", type=float, default=0.02, help="broken rows that a run puts up with")
    parser.add_argument("--models", nargs="*", type=Path, default=[], help="folders of models, for counts of tokens")
    args = parser.parse_args(argv)
    if not args.root.exists():
        raise cli.UserError(f"{args.root}: no such file or folder of data")
    if args.draft:
        print(draft(tables(args.root), str(args.root), f"{PROJECT}/config/schemas/home.schema.yaml"), end="")
        return
    if args.home is None:
        parser.error("--home is needed, or --draft")
    wrong = check(args, load_home(args.home))
    show("Verdict", wrong or ["nothing wrong. In your config:", *entry(args)])
    if wrong:
        sys.exit(1)


def tables(root: Path) -> list[Path]:
    """The tables at `root`; a UserError where there are none."""
    found = [root] if root.is_file() else sorted(p for s in tabular.SUFFIXES for p in root.rglob(f"*{s}"))
    if not found:
        raise cli.UserError(f"{root}: no {', '.join(tabular.SUFFIXES)} file to make a draft from")
    return found


def check(args: argparse.Namespace, home: Home) -> list[str]:
    """Show what there is to see; what is wrong."""
    files = raw_files(args.source, args.root, home)
    show("Files", files[: validation.SHOWN_SESSIONS] + ([f"... {len(files)} in all"] if len(files) > 10 else []))
    table, report = SOURCES[args.source](args.root, home)
    show("Account", validation.account(report))
    wrong = []
    if report.broken:
        show("Broken rows", validation.faults(report))
    if report.broken_share > args.max_broken_share:
        wrong.append(
            f"{len(report.broken)} of {report.rows} rows are broken, more than a run puts up with "
            f"(max_broken_share {args.max_broken_share}): mend what is listed under Broken rows"
        )
    if table.empty:
        return [*wrong, f"{args.root}: no events"]
    events.check(table, home)
    for heading, lines in validation.sections(table, home):
        show(heading, lines)
    settings = {"size": args.window_size, "keep_short": True, "test_fraction": args.test_fraction}
    try:
        cut, lines = validation.split(table, validation.dataset_name(args.home), settings | {"seed": args.split_seed})
    except ValueError as error:
        return [*wrong, f"no split: {error}; set `recording.sessions`, or record more"]
    show("Split", lines)
    templates = sorted(TEMPLATES.glob("*.j2"), reverse=True)
    show("Prompt", [render_prompt(home, templates[0], "think")["system"], "", window_text(cut[0])])
    show("Tokens of that prompt", validation.tokens(home, cut[0], templates, validation.tokenizers(args.models)))
    return wrong


def entry(args: argparse.Namespace) -> list[str]:
    """What a run's config says of this data set."""
    return [
        "datasets:",
        f"  {validation.dataset_name(args.home)}:",
        f"    source: {args.source}",
        f"    home: {args.home}",
        f"    root: {args.root}",
    ]


if __name__ == "__main__":
    cli.run(main)
