"""Assign the groups of a dataset to folds, and read the windows of a split: the content and the use of splits.json.

A group is what no split tears apart: a session, or all sessions with one value of a group key. With K folds, K at least
2, every group is tested in one fold and trained on in all others. With one fold, a share of the groups is tested and
the rest is only trained on.

Names of splits: `all` has every window, `test<k>` the windows of fold k, `train<k>` all windows not of fold k.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict, TypeVar

from hearth.common.records import read_record
from hearth.data.windows import Window, iterate_windows

Item = TypeVar("Item")

ALL = "all"
BY_SESSION = "session"  # every session is a group of its own
_SPLIT_NAME = re.compile(r"(test|train)([1-9][0-9]*)")


class SessionSplit(TypedDict):
    """The group of a session, and the fold in which it is tested; None if it is never tested."""

    group: str
    fold: int | None


class SplitDocument(TypedDict):
    """The content of splits.json. Dicts by split have the splits that `split_names` lists."""

    by: str  # key of the groups
    folds: int
    seed: int
    test_fraction: NotRequired[float]  # share of the groups that are tested; absent with several folds, which test all
    window_size: int
    keep_short: bool
    window_by: NotRequired[str]  # absent for windows cut by count
    window_seconds: NotRequired[float | None]  # absent for windows cut by count
    dataset_digest: str
    sessions: dict[str, SessionSplit]
    groups: int
    windows: dict[str, int]
    events: dict[str, int]
    several: NotRequired[dict[str, int]]  # events with several accepted labels; absent if the dataset has none
    digest: str  # digest of all other entries: equal digests mean equal splits of equal events


def assign_folds(groups: Collection[str], folds: int, seed: int, test_fraction: float) -> dict[str, int | None]:
    """Return a dict from each group to the fold in which it is tested, None for never; it keeps the order of `groups`.

    Groups are ordered by the SHA-256 of "<seed>/<group>", so that the order of files changes nothing. With several
    folds they are dealt out in that order, so that the numbers of groups in two folds differ by at most one, and
    `test_fraction` is not used. With one fold the first round(test_fraction * n) of n groups, at least one and at most
    n - 1, are tested.

    Raises ValueError for fewer groups than folds, fewer than two groups, a group listed twice, and a fraction outside
    (0, 1).
    """
    shuffled = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).hexdigest())
    if len(set(groups)) < len(shuffled):
        raise ValueError("a group is listed twice")
    if folds > 1:
        if len(shuffled) < folds:
            raise ValueError(f"{len(shuffled)} group(s) cannot be tested in {folds} folds; lower split.folds")
        fold_of: dict[str, int | None] = {name: position % folds + 1 for position, name in enumerate(shuffled)}
    else:
        if not 0 < test_fraction < 1:
            raise ValueError(f"test fraction is {test_fraction}; it must lie between 0 and 1")
        if len(shuffled) < 2:
            raise ValueError(f"{len(shuffled)} group(s): a split needs at least 2")
        count = min(max(round(test_fraction * len(shuffled)), 1), len(shuffled) - 1)
        fold_of = {name: 1 if position < count else None for position, name in enumerate(shuffled)}
    return {name: fold_of[name] for name in groups}


def split_names(folds: int) -> list[str]:
    """Return the names of all splits of a dataset with this number of folds."""
    return [ALL, *(f"{part}{fold}" for fold in range(1, folds + 1) for part in ("test", "train"))]


def fold_of_split(name: str) -> int:
    """Return the number of the fold of a split; raises ValueError for `all`, which has none, and any other name."""
    match = _SPLIT_NAME.fullmatch(name)
    if not match:
        raise ValueError(f"split {name!r} is not test<k> or train<k>, with a number k from 1")
    return int(match[2])


def train_split(name: str) -> str:
    """Return the split that is trained on where `name` is recognised, `train<k>` for both `test<k>` and `train<k>`."""
    return f"train{fold_of_split(name)}"


def sessions_of_split(splits: SplitDocument, name: str) -> frozenset[str]:
    """Return the sessions of a split. Raises ValueError for a split that the document does not have."""
    return frozenset(names_of_split(splits["sessions"], splits["folds"], name))


def names_of_split(sessions: Mapping[str, SessionSplit], folds: int, name: str) -> list[str]:
    """Return the names of the sessions of a split, in the order of `sessions`; raises as `sessions_of_split`."""
    if name == ALL:
        return list(sessions)
    fold = fold_of_split(name)
    if fold > folds:
        raise ValueError(f"split {name!r} is none of the {folds} fold(s): {', '.join(split_names(folds))}")
    tested = name.startswith("test")
    return [session for session, one in sessions.items() if (one["fold"] == fold) == tested]


def whole_tested_split(folds: int) -> str:
    """Return the split that has every tested window: `all` with several folds."""
    return "test1" if folds == 1 else ALL


def read_splits(path: Path) -> SplitDocument:
    """Read splits.json. Raises ValueError, which names the file and the key at fault."""
    return read_record(path, SplitDocument)


def iterate_split(windows: Path, splits: Path | None, name: str) -> Iterator[Window]:
    """Yield the windows of a split of a windows.jsonl, in file order. The split `all` needs no splits.json.

    Every window of the file is checked. Raises ValueError for another split without `splits` and, naming the file, for
    a window that fails `check_window`, for a session that splits.json lacks, and at the end if there was no window.
    """
    if name == ALL:
        yield from iterate_windows(windows)
        return
    if splits is None:
        raise ValueError(f"split {name}: needs --splits")
    document = read_splits(splits)
    chosen, found = sessions_of_split(document, name), False
    for window in iterate_windows(windows):
        if window["session"] not in document["sessions"]:
            raise ValueError(f"{splits}: has no session {window['session']!r} of {windows}: split the dataset again")
        if window["session"] in chosen:
            found = True
            yield window
    if not found:
        raise ValueError(f"{windows}: no window of split {name!r}")


def read_split(windows: Path, splits: Path | None, name: str) -> list[Window]:
    """Return the windows of a split, as `iterate_split` does."""
    return list(iterate_split(windows, splits, name))


def sample_evenly(windows: Sequence[Item], count: int) -> list[Item]:
    """Return at most `count` of the windows, evenly spaced, in their order."""
    if count >= len(windows):
        return list(windows)
    return [windows[position * len(windows) // count] for position in range(count)]
