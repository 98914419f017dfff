"""Split the sessions of a dataset into train and test, and make the content of splits.json."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NotRequired, TypedDict

import numpy as np
import pandas as pd

from hearth.common import files
from hearth.data.cutting import CutWindows, cut_windows
from hearth.data.event_files import digest_events
from hearth.data.events import ALTERNATIVES
from hearth.data.windows import SPLITS, Split, Window


class SplitDocument(TypedDict):
    """The content of splits.json."""

    rule: str
    test_fraction: float
    seed: int
    window_size: int
    keep_short: bool
    window_by: NotRequired[str]  # absent for windows cut by count
    window_seconds: NotRequired[float | None]  # absent for windows cut by count
    dataset_digest: str
    sessions: dict[Split, list[str]]
    windows: dict[Split, int]
    events: dict[Split, int]
    several: NotRequired[dict[Split, int]]  # events with several accepted labels; absent if the dataset has none
    digest: str  # digest of all other entries: equal digests mean equal splits of equal events


class SplitWindows:
    """A sequence of the windows of a dataset with their split, which builds each window on access."""

    def __init__(self, windows: CutWindows, sessions: Mapping[Split, Sequence[str]]):
        """`sessions` is a dict from each split to the names of its sessions."""
        self._windows = windows
        self._split_of = {session: split for split, names in sessions.items() for session in names}

    def __len__(self) -> int:
        return len(self._windows)

    def __iter__(self) -> Iterator[Window]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, position: int) -> Window:
        cut = self._windows[position]
        window: Window = {
            "window_id": cut["window_id"],
            "dataset": cut["dataset"],
            "session": cut["session"],
            "index": cut["index"],
            "split": self._split_of[cut["session"]],
            "events": cut["events"],
            "gold": cut["gold"],
            "residents": cut["residents"],
        }
        if "gold_any" in cut:
            window["gold_any"] = cut["gold_any"]
        return window

    def count_events(self, mask: np.ndarray) -> dict[Split, np.ndarray]:
        """Return a dict from each split to an array: for each window the number of its events that `mask` selects.

        `mask` has a bool for each event of the table.
        """
        codes, names = self._windows.sessions()
        splits = np.array([self._split_of[name] for name in names])[codes]
        counts = self._windows.count_events(mask)
        return {split: counts[splits == split] for split in SPLITS}


def split_sessions(sessions: Sequence[str], test_fraction: float, seed: int) -> dict[Split, list[str]]:
    """Return a dict from each split to its sessions, in their order in `sessions`.

    The assignment of a session to a split does not depend on that order.

    To choose the test split, n sessions are ordered by the SHA-256 of "<seed>/<session>". The first
    round(test_fraction * n) of them, at least one and at most n - 1, are the test split.

    Raises ValueError for fewer than two sessions, a session listed twice, and a fraction outside (0, 1).
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"test fraction is {test_fraction}; it must lie between 0 and 1")
    if len(sessions) < 2:
        raise ValueError(f"{len(sessions)} session(s): a split by session needs at least 2")
    if len(set(sessions)) < len(sessions):
        raise ValueError("a session is listed twice")
    count = min(max(round(test_fraction * len(sessions)), 1), len(sessions) - 1)
    tested = set(sorted(sessions, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).hexdigest())[:count])
    return {
        "train": [session for session in sessions if session not in tested],
        "test": [session for session in sessions if session in tested],
    }


def cut_and_split(
    events: pd.DataFrame,
    dataset: str,
    *,
    size: int,
    keep_short: bool,
    test_fraction: float,
    seed: int,
    by: str = "count",
    seconds: float | None = None,
) -> tuple[SplitWindows, SplitDocument]:
    """Return the windows of a dataset with their split, and the content of splits.json.

    Sessions are split before they are cut, so window kind and size do not change which sessions are tested. See
    `cut_windows` and `split_sessions` for the settings. Raises ValueError when a split has no windows.
    """
    sessions = split_sessions(events["session"].unique().tolist(), test_fraction, seed)
    windows = SplitWindows(cut_windows(events, dataset, size, keep_short, by, seconds), sessions)
    lengths = windows.count_events(np.ones(len(events), dtype=bool))
    for split in SPLITS:
        if not len(lengths[split]):
            raise ValueError(f"the {split} split has no windows: its sessions have fewer than {size} events each")
    document: SplitDocument = {
        "rule": "by session",
        "test_fraction": test_fraction,
        "seed": seed,
        "window_size": size,
        "keep_short": keep_short,
        "dataset_digest": digest_events(events),
        "sessions": sessions,
        "windows": {split: len(lengths[split]) for split in SPLITS},
        "events": {split: int(lengths[split].sum()) for split in SPLITS},
        "digest": "",
    }
    if by != "count":
        document |= {"window_by": by, "window_seconds": seconds}
    if ALTERNATIVES in events:
        accepted = events[ALTERNATIVES]
        ambiguous = np.fromiter((len(labels) > 1 for labels in accepted), bool, len(events))
        counts = windows.count_events(ambiguous)
        document["several"] = {split: int(counts[split].sum()) for split in SPLITS}
    document["digest"] = files.digest({key: value for key, value in document.items() if key != "digest"})
    return windows, document
