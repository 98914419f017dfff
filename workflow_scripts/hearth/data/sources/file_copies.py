"""Event files that are copies of each other."""

from collections.abc import Iterable
from pathlib import Path

from hearth.common.files import file_digest


def find_copies(paths: Iterable[Path]) -> dict[Path, Path]:
    """Map each file that has the bytes of an earlier one to that earlier file."""
    first: dict[str, Path] = {}
    copies = {}
    for path in paths:
        digest = file_digest(path)
        if first.setdefault(digest, path) != path:
            copies[path] = first[digest]
    return copies
