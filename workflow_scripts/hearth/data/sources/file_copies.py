"""Find event files that are copies of other event files."""

from collections.abc import Iterable
from pathlib import Path

from hearth.common.files import file_digest


def find_copies(paths: Iterable[Path]) -> dict[Path, Path]:
    """Return a dict from each file with the same bytes as a file before it in `paths` to the first such file."""
    first: dict[str, Path] = {}
    copies = {}
    for path in paths:
        digest = file_digest(path)
        if first.setdefault(digest, path) != path:
            copies[path] = first[digest]
    return copies
