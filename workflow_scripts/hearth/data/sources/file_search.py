"""Find the files of a data folder that a loader reads, and those that nothing reads."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from hearth.data.events import natural_key
from hearth.homes.home import Home

_DOCUMENTS = ("readme", "license", "licence", "changelog", "citation")
_PACKED = (".xlsx", ".xls", ".ods", ".gz", ".zip", ".tar", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_DOCUMENT_SUFFIXES = (".md", ".pdf", ".html", ".rst", ".docx")
_SETTING_SUFFIXES = (".yaml", ".yml")
# Folders that a run writes into the folder in which it is started, and what tells such a folder.
_RUN_FOLDERS = (".snakemake", "results", "work", "logs", "benchmarks")
_RUN_MARKS = (".snakemake", "results/datasets")


def find_files(root: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the files below `root` that match a pattern, in natural order.

    A pattern finds no yaml and nothing that runs wrote, so that a home and its runs may lie beside its data; a plain
    name finds both. Raises ValueError for a pattern that leads out of `root`.
    """
    for pattern in patterns:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise ValueError(f"recording: files: {pattern!r} leads out of the data's folder")
    found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    return _sorted(
        path for path in found if path.relative_to(root).as_posix() in patterns or not is_of_runs(path, root)
    )


def label_files(root: Path, home: Home) -> list[Path]:
    """Return the files of `recording.intervals` below `root`, in natural order; `root` may be one event file."""
    root = Path(root)
    patterns = home.recording.intervals.files if home.recording.intervals else ()
    return find_files(root if root.is_dir() else root.parent, patterns)


def find_by_suffix(root: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files below `root` with one of `suffixes` in any letter case, in natural order.

    None is hidden or written by a run.
    """
    return _sorted(
        path
        for path in _all_files(root)
        if path.suffix.lower() in suffixes and not _is_hidden(path, root) and not is_of_runs(path, root)
    )


def is_of_runs(path: Path, root: Path) -> bool:
    """Return whether a file below `root` is settings in YAML, or in a folder that runs write."""
    return path.suffix.lower() in _SETTING_SUFFIXES or run_folder(path, root) is not None


def run_folder(path: Path, root: Path) -> str | None:
    """Return the folder, relative to `root`, that runs write and that holds `path`; None if there is none."""
    parts = path.relative_to(root).parts
    for at, part in enumerate(parts[:-1]):
        if part in _RUN_FOLDERS and any(Path(root, *parts[:at], mark).is_dir() for mark in _RUN_MARKS):
            return Path(*parts[: at + 1]).as_posix()
    return None


def check_folder(root: Path) -> None:
    """Raise ValueError if `root` is neither a folder nor a file."""
    if not root.exists():
        kind = "a link to nothing" if root.is_symlink() else "no such folder or file"
        parent = next((each for each in root.absolute().parents if each.is_dir()), None)
        near = sorted(each.name for each in parent.iterdir() if each.is_dir())[:8] if parent else []
        beside = f"; {parent} has the folders {', '.join(near)}" if near else ""
        raise ValueError(f"{root}: {kind}{beside}")


def unread_files(root: Path, read: Iterable[Path]) -> tuple[list[str], list[str]]:
    """Return the files below the folder `root` that are not in `read`, relative to it, in natural order.

    The first list has those that may hold data, and folders that are links, which nothing follows; the second has
    hidden files, documents such as READMEs, and settings and files of runs. A `root` that is a file has none.
    """
    known = {path.absolute() for path in read}
    data: list[str] = []
    others: list[str] = []
    for path in _sorted(each for each in _all_files(root) if each.absolute() not in known):
        name = path.relative_to(root).as_posix()
        is_other = path.name.lower().startswith(_DOCUMENTS) or path.suffix.lower() in _DOCUMENT_SUFFIXES
        (others if is_other or _is_hidden(path, root) or is_of_runs(path, root) else data).append(name)
    return data, others


def what_is_there(root: Path) -> str:
    """Return a clause on the files that the folder `root` holds, for an error that says what was expected."""
    data, _ = unread_files(root, [])
    more = f" and {len(data) - 5} more" if len(data) > 5 else ""
    packed = any(name.lower().endswith(_PACKED) for name in data)
    remedy = "; spreadsheets are to be saved as CSV, archives to be unpacked" if packed else ""
    return f"; it holds {', '.join(data[:5])}{more}{remedy}" if data else "; it holds no files of data"


def _all_files(root: Path) -> Iterable[Path]:
    """Yield the files below the folder `root`, and the links to folders, which are not followed."""
    for folder, folders, files in os.walk(root):
        yield from (Path(folder, name) for name in files)
        yield from (Path(folder, name) for name in folders if Path(folder, name).is_symlink())


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.relative_to(root).parts)


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: natural_key(path.as_posix()))
