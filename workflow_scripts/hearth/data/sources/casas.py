"""Read CASAS (Washington State University; Cook et al.): raw files to events.

    2008-11-10 14:28:17.986759 M22 ON                      unlabelled, or inside an activity that has begun
    2008-11-10 14:28:17.986759 M22 ON Sleeping begin       an activity begins; with `end` instead of `begin`, it ends
    2008-11-10 14:28:17.986759 M22 ON Sleeping             a label
    2008-11-10 14:28:17.986759 M22 ON 2 2                  a resident and an activity, or two such pairs
    2008-11-10,14:28:17.986759,M22,ON,Sleeping="begin"     the same with commas

Residents are numbers, or R and a number. R1_Sleeping, R1.Sleeping or R1 Sleeping is the activity Sleeping of resident
R1, unless the home names it as a whole; other activities may have several words. Tabs, spaces or commas separate words;
times are on the home's clock. The home's `recording` maps activities to labels and says which of several activities are
accepted and what a session is. Lines with columns of places beside the sensor are refused with the settings by which
the source `table` reads them.
"""

import difflib
import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hearth.data.load_report import LoadReport, RowProblem
from hearth.data.sources import times
from hearth.data.sources.activity_marks import MARKS, MarkedEvent, label_by_marks
from hearth.data.sources.csv_rows import LONGEST_RECORD, RowError
from hearth.data.sources.encoded_rows import Annotation, Columns, EncodedRows
from hearth.data.sources.event_builder import build_events
from hearth.data.sources.file_copies import find_copies
from hearth.data.sources.file_search import find_files
from hearth.data.sources.text_lines import decode_line, read_line_blocks
from hearth.homes.home import Home

