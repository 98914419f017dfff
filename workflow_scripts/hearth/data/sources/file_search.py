"""Find the files of a data folder that a home's `recording` names."""

from collections.abc import Sequence
from pathlib import Path

from hearth.data.events import natural_key
from hearth.homes.home import Home


def find_files(root: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the files below `root` that match a pattern, in natural order.

    Raises ValueError for a pattern that leads out of `root`.
    """
    for pattern in patterns:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise ValueError(f"recording: files: {pattern!r} leads out of the data's folder")
    paths = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    return sorted(paths, key=lambda path: natural_key(path.as_posix()))


def label_files(root: Path, home: Home) -> list[Path]:
    """Return the files of `recording.intervals` below `root`, in natural order; `root` may be one event file."""
    root = Path(root)
    patterns = home.recording.intervals.files if home.recording.intervals else ()
    return find_files(root if root.is_dir() else root.parent, patterns)
