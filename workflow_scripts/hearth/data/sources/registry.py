"""The sources by name: how `datasets.<name>.source` of the config finds its loader."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hearth.data.load_report import LoadReport
from hearth.data.sources import casas, marble, mural, table
from hearth.data.sources.file_search import check_folder, find_files, unread_files, what_is_there
from hearth.homes.home import Home

FILES_SHOWN = 5


@dataclass(frozen=True)
class Source:
    """A raw format: its loader, the files that the loader reads, and what to expect in a folder of the format.

    `recording_keys` are the keys of the home's `recording` that the loader uses, with dots for keys within keys; None
    stands for all.
    """

    loader: Callable[[Path, Home], tuple[pd.DataFrame, LoadReport]]
    raw_files: Callable[[Path, Home], list[Path]]
    expected: str
    recording_keys: frozenset[str] | None = frozenset()

    @property
    def reads_recording(self) -> bool:
        """Whether the loader finds the labels by the home's `recording`."""
        return self.recording_keys != frozenset()

    def read(self, root: Path, home: Home) -> tuple[pd.DataFrame, LoadReport]:
        """Return a pair: all events of the folder or file `root`, and the report, which also has the unread files.

        Raises ValueError where the loader does.
        """
        events, report = self.loader(root, home)
        report.unread, others = unread_files(Path(root), self.raw_files(Path(root), home))
        report.unread = _without_ignored(Path(root), home, report)
        if others:
            shown = ", ".join(others[:FILES_SHOWN]) + (", ..." if len(others) > FILES_SHOWN else "")
            report.notes.append(f"{len(others)} hidden files, documents and files of runs are not read: {shown}")
        report.warnings += _resident_warnings(events, home)
        return events, report


def _without_ignored(root: Path, home: Home, report: LoadReport) -> list[str]:
    """Return the unread files that do not match a pattern of `recording.ignored_files`; note the number of others."""
    patterns = home.recording.ignored_files
    if not patterns or not root.is_dir():
        return report.unread
    ignored = {path.relative_to(root).as_posix() for path in find_files(root, patterns)}
    rest = [name for name in report.unread if name not in ignored]
    report.notes.append(f"{len(report.unread) - len(rest)} files are left unread (ignored_files)")
    return rest


SOURCES = {
    "marble": Source(marble.read, marble.raw_files, marble.EXPECTED),
    "mural": Source(mural.read, mural.raw_files, mural.EXPECTED),
    "casas": Source(casas.read, casas.raw_files, casas.EXPECTED, casas.RECORDING_KEYS),
    "table": Source(table.read, table.raw_files, table.EXPECTED, recording_keys=None),
}


def read(source: str, root: Path, home: Home) -> tuple[pd.DataFrame, LoadReport]:
    """Return a pair: all events of a dataset, and the loader's report.

    Raises ValueError where the loader does, and for keys of the home's `recording` that it does not use.
    """
    check_recording(source, home)
    return SOURCES[source].read(root, home)


def check_recording(source: str, home: Home) -> None:
    """Raise ValueError for the keys of the home's `recording` that the source does not use."""
    used = SOURCES[source].recording_keys
    if used is None:
        return
    if unused := sorted(home.recording.keys - used):
        keys = ", ".join(f"recording.{key}" for key in unused)
        others = "; `source: table` uses all keys" if used else ""
        raise ValueError(f"home {home.name}: {keys}: not used by `source: {source}`; remove the key{others}")


def _resident_warnings(events: pd.DataFrame, home: Home) -> list[str]:
    """Return a warning if a home of one resident has events of several."""
    if home.residents != "one":
        return []
    named = sorted({name for names in events["residents"] for name in names})
    if len(named) < 2:
        return []
    shown = ", ".join(map(repr, named[:5])) + (", ..." if len(named) > 5 else "")
    return [f"the home says `residents: one`, but events name {len(named)}: {shown}; prompts would speak of one"]


def raw_files(source: str, root: str | Path, home: Home) -> list[str]:
    """Return the sorted paths of the files of a dataset that its loader reads.

    Raises ValueError for a folder without such files, naming what was expected and where the data comes from, and for
    keys of the home's `recording` that the loader does not use.
    """
    check_recording(source, home)
    if root:
        try:
            check_folder(Path(root))
        except ValueError as error:
            raise ValueError(f"{error}; {SOURCES[source].expected}") from None
    paths = [str(path) for path in SOURCES[source].raw_files(Path(root), home)] if root else []
    if not paths:
        found = what_is_there(Path(root)) if root else ""
        raise ValueError(f"{root or 'no folder given'}: {SOURCES[source].expected}{found}")
    return sorted(paths)
