"""CASAS (Washington State University; Cook et al.), the classic format: raw files to events.

    2008-11-10 14:28:17.986759 M22 ON                      nobody's, or in an activity that has begun
    2008-11-10 14:28:17.986759 M22 ON Sleeping begin       an activity begins (ends); R1_Sleeping, or R1 Sleeping, of R1
    2008-11-10 14:28:17.986759 M22 ON Sleeping             a label
    2008-11-10 14:28:17.986759 M22 ON 2 2                  a resident and an activity, or two such pairs

Words are parted by tabs or spaces; times are on the home's clock. The home's `recording` says which activities are
which labels, what is right of several, and what a session is.
"""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hearth.common import files
from hearth.data.events import LoadReport, Problem, natural_key
from hearth.data.sources.csv_rows import LONGEST_RECORD, RowError
from hearth.data.sources.event_builder import Annotation, Rows, event_table, same_files
from hearth.data.sources.tabular import decoded, line_blocks
from hearth.homes.home import Home

WANTED = (
    "no CASAS data here: expected text files of events (P01.txt, data, ...) in it, or those that the home's "
    "`recording.files` names; data sets are at https://casas.wsu.edu/datasets/"
)
FILES = ("*.txt", "data", "annotated")
MARKS = ("begin", "end")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?")
_RESIDENT = re.compile(r"(R\d+)_(.+)")
# A damaged date that reads this much like the one before it is taken for a slip of the pen.
_ALIKE = 0.8


def raw_files(root: Path, home: Home) -> list[Path]:
    """The files of events below `root`, in natural order; without `recording.files`, text files but a README."""
    root = Path(root)
    if root.is_file():
        return [root]
    patterns = home.recording.files or FILES
    found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    chosen = [path for path in found if home.recording.files or not path.name.lower().startswith("readme")]
    return sorted(chosen, key=lambda path: natural_key(path.as_posix()))


def read(root: Path, home: Home) -> tuple[pd.DataFrame, LoadReport]:
    """All events of the files below `root`. Raises ValueError where there are none."""
    root = Path(root)
    paths = raw_files(root, home)
    if not paths:
        raise ValueError(f"{root}: {WANTED}")
    base = root if root.is_dir() else root.parent
    report = LoadReport()
    rows = Rows()
    again = same_files(paths, map(files.file_digest, paths))
    for path in paths:
        name = path.relative_to(base).as_posix()
        report.files += 1
        lines = list(_lines(path, home.recording.encoding))
        report.rows += len(lines)
        if path in again:
            report.skip(f"in a copy of {again[path].relative_to(base).as_posix()}", [name], len(lines))
            continue
        _add_file(lines, name, rows, report)
        if not lines:
            report.notes.append(f"{name} holds no lines")
    return event_table(rows, home, report), report


def _lines(path: Path, encoding: str):
    """(line, its words or the fault why it has none), the part behind the last line end only if there is some."""
    number = 0
    for block in line_blocks(path):
        for line in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            try:
                if len(line) > LONGEST_RECORD:
                    raise RowError(f"longer than {LONGEST_RECORD} bytes")
                yield number, decoded(line, encoding).removeprefix("\ufeff").split()
            except RowError as fault:
                yield number, fault


def _add_file(lines: Sequence[tuple[int, list[str] | RowError]], name: str, rows: Rows, report: LoadReport) -> None:
    """The events of one file into `rows`; every other line into `report`."""
    events, spans = [], _Spans(name, report)
    date = ""
    for line, words in lines:
        try:
            if isinstance(words, RowError):
                raise words
            if not words:
                report.skip("blank line", [f"{name}:{line}"])
                continue
            when, date = _when(words, date, name, line, report)
            own, mark = _annotation(words[4:])
        except RowError as fault:
            report.broken.append(Problem(name, line, str(fault)))
            continue
        if mark:
            spans.mark(len(events), line, own, mark)
        events.append((line, when, words[2], words[3], own))
    active = spans.active(len(events))
    count = len(events)
    times = pd.to_datetime(pd.Series([when for _, when, *_ in events], dtype=str), format="ISO8601", errors="coerce")
    good = times.notna().to_numpy()
    report.broken += [
        Problem(name, events[row][0], f"{events[row][1]!r} is no date") for row in np.flatnonzero(~good).tolist()
    ]
    codes = {
        "line": np.array([line for line, *_ in events], dtype=np.int64),
        "time": times.to_numpy().astype("datetime64[ms]").astype(np.int64),
        "sensor": np.array([rows.sensors.code(sensor) for _, _, sensor, *_ in events], dtype=np.int32),
        "state": np.array([rows.states.code(state) for *_, state, _ in events], dtype=np.int32),
        "annotation": np.array(
            [rows.annotations.code(_with(own, held)) for (*_, own), held in zip(events, active, strict=True)],
            dtype=np.int32,
        ),
        "file": np.full(count, rows.files.code(name), dtype=np.int32),
        "session": np.zeros(count, dtype=np.int32),
        "utc": np.zeros(count, dtype=bool),
    }
    rows.add(**{column: values[good] for column, values in codes.items()})


