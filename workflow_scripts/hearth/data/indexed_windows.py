"""Write windows.jsonl with an index of its lines, and read some windows of a split without reading the others.

The index is a JSON object: "bytes" is the size of windows.jsonl, "offsets" has for each split the positions in bytes of
its windows, in order.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypedDict

from hearth.common import files
from hearth.common.records import read_record
from hearth.data.shards import Shard
from hearth.data.windows import SPLITS, Split, Window, check_window


class WindowIndex(TypedDict):
    """The content of the index of a windows.jsonl."""

    bytes: int
    offsets: dict[Split, list[int]]


def write_windows(path: Path, index: Path, windows: Iterable[Window]) -> None:
    """Write windows, each checked, as windows.jsonl, and the index of its lines."""
    offsets: dict[Split, list[int]] = {split: [] for split in SPLITS}
    with files.replacing(path) as temporary, open(temporary, "wb") as lines:
        for window in windows:
            offsets[window["split"]].append(lines.tell())
            lines.write(files.json_line(check_window(window)))
        size = lines.tell()
    files.write_json_lines(index, [{"bytes": size, "offsets": offsets}])


class IndexedWindows:
    """Read windows of a windows.jsonl by their positions in a split."""

    def __init__(self, path: Path, index: Path):
        """Read the index. Raises ValueError, naming the file, if it is not the index of the file `path`."""
        self._path, document = path, read_record(index, WindowIndex)
        self._offsets = document["offsets"]
        if document["bytes"] != os.path.getsize(path):
            raise ValueError(f"{index}: not the index of {path}, which was changed; cut the windows again")

    def count(self, split: Split) -> int:
        """Return the number of windows in a split."""
        return len(self._offsets[split])

    def read(self, split: Split, shard: Shard | None = None) -> list[Window]:
        """Return the windows of a shard of `split`, or of all the split, as `iterate` does."""
        return list(self.iterate(split, shard))

    def iterate(self, split: Split, shard: Shard | None = None) -> Iterator[Window]:
        """Yield the windows of a shard of `split`, or of all the split.

        Raises ValueError for a shard that reaches beyond the split and, naming the file, for a window that fails
        `check_window` or is not in the split.
        """
        shard = shard or Shard(0, self.count(split) - 1)
        if shard.last >= self.count(split):
            raise ValueError(f"shard {shard.name} reaches beyond the {self.count(split)} windows of the {split} split")
        with open(self._path, "rb") as lines:
            for offset in self._offsets[split][shard.first : shard.last + 1]:
                lines.seek(offset)
                try:
                    window = check_window(json.loads(lines.readline()))
                except ValueError as error:
                    raise ValueError(f"{self._path}: byte {offset}: {error}") from None
                if window["split"] != split:
                    raise ValueError(f"{self._path}: byte {offset}: not a window of the {split} split")
                yield window
