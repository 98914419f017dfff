"""Find the data of shipped homes below a folder, load them, and judge whether a run would accept them."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from hearth.data.events import check_events
from hearth.data.example_leaks import find_moved_copy, find_recorded_rows
from hearth.data.sources.file_search import label_files
from hearth.data.sources.registry import SOURCES, raw_files, read
from hearth.homes.home import Home
from hearth.onboarding.validation import surplus_residents, unused_columns
from hearth.onboarding.verdict import Verdict, tolerated_rows

ABSENT = "absent"
DEPTH = 3  # folders below the data's folder that are looked into
_TRIED = 8  # folders of one home whose files are read, if no folder has its name
_OWN = 0.25  # share of broken rows below which the rows of a folder are a home's own


@dataclass(frozen=True)
class Limits:
    """The largest shares of broken rows, and of broken label rows, that a run accepts."""

    broken: float
    broken_labels: float


@dataclass(frozen=True)
class Status:
    """The data of a home: their folder, None if there is none; counts; and the verdict with what to do about it.

    `labels` is the number of the home's labels that some event has. `broken` is the larger one of the shares of broken
    rows and of broken label rows, or 1 if no event could be read. `others` are further folders with files of the home.
    """

    home: str
    verdict: str
    advice: str = ""
    folder: Path | None = None
    events: int = 0
    sessions: int = 0
    labels: int = 0
    broken: float = 0
    others: tuple[Path, ...] = ()


def source_of(name: str, home: Home) -> str:
    """Return the source that reads a shipped home: one of its name, or else table if columns are named, or casas."""
    if name in SOURCES:
        return name
    return "table" if home.recording.columns or home.recording.wide else "casas"


def find_statuses(root: Path, homes: Mapping[str, Home], limits: Limits) -> Iterator[Status]:
    """Yield the status of each home, by name, whose data are in `root` or in a folder below it.

    They are in the folder of the home's name, of several in the one of most files, or else in the folder whose files,
    named in the home's yaml, it reads best; files in a folder of another home's name are that home's.
    """
    folders = list(_folders(root, DEPTH))
    named = {name: [folder for folder in folders if _plain(folder.name) == name] for name in homes}
    own = {
        name: max(found, key=lambda folder: len(_files(name, homes[name], folder)))
        for name, found in named.items()
        if found
    }
    taken = {path for name, folder in own.items() for path in _files(name, homes[name], folder)}
    for name, home in homes.items():
        if name in own:
            filled = [folder for folder in named[name] if _files(name, home, folder)]
            yield replace(judge(name, home, own[name], limits), others=_apart(own[name], filled))
        else:
            yield _search(name, home, folders, taken, limits)


def judge(name: str, home: Home, folder: Path, limits: Limits) -> Status:
    """Load the data of a home from a folder, and return their status."""
    verdict, source = Verdict(), source_of(name, home)
    try:
        files = raw_files(source, folder, home)
    except ValueError as error:
        return Status(name, ABSENT, str(error))
    try:
        events, report = read(source, folder, home)
        verdict.tolerated += tolerated_rows(report, home, limits.broken, limits.broken_labels)
        if source == "table":
            verdict.tolerated += unused_columns(map(Path, files), label_files(folder, home), home)
        verdict.wrong += report.excesses(limits.broken, limits.broken_labels)
        if events.empty:
            return Status(name, "wrong", "; ".join([*verdict.wrong, "no events"]), folder, broken=1)
        check_events(events, home)
        verdict.tolerated += surplus_residents(events, home)
        verdict.wrong += find_recorded_rows(events, home)
        verdict.tolerated += find_moved_copy(events, home)
    except ValueError as error:
        return Status(name, "wrong", str(error), folder, broken=1)
    findings = [*verdict.wrong, *verdict.tolerated]
    return Status(
        name,
        "wrong" if verdict.wrong else "tolerated" if findings else "clean",
        (findings[0] if findings else "") + (f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""),
        folder,
        len(events),
        events["session"].nunique(),
        events["activity"].nunique(),
        max(report.broken_share, report.broken_label_share),
    )


def _search(name: str, home: Home, folders: Sequence[Path], taken: Set[str], limits: Limits) -> Status:
    """Return the status of a home whose name no folder has: of the folder whose files it reads best, if any.

    Files in `taken` are another home's.
    """
    files = {folder: _files(name, home, folder) for folder in folders}
    found = [folder for folder, paths in files.items() if paths and not taken & set(paths)]
    # Of folders within each other, the inmost one of those with all files.
    found.sort(key=lambda folder: (-len(files[folder]), -len(folder.parts)))
    statuses = [judge(name, home, folder, limits) for folder in found[:_TRIED]]
    best = min(statuses, key=lambda each: (each.verdict == "wrong", each.broken, -each.events), default=None)
    if best is None:
        return Status(name, ABSENT)
    if best.verdict != "wrong" or best.broken < _OWN:
        assert best.folder is not None
        return replace(best, others=_apart(best.folder, [each.folder for each in statuses if each.broken < _OWN]))
    return Status(name, ABSENT, f"{best.folder} has files of its names, but not its rows: {best.advice}")


def _apart(chosen: Path, folders: Sequence[Path | None]) -> tuple[Path, ...]:
    """Return the folders that neither are the chosen one nor hold it, nor are within it."""
    return tuple(
        each for each in folders if each and chosen not in (each, *each.parents) and each not in chosen.parents
    )


def _files(name: str, home: Home, folder: Path) -> list[str]:
    """Return the files of a folder that a home's yaml names; none if some are missing."""
    try:
        return raw_files(source_of(name, home), folder, home)
    except ValueError:
        return []


def _folders(root: Path, depth: int) -> Iterator[Path]:
    """Yield `root` and the folders below it, none of them hidden."""
    yield root
    if depth:
        for path in sorted(root.iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                yield from _folders(path, depth - 1)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