def _when(words: list[str], previous: str, name: str, line: int, report: LoadReport) -> tuple[str, str]:
    """(date and time, date) of a line; a damaged date that is nearly the one before it is that one, and noted."""
    if len(words) < 4 or not _CLOCK.fullmatch(words[1]):
        raise RowError("not `date time sensor state`")
    date = words[0]
    if not _DATE.fullmatch(date):
        if not previous or difflib.SequenceMatcher(None, date, previous).ratio() < _ALIKE:
            raise RowError(f"{date!r} is not a date (YYYY-MM-DD)")
        report.notes.append(f"{name}:{line}: the date {date!r} is damaged, taken for {previous}, the line before's")
        date = previous
    return f"{date} {words[1]}", date


def _annotation(words: Sequence[str]) -> tuple[Annotation, str]:
    """(who did what, "begin", "end" or "") from the words behind the state of a sensor."""
    mark = words[-1].lower() if words and words[-1].lower() in MARKS else ""
    if mark:
        said = words[:-1]
        if not said:
            raise RowError(f"{words[-1]!r} of no activity")
        if len(said) > 1 and re.fullmatch(r"R\d+", said[0]):
            return Annotation((said[0],), (" ".join(said[1:]),)), mark
        return _named(" ".join(said)), mark
    if len(words) <= 1:
        return _named(words[0]) if words else Annotation(), ""
    if len(words) not in (2, 4):
        raise RowError(f"{' '.join(words)!r} is neither one nor two pairs of a resident and an activity")
    return Annotation(tuple(words[::2]), tuple(words[1::2])), ""


def _named(name: str) -> Annotation:
    """An activity whose name may begin with whose it is: R1_Sleeping."""
    resident = _RESIDENT.fullmatch(name)
    return Annotation((resident[1],) if resident else (), (name,))


def _with(own: Annotation, active: Sequence[Annotation]) -> Annotation:
    """An event's own annotation, then the activities that go on."""
    if not active:
        return own
    every = [own, *active]
    return Annotation(
        tuple(dict.fromkeys(name for one in every for name in one.residents)),
        tuple(dict.fromkeys(name for one in every for name in one.activities)),
    )


class _Spans:
    """Activities from their begin mark to their end mark, in the order of a file's lines."""

    def __init__(self, file: str, report: LoadReport):
        self._file, self._report = file, report
        self._open: dict[Annotation, tuple[int, int]] = {}
        self._closed: list[tuple[int, int, Annotation]] = []

    def mark(self, event: int, line: int, annotation: Annotation, mark: str) -> None:
        """An activity begins or ends with this event."""
        begun = self._open.pop(annotation, None)
        if mark == "begin":
            if begun:
                self._lost(begun[1], annotation)
            self._open[annotation] = event, line
        elif begun:
            self._closed.append((begun[0], event, annotation))
        else:
            self._note(line, f"{annotation.activities[0]!r} ends without having begun: only this event has it")

    def active(self, count: int) -> list[tuple[Annotation, ...]]:
        """What goes on at each of the file's `count` events, the last begun first."""
        for annotation, (_, line) in self._open.items():
            self._lost(line, annotation)
        starting: dict[int, list] = {}
        for first, last, annotation in self._closed:
            starting.setdefault(first, []).append((last, annotation))
        held: list = []
        found = []
        for event in range(count):
            held = [*starting.get(event, []), *(entry for entry in held if entry[0] >= event)]
            found.append(tuple(annotation for _, annotation in held))
        return found

    def _lost(self, line: int, annotation: Annotation) -> None:
        self._note(line, f"{annotation.activities[0]!r} begins and never ends: only this event has it")

    def _note(self, line: int, what: str) -> None:
        self._report.notes.append(f"{self._file}:{line}: {what}")
