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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from sys import intern

import numpy as np
import pandas as pd

from hearth.data.load_report import LoadReport, RowProblem
from hearth.data.sources import times
from hearth.data.sources.activity_marks import MarkedEvent, label_by_marks
from hearth.data.sources.casas_annotations import mend_mark, parse_annotation
from hearth.data.sources.csv_rows import LONGEST_RECORD, RowError
from hearth.data.sources.encoded_rows import Annotation, Columns, EncodedRows
from hearth.data.sources.event_builder import build_events
from hearth.data.sources.file_copies import find_copies
from hearth.data.sources.file_search import find_files
from hearth.data.sources.text_lines import decode_line, read_line_blocks
from hearth.homes.home import Home
from hearth.homes.raw_format import DROP

EXPECTED = (
    "no CASAS data here: expected text files of events (P01.txt, data, ...) in it, or those that the home's "
    "`recording.files` names; docs/datasets.md says where to get each dataset"
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
_STATES = frozenset({"ON", "OFF", "OPEN", "CLOSE", "CLOSED", "ABSENT", "PRESENT"})
_UNLABELLED = Annotation()
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

    Raises ValueError as `read_rows` does, and if no line has a label though unlabelled events are left out.
    """
    rows, report = read_rows(root, home)
    annotations = rows.annotations.values
    if home.recording.unlabelled == DROP and annotations and not any(each.activities for each in annotations):
        raise ValueError(
            f"{root}: no line has a label, or a mark at which an activity begins or ends, so nothing is left to "
            "recognise; CASAS's release of 2025 has Aruba and Milan without labels: read a copy with labels, or set "
            "`recording.unlabelled` to a label"
        )
    return build_events(rows, home, report), report


def read_rows(root: Path, home: Home) -> tuple[EncodedRows, LoadReport]:
    """Return a pair: the readable lines, whatever their sensors and labels, and the report on the others.

    Raises ValueError if there are no files, if lines have further columns before the state, or if files that together
    are one recording overlap.
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
        lines = report.rows
        if path in copies:
            report.rows += sum(1 for _ in _read_lines(path, home.recording.form.encoding))
            report.skip(f"in a copy of {copies[path].relative_to(base).as_posix()}", [name], report.rows - lines)
            continue
        files.append(_read_events(path, name, home, report))
        if report.rows == lines:
            report.notes.append(f"{name} holds no lines")
    files = sorted(filter(None, files), key=lambda events: events[0].time)
    is_by_file = home.recording.sessions == "file"
    if not is_by_file:
        _check_periods(root, files)
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


def _check_periods(root: Path, files: Sequence[Sequence[MarkedEvent]]) -> None:
    """Raise ValueError if files with labels, in order of their first lines, are of the same days.

    They are of several homes then. Lines of a copy without labels are left out as unlabelled.
    """
    labelled = [events for events in files if any(event.annotation.activities for event in events)]
    for events, following in itertools.pairwise(labelled):
        last = max(event.time for event in events)
        if following[0].time[:10] < last[:10]:
            raise ValueError(
                f"{root}: {following[0].file} begins at {following[0].time}, before {events[0].file} ends at {last}; "
                "they are of two homes, or the same lines twice: name one file as the dataset's root, or in "
                "`recording.files`"
            )


def _read_lines(path: Path, encoding: str) -> Iterator[list[str] | RowError]:
    """Yield the words of each line, or a RowError that says why it is unreadable.

    An empty text after the last line end is no line.
    """
    for block in read_line_blocks(path, encoding):
        for line in block.removesuffix(b"\n").split(b"\n"):
            try:
                if len(line) > LONGEST_RECORD:
                    raise RowError(f"longer than {LONGEST_RECORD} bytes")
                text = decode_line(line, encoding)
                yield (text.replace(",", " ") if _WITH_COMMAS.match(text) else text).split()
            except RowError as fault:
                yield fault


def _check_form(positions: Sequence[int], first: Mapping[int, int], path: Path) -> None:
    """Raise ValueError if most lines have columns of places before the state.

    `positions` has the number of lines by the position of their state, and `first` the first line of each position.
    """
    for position, (header, sensor) in _OTHER_FORMS.items():
        if 2 * positions[position] > sum(positions):
            raise ValueError(
                f"{path}:{first[position]}: the state is word {position + 1}, not word 4: read this form with "
                f"`source: table` and recording: {{files: {path.name}, format: csv, delimiter: blanks, short_rows: "
                f"fill, header: [{header}], columns: {{time: [date, time], sensor: {sensor}, state: state, "
                "activity: activity}}"
            )


def _state_position(words: Sequence[str]) -> int:
    """Return the position of the first word after the sensor that is a state; 3, its usual position, if there is none.

    At its usual position, any word can be a state.
    """
    if words[3] in _STATES:
        return 3
    found = (at for at in (3, *_OTHER_FORMS) if at < len(words) and words[at].upper() in _STATES)
    return next(found, 3)


def _read_events(path: Path, name: str, home: Home, report: LoadReport) -> list[MarkedEvent]:
    """Return the events of one file; report every other line in `report` as broken or skipped.

    Raises ValueError as `_check_form` does.
    """
    events: list[MarkedEvent] = []
    names = {*home.labels, *home.recording.activities}
    positions, first = [0] * (max(_OTHER_FORMS) + 1), dict[int, int]()
    date = ""
    line = 0
    for line, words in enumerate(_read_lines(path, home.recording.form.encoding), start=1):
        try:
            if isinstance(words, RowError):
                raise words
            if not words:
                report.skip("blank line", [f"{name}:{line}"])
                continue
            time, date = _parse_time(words, date, name, line, report)
            position = _state_position(words)
            positions[position] += 1
            first.setdefault(position, line)
            annotation, mark = _UNLABELLED, ""
            if len(words) > 4:
                tail = mend_mark(words[4:], names)
                if tail != words[4:]:
                    report.notes.append(f"{name}:{line}: {' '.join(words[4:])!r} is read as {' '.join(tail)!r}")
                annotation, mark = parse_annotation(tail, names)
        except RowError as fault:
            report.broken.append(RowProblem(name, line, str(fault)))
            continue
        # Equal texts are one object, so that years of lines fit in memory.
        events.append(MarkedEvent(name, line, time, intern(words[2]), intern(words[3]), annotation, mark))
    report.rows += line
    _check_form(positions, first, path)
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
