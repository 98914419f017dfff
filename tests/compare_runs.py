#!/usr/bin/env python3
"""Compare the predictions and scores of two runs, to show that a change of the code changes no result.

    tests/compare_runs.py BEFORE AFTER [--rename-key condition=variant] [--rename-path truth=gold-labels] ...

BEFORE and AFTER are the `results` folders of two runs, or the working directories that hold them. Compares
every `all.jsonl` and `parsed.jsonl` in `predictions/` and every JSON file in `scores/`.

Two files are equal if their bytes are equal. Otherwise both are parsed, renamed keys, values and path parts of BEFORE
are mapped to those of AFTER, and keys that describe a run without deciding a result are left out (`LEFT_OUT`). The
rest must be equal: same keys, same strings, and numbers with the same digits (0.1 and 0.10 differ). The order of keys
is ignored, because a renamed key is sorted to another position. The order of lines and of list items must be equal.

Prints one line per kind of file and below it the first difference of every file that differs. The exit status is 0 if
all files are equal, and 1 if a file differs, if a file exists in one run only, or if there is nothing to compare.
"""

import argparse
import itertools
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KINDS = {
    "predictions": "predictions/**/all.jsonl",
    "parsed": "predictions/**/parsed.jsonl",
    "scores": "scores/**/*.json",
}
# Keys that are left out: their values are prose, or identify the code that made the file.
LEFT_OUT = ("notes", "rule", "stand_in", "teacher_stand_in", "commit", "code", "code_digest")


class Number(str):
    """A JSON number as it is written, so that numbers are compared digit by digit."""

    __slots__ = ()

    __repr__ = str.__str__


class Missing:
    """Takes the place of a key or an item that one of two compared values lacks."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


@dataclass(frozen=True)
class Renames:
    """Dicts from names of the first run to names of the second, and the JSON keys to leave out."""

    keys: dict[str, str]
    values: dict[str, str]
    path_parts: dict[str, str]
    left_out: frozenset[str]

    def path(self, path: str) -> str:
        """Return a path with renamed parts. A part is bounded by `/`, `_`, `.` or an end of the path."""
        for old, new in self.path_parts.items():
            path = re.sub(rf"(?<![^/_.]){re.escape(old)}(?![^/_.])", new.replace("\\", r"\\"), path)
        return path

    def tree(self, value: object) -> object:
        """Return a parsed JSON value with renamed keys and string values, without the keys to leave out."""
        if isinstance(value, dict):
            return {self.keys.get(key, key): self.tree(v) for key, v in value.items() if key not in self.left_out}
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        return self.values.get(value, value) if type(value) is str else value


def results_folder(folder: Path) -> Path:
    """Return `folder`/results if it exists, so that `folder` may be the working directory of a run; else `folder`."""
    return folder / "results" if (folder / "results").is_dir() else folder


def parse(path: Path) -> object:
    """Parse a JSON file, or a JSON Lines file as a list. Numbers keep their digits."""

    def loads(text: str) -> object:
        return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)

    text = path.read_text(encoding="utf-8")
    return [loads(line) for line in text.split("\n") if line] if path.suffix == ".jsonl" else loads(text)


def differences(before: object, after: object, place: str = "") -> Iterator[str]:
    """Yield every difference of two JSON values as `place: before != after`.

    `place` is the path to the value: keys and list indices, joined by dots.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        items = [(str(key), before.get(key, MISSING), after.get(key, MISSING)) for key in {**before, **after}]
    elif isinstance(before, list) and isinstance(after, list):
        aligned = itertools.zip_longest(before, after, fillvalue=MISSING)
        items = [(str(at), one, other) for at, (one, other) in enumerate(aligned)]
    else:
        if type(before) is not type(after) or before != after:
            yield f"{place}: {excerpt(before, after)} != {excerpt(after, before)}"
        return
    for name, one, other in items:
        yield from differences(one, other, f"{place}.{name}" if place else name)


def excerpt(value: object, other: object, width: int = 60) -> str:
    """Return a short representation of `value` that shows where it first differs from `other`."""
    text, other_text = repr(value), repr(other)
    start = next((at for at, pair in enumerate(zip(text, other_text, strict=False)) if pair[0] != pair[1]), 0)
    begin = max(0, start - width // 2) if len(text) > width else 0
    return "..." * (begin > 0) + text[begin : begin + width] + "..." * (begin + width < len(text))


@dataclass(frozen=True)
class Comparison:
    """The outcome for one kind of file: numbers of files, and a message for every file that is not equal."""

    common: int
    identical: int
    different: list[str]
    unpaired: list[str]

    def summary(self) -> str:
        """Return a line that gives the numbers of files."""
        equal = self.common - len(self.different)
        return (
            f"{self.common} files compared, {equal} equal ({self.identical} byte for byte), "
            f"{len(self.different)} different, {len(self.unpaired)} in one run only"
        )


def compare(before: Path, after: Path, pattern: str, renames: Renames) -> Comparison:
    """Compare the files that match `pattern` in two results folders."""
    old = {renames.path(path.relative_to(before).as_posix()): path for path in sorted(before.glob(pattern))}
    new = {path.relative_to(after).as_posix(): path for path in sorted(after.glob(pattern))}
    common = sorted(old.keys() & new.keys())
    changed = [name for name in common if old[name].read_bytes() != new[name].read_bytes()]
    different = []
    for name in changed:
        first = next(differences(renames.tree(parse(old[name])), renames.tree(parse(new[name]))), None)
        if first:
            different.append(f"{name}: {first}")
    unpaired = [f"{name}: only in {before if name in old else after}" for name in sorted(old.keys() ^ new.keys())]
    return Comparison(len(common), len(common) - len(changed), different, unpaired)


def pair(text: str) -> tuple[str, str]:
    """Parse OLD=NEW; return (OLD, NEW)."""
    old, separator, new = text.partition("=")
    if not (old and separator and new):
        raise argparse.ArgumentTypeError(f"{text!r} is not OLD=NEW")
    return old, new


def main(argv: list[str] | None = None) -> int:
    """Compare two runs, print the outcome and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="results of the first run")
    parser.add_argument("after", type=Path, help="results of the second run")
    renamed = {
        "--rename-key": "a JSON key",
        "--rename-value": "a JSON string that is a whole value",
        "--rename-path": "a part of file names and folder names",
    }
    for option, what in renamed.items():
        parser.add_argument(
            option,
            type=pair,
            action="append",
            default=[],
            metavar="OLD=NEW",
            help=f"{what} that is called OLD in the first run and NEW in the second; repeatable",
        )
    parser.add_argument(
        "--leave-out", action="append", default=[], metavar="KEY", help="another key to leave out; repeatable"
    )
    arguments = parser.parse_args(argv)
    renames = Renames(
        keys=dict(arguments.rename_key),
        values=dict(arguments.rename_value),
        path_parts=dict(arguments.rename_path),
        left_out=frozenset([*LEFT_OUT, *arguments.leave_out]),
    )
    before, after = results_folder(arguments.before), results_folder(arguments.after)
    comparisons = {kind: compare(before, after, pattern, renames) for kind, pattern in KINDS.items()}
    for kind, comparison in comparisons.items():
        print(f"{kind}: {comparison.summary()}")
        for message in [*comparison.different, *comparison.unpaired]:
            print(f"  {message}")
    if not any(comparison.common for comparison in comparisons.values()):
        print(f"nothing to compare in {before} and {after}")
        return 1
    return int(any(comparison.different or comparison.unpaired for comparison in comparisons.values()))


if __name__ == "__main__":
    sys.exit(main())