EXPECTED = (
    "no CASAS data here: expected text files of events (P01.txt, data, ...) in it, or those that the home's "
    "`recording.files` names; datasets are at https://casas.wsu.edu/datasets/"
)
FILES = ("*.txt", "*.csv", "data", "annotated")
# Keys of `recording` that the loader uses.
RECORDING_KEYS = frozenset(
    {"files", "encoding", "time.zone", "activities", "several", "unlabelled", "ignored_sensors", "ignored_states"}
    | {"ignored_files", "repeated_states"}
    | {"sessions.by", "sessions.minutes"}
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?")
_WITH_COMMAS = re.compile(r"\d{4}-\d\d-\d\d(,|\s+[\d:.]+,)")
_RESIDENT = re.compile(r"[Rr]?\d+")
_RESIDENTS_ACTIVITY = re.compile(r"([Rr]\d+)[_. ](.+)")
_MARKED = re.compile(rf"(.+)=({'|'.join(MARKS)})", re.IGNORECASE)
_STATES = ("ON", "OFF", "OPEN", "CLOSE", "CLOSED", "ABSENT", "PRESENT")
# By the position of the word that is the state, if it is not the fourth: columns of such lines, and the sensor's.
_OTHER_FORMS = {
    4: ("date, time, place, detail, state, activity", "[place, detail]"),
    5: ("date, time, sensor, room, place, state, type, activity", "sensor"),
}
# A damaged date that is at least this similar to the date of the line before is replaced by it.
_SIMILARITY = 0.8


def raw_files(root: Path, home: Home) -> list[Path]:
    """Return the event files below `root` in natural order: `recording.files`, else text files other than READMEs."""
    root = Path(root)
    if root.is_file():
        return [root]
    patterns = home.recording.files or FILES
    paths = find_files(root, patterns)
    return paths if home.recording.files else [path for path in paths if not path.name.lower().startswith("readme")]


def read(root: Path, home: Home) -> tuple[pd.DataFrame, LoadReport]:
    """Return a pair: all events of the files below `root`, and the report on all lines.

    Raises ValueError as `read_rows` does.
    """
    rows, report = read_rows(root, home)
    return build_events(rows, home, report), report


def read_rows(root: Path, home: Home) -> tuple[EncodedRows, LoadReport]:
    """Return a pair: the readable lines, whatever their sensors and labels, and the report on the others.

    Raises ValueError if there are no files, or if lines have further columns before the state.
    """
    root = Path(root)
    paths = raw_files(root, home)
    if not paths:
        raise ValueError(f"{root}: {EXPECTED}")
    base = root if root.is_dir() else root.parent
    report = LoadReport()
    rows = EncodedRows()
    copies = find_copies(paths)
    files: list[list[MarkedEvent]] = []
    for path in paths:
        name = path.relative_to(base).as_posix()
        report.files += 1
        lines = list(_read_lines(path, home.recording.form.encoding))
        report.rows += len(lines)
        if path in copies:
            report.skip(f"in a copy of {copies[path].relative_to(base).as_posix()}", [name], len(lines))
            continue
        _check_form(lines, path)
        files.append(_read_events(lines, name, home, report))
        if not lines:
            report.notes.append(f"{name} holds no lines")
    files = sorted(filter(None, files), key=lambda events: events[0].time)
    is_by_file = home.recording.sessions == "file"
    parts = files if is_by_file else [list(itertools.chain(*files))]
    labelled = [label_by_marks(events, report) for events in parts]
    for events, labels in zip(parts, labelled, strict=True):
        _add_events(events, labels.annotations, home, rows, report)
    if going_on := sum(len(one.unended & other.unbegun) for one, other in itertools.pairwise(labelled)):
        report.warnings.append(
            f"{going_on} activities begin in one file and end in the next, but marks label their own file alone "
            "(sessions.by: file); with sessions.by day or gap, they label the lines of all files"
        )
    return rows, report


def _read_lines(path: Path, encoding: str) -> Iterator[tuple[int, list[str] | RowError]]:
    """Yield a pair for each line: its number, and its words, or a RowError that says why it is unreadable.

    An empty text after the last line end is no line.
    """
    number = 0
    for block in read_line_blocks(path, encoding):
        for line in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            try:
                if len(line) > LONGEST_RECORD:
                    raise RowError(f"longer than {LONGEST_RECORD} bytes")
                text = decode_line(line, encoding)
                yield number, (text.replace(",", " ") if _WITH_COMMAS.match(text) else text).split()
            except RowError as fault:
                yield number, fault


def _check_form(lines: Sequence[tuple[int, list[str] | RowError]], path: Path) -> None:
    """Raise ValueError if most lines have columns of places before the state."""
    readable = [(line, words) for line, words in lines if not isinstance(words, RowError) and len(words) > 3]
    positions = [(line, _state_position(words)) for line, words in readable if _CLOCK.fullmatch(words[1])]
    for position, (header, sensor) in _OTHER_FORMS.items():
        alike = [line for line, each in positions if each == position]
        if 2 * len(alike) > len(positions):
            raise ValueError(
                f"{path}:{alike[0]}: the state is word {position + 1}, not word 4: read this form with `source: table` "
                f"and recording: {{files: {path.name}, format: csv, delimiter: blanks, short_rows: fill, "
                f"header: [{header}], columns: {{time: [date, time], sensor: {sensor}, state: state, "
                "activity: activity}}"
            )


def _state_position(words: Sequence[str]) -> int:
    """Return the position of the first word after the sensor that is a state; 3, its usual position, if there is none.

    At its usual position, any word can be a state.
    """
    found = (at for at in (3, *_OTHER_FORMS) if at < len(words) and words[at].upper() in _STATES)
    return next(found, 3)


def _read_events(
    lines: Sequence[tuple[int, list[str] | RowError]], name: str, home: Home, report: LoadReport
) -> list[MarkedEvent]:
    """Return the events of one file; report every other line in `report` as broken or skipped."""
    events: list[MarkedEvent] = []
    names = {*home.labels, *home.recording.activities}
    date = ""
    for line, words in lines:
        try:
            if isinstance(words, RowError):
                raise words
            if not words:
                report.skip("blank line", [f"{name}:{line}"])
                continue
            time, date = _parse_time(words, date, name, line, report)
            annotation, mark = _parse_annotation(words[4:], names)
        except RowError as fault:
            report.broken.append(RowProblem(name, line, str(fault)))
            continue
        events.append(MarkedEvent(name, line, time, words[2], words[3], annotation, mark))
    return events


def _add_events(
    events: Sequence[MarkedEvent], annotations: Sequence[Annotation], home: Home, rows: EncodedRows, report: LoadReport
) -> None:
    """Add events to `rows`; report those whose date does not exist as broken."""
    count = len(events)
    clock = pd.Series([event.time for event in events], dtype=str)
    milliseconds, valid, utc = times.parse_times(clock, "iso8601", home.recording.time.zone)
    report.broken += [
        RowProblem(events[row].file, events[row].line, f"{events[row].time!r} is no date")
        for row in np.flatnonzero(~valid).tolist()
    ]
    columns: Columns = {
        "line": np.array([event.line for event in events], dtype=np.int64),
        "time": milliseconds,
        "sensor": np.array([rows.sensors.code(event.sensor) for event in events], dtype=np.int32),
        "state": np.array([rows.states.code(event.state) for event in events], dtype=np.int32),
        "annotation": np.array([rows.annotations.code(annotation) for annotation in annotations], dtype=np.int32),
        "file": np.array([rows.files.code(event.file) for event in events], dtype=np.int32),
        "session": np.zeros(count, dtype=np.int32),
        "group": np.full(count, rows.groups.code(()), dtype=np.int32),
        "utc": utc,
        "lasted": np.zeros(count, dtype=np.int64),
    }
    rows.add(**{column: values[valid] for column, values in columns.items()})


def _parse_time(words: list[str], previous: str, name: str, line: int, report: LoadReport) -> tuple[str, str]:
    """Return a pair: the date and time of a line as one text, and its date.

    A damaged date that is similar to `previous`, the date of the line before, is replaced by it and noted.
    """
    if len(words) < 4 or not _CLOCK.fullmatch(words[1]):
        raise RowError("does not begin with `date time sensor state`")
    date = words[0]
    if not _DATE.fullmatch(date):
        if not previous or difflib.SequenceMatcher(None, date, previous).ratio() < _SIMILARITY:
            raise RowError(f"{date!r} is not a date (YYYY-MM-DD)")
        report.notes.append(
            f"{name}:{line}: the damaged date {date!r} is replaced by {previous}, as on the line before"
        )
        date = previous
    return f"{date} {words[1]}", date


def _parse_annotation(words: Sequence[str], known: Collection[str]) -> tuple[Annotation, str]:
    """Return a pair: the annotation in the words after a sensor's state, and the mark "begin", "end" or "" (none).

    `known` are the names of activities; of other names, a first word that is a resident is no part.
    """
    words = [word.replace('"', "") for word in words]
    mark = words[-1].lower() if words and words[-1].lower() in MARKS else ""
    if mark:
        words, shown = words[:-1], words[-1]
        if not words:
            raise RowError(f"{shown!r} without an activity")
    elif words and (marked := _MARKED.fullmatch(words[-1])):
        words, mark = [*words[:-1], marked[1]], marked[2].lower()
    name = " ".join(words)
    if not words:
        return Annotation(), ""
    if len(words) == 1 or name in known or not _RESIDENT.fullmatch(words[0]):
        return _split_residents(words, known), mark
    if len(words) == 4 and _RESIDENT.fullmatch(words[2]) and not mark:
        return Annotation((words[0], words[2]), (words[1], words[3])), ""
    if len(words) > 2 and words[0].isdigit():
        raise RowError(f"{name!r} is neither one nor two pairs of a resident and an activity")
    return Annotation((words[0],), (" ".join(words[1:]),)), mark


def _split_residents(words: Sequence[str], known: Collection[str]) -> Annotation:
    """Return the annotation of one activity, or of several that each name their resident, as in R1_Work R2_Sleep.

    An activity that is in `known` with its resident keeps the whole name.
    """
    pairs = [_RESIDENTS_ACTIVITY.fullmatch(word) for word in words]
    names = list(words) if len(words) > 1 and all(pairs) and " ".join(words) not in known else [" ".join(words)]
    found = [(_RESIDENTS_ACTIVITY.fullmatch(name), name) for name in names]
    return Annotation(
        tuple(match[1] for match, _ in found if match),
        tuple(match[2] if match and name not in known else name for match, name in found),
    )
