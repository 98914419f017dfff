"""Write windows.jsonl with an index of its lines, and read some windows of a split without reading the others."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NotRequired, TypedDict

from hearth.common import files
from hearth.common.records import read_record
from hearth.data.folds import ALL, SplitDocument, sessions_of_split
from hearth.data.shards import Shard
from hearth.data.windows import Window, check_window


class SessionIndex(TypedDict):
    """The positions in bytes of the windows of a session, in order, and the numbers of its windows' events."""

    offsets: list[int]
    events: int
    several: NotRequired[int]  # events with several accepted labels; absent if the dataset has none


class WindowSettings(TypedDict):
    """The settings by which windows were cut, with the digest of the events that they were cut from."""

    window_size: int
    keep_short: bool
    window_by: NotRequired[str]  # absent for windows cut by count
    window_seconds: NotRequired[float | None]  # absent for windows cut by count
    dataset_digest: str


class WindowIndex(TypedDict):
    """The content of the index of a windows.jsonl; `bytes` is the size of that file. Sessions are in file order."""

    bytes: int
    settings: WindowSettings
    sessions: dict[str, SessionIndex]


def write_windows(path: Path, index: Path, windows: Iterable[Window], settings: WindowSettings) -> WindowIndex:
    """Write windows, each checked, as windows.jsonl, and the index of its lines; return the index."""
    sessions: dict[str, SessionIndex] = {}
    with files.replacing(path) as temporary, open(temporary, "wb") as lines:
        for window in windows:
            own = sessions.setdefault(window["session"], {"offsets": [], "events": 0})
            own["offsets"].append(lines.tell())
            own["events"] += len(window["events"])
            if (several := count_several(window)) is not None:
                own["several"] = own.get("several", 0) + several
            lines.write(files.json_line(check_window(window)))
        size = lines.tell()
    document: WindowIndex = {"bytes": size, "settings": settings, "sessions": sessions}
    files.write_json_lines(index, [document])
    return document


def count_several(window: Window) -> int | None:
    """Return the number of events of a window with several accepted labels; None if the dataset has none."""
    return sum(len(labels) > 1 for labels in window["gold_any"]) if "gold_any" in window else None


def read_index(path: Path, index: Path) -> WindowIndex:
    """Read an index. Raises ValueError, naming the file, if it is not the index of the windows.jsonl `path`."""
    document = read_record(index, WindowIndex)
    if document["bytes"] != os.path.getsize(path):
        raise ValueError(f"{index}: not the index of {path}, which was changed; cut the windows again")
    return document


class IndexedWindows:
    """Read windows of a windows.jsonl by their positions in a split."""

    def __init__(self, path: Path, index: Path, splits: SplitDocument | None = None):
        """Read the index, as `read_index` does. Without `splits`, `all` is the only split."""
        self._path, self._sessions, self._splits = path, read_index(path, index)["sessions"], splits
        self._offsets: dict[str, list[int]] = {}

    def count(self, split: str) -> int:
        """Return the number of windows in a split."""
        return len(self._offsets_of(split))

    def read(self, split: str, shard: Shard | None = None) -> list[Window]:
        """Return the windows of a shard of `split`, or of all the split, as `iterate` does."""
        return list(self.iterate(split, shard))

    def iterate(self, split: str, shard: Shard | None = None) -> Iterator[Window]:
        """Yield the windows of a shard of `split`, or of all the split, in file order.

        Raises ValueError for a shard that reaches beyond the split and, naming the file, for a window that fails
        `check_window` or is not the one that the index expects.
        """
        offsets = self._offsets_of(split)
        shard = shard or Shard(0, len(offsets) - 1)
        if shard.last >= len(offsets):
            raise ValueError(f"shard {shard.name} reaches beyond the {len(offsets)} windows of split {split}")
        sessions = self._sessions if split == ALL else self._sessions_of(split)
        with open(self._path, "rb") as lines:
            for offset in offsets[shard.first : shard.last + 1]:
                lines.seek(offset)
                try:
                    window = check_window(json.loads(lines.readline()))
                except ValueError as error:
                    raise ValueError(f"{self._path}: byte {offset}: {error}") from None
                if window["session"] not in sessions:
                    raise ValueError(f"{self._path}: byte {offset}: not a window of split {split}")
                yield window

    def _offsets_of(self, split: str) -> list[int]:
        if split not in self._offsets:
            names = self._sessions if split == ALL else self._sessions_of(split)
            parts = (own["offsets"] for name, own in self._sessions.items() if name in names)
            self._offsets[split] = sorted(offset for part in parts for offset in part)
        return self._offsets[split]

    def _sessions_of(self, split: str) -> frozenset[str]:
        if self._splits is None:
            raise ValueError(f"split {split}: needs splits.json")
        if not self._sessions.keys() <= self._splits["sessions"].keys():
            raise ValueError(f"{self._path}: has sessions that splits.json lacks; run the rule `split_dataset` again")
        return sessions_of_split(self._splits, split)
