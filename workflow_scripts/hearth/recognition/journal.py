"""A journal of finished work: append-only, checked line by line, safe to kill at any moment.

One line holds the items that finished together and a checksum over them. A line that a crash cut off is ignored, so
either all items of a line are in the journal or none is.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from hearth.common.locks import lock_file

log = logging.getLogger(__name__)

FORMAT = 1


class Journal:
    """A context manager that opens and locks the file `<fingerprint>.jsonl` in `folder`.

    `items` is a dict from key to finished item. `fingerprint` identifies everything that decides the items, so other
    settings use another file. One process holds a journal at a time. A second one waits, and then sees the items of the
    first.
    """

    def __init__(self, folder: Path, fingerprint: str):
        self.path = Path(folder) / f"{fingerprint}.jsonl"
        self.items: dict[str, object] = {}

    def __enter__(self) -> "Journal":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        others = sorted(path.name for path in self.path.parent.glob("*.jsonl") if path != self.path)
        if others:
            log.info("journals of other settings, not used: %s", ", ".join(others))
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        lock_file(self._handle, self.path)
        self.items = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)  # this releases the lock too

    def append(self, *batches: Mapping[str, object]) -> None:
        """Add the items of each batch, a dict from key to JSON-able item: all or none. They are then on disk."""
        lines = [json.dumps({"sha256": _checksum(items), "items": items}, allow_nan=False) + "\n" for items in batches]
        unwritten = memoryview("".join(lines).encode("ascii"))
        while unwritten:
            unwritten = unwritten[os.write(self._handle, unwritten) :]
        os.fsync(self._handle)
        for items in batches:
            self.items.update(items)

    def _read(self) -> dict[str, object]:
        items: dict[str, object] = {}
        content = self.path.read_bytes()
        complete = content.rfind(b"\n") + 1
        if complete < len(content):
            log.warning("%s ends in a torn line (%d bytes); dropped", self.path, len(content) - complete)
            os.ftruncate(self._handle, complete)
        for number, line in enumerate(content[:complete].splitlines(), start=1):
            try:
                entry = json.loads(line)
                if entry["sha256"] != _checksum(entry["items"]):
                    raise ValueError("wrong checksum")
                items.update(entry["items"])
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("%s:%d is damaged (%s); its items are done again", self.path, number, error)
        return items


def _checksum(items: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(items, sort_keys=True).encode("ascii")).hexdigest()
