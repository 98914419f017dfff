"""The sources by name: how `datasets.<name>.source` of the config finds its loader."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hearth.data.load_report import LoadReport
from hearth.data.sources import casas, marble, mural, table
from hearth.data.sources.file_search import check_folder, unread_files
from hearth.homes.home import Home


@dataclass(frozen=True)
class Source:
    """A raw format: its loader, the files that the loader reads, and what to expect in a folder of the format.

    `reads_recording` says whether the loader finds the labels by the home's `recording`.
    """

    loader: Callable[[Path, Home], tuple[pd.DataFrame, LoadReport]]
    raw_files: Callable[[Path, Home], list[Path]]
    expected: str
    reads_recording: bool = False

    def read(self, root: Path, home: Home) -> tuple[pd.DataFrame, LoadReport]:
        """Return a pair: all events of the folder or file `root`, and the report, which also has the unread files.

        Raises ValueError where the loader does.
        """
        events, report = self.loader(root, home)
        report.unread, others = unread_files(Path(root), self.raw_files(Path(root), home))
        if others:
            shown = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
            report.notes.append(f"{len(others)} hidden files and documents are not read: {shown}")
        return events, report


SOURCES = {
    "marble": Source(marble.read, marble.raw_files, marble.EXPECTED),
    "mural": Source(mural.read, mural.raw_files, mural.EXPECTED),
    "casas": Source(casas.read, casas.raw_files, casas.EXPECTED, reads_recording=True),
    "table": Source(table.read, table.raw_files, table.EXPECTED, reads_recording=True),
}


def raw_files(source: str, root: str | Path, home: Home) -> list[str]:
    """Return the sorted paths of the files of a dataset that its loader reads.

    Raises ValueError for a folder without such files, naming what was expected and where the data comes from.
    """
    if root:
        check_folder(Path(root))
    paths = [str(path) for path in SOURCES[source].raw_files(Path(root), home)] if root else []
    if not paths:
        raise ValueError(f"{root or 'no folder given'}: {SOURCES[source].expected}")
    return sorted(paths)
