"""Tables of events of any home (CSV, TSV, JSON lines, Parquet) to events, as the home's `recording` says.

A row is an event, or with `columns.begin` and `columns.end` a time during which a sensor was on: two events. Labels
are in a column, or in `intervals` of their own. `config/homes/TEMPLATE.yaml` is an example of all of it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hearth.common import files
from hearth.data.events import LoadReport, Problem, natural_key
from hearth.data.sources import times
from hearth.data.sources.event_builder import Annotation, Codes, Rows, event_table, same_files
from hearth.data.sources.tabular import LIST, SUFFIXES, Block, read_blocks
from hearth.homes.home import Home
from hearth.homes.raw_format import Recording

WANTED = (
    "no table of events here: expected .csv, .tsv, .jsonl or .parquet files in it, or those that the home's "
    "`recording.files` names"
)


def raw_files(root: Path, home: Home) -> list[Path]:
    """The files of events and of labels below `root`, in natural order; `root` may be one file of events."""
    return sorted({*_event_files(root, home), *_label_files(root, home)}, key=lambda path: natural_key(path.as_posix()))


def read(root: Path, home: Home) -> tuple[pd.DataFrame, LoadReport]:
    """All events of the files below `root` that `home.recording` describes.

    Raises ValueError, naming file and key, where there are none, a file as a whole is unreadable, or columns are
    missing.
    """
    root = Path(root)
    settings = home.recording
    if not settings.columns:
        raise ValueError(
            f"home {home.name}: `recording.columns` is missing: say which column has the time, the sensor, ..."
        )
    report = LoadReport()
    paths = _event_files(root, home)
    if not paths:
        raise ValueError(f"{root}: {WANTED}")
    base = root if root.is_dir() else root.parent
    again = same_files(paths, map(files.file_digest, paths))
    rows = Rows()
    labels = _Labels(home, base, report)
    for path in paths:
        name = path.relative_to(base).as_posix()
        report.files += 1
        before = report.rows
        for block in read_blocks(
            path, needed_columns(settings), settings.delimiter, settings.encoding, settings.header
        ):
            if path in again:
                _skip_copy(block, name, again[path].relative_to(base).as_posix(), report)
            else:
                _add_block(block, name, rows, labels, home, report)
        if report.rows == before:
            report.notes.append(f"{name} holds no rows")
    if settings.two_ended:
        report.notes.append("a row is a time during which a sensor was on and gives two events, counted as two rows")
    return event_table(rows, home, report), report


def read_block(block: Block, name: str, home: Home) -> tuple[pd.DataFrame, LoadReport]:
    """The events of some records alone, which were read from what is called `name`: for records as they come."""
    report, rows = LoadReport(files=1), Rows()
    _add_block(block, name, rows, _Labels(home, Path(), report), home, report)
    return event_table(rows, home, report), report


def needed_columns(settings: Recording) -> list[str]:
    """The columns that a home's records must have."""
    return list(dict.fromkeys(name for names in settings.columns.values() for name in names))


def _event_files(root: Path, home: Home) -> list[Path]:
    root = Path(root)
    if root.is_file():
        return [root]
    labels = set(_label_files(root, home))
    found = _matching(root, home.recording.files or tuple(f"**/*{suffix}" for suffix in SUFFIXES))
    return [path for path in found if path not in labels]


def _label_files(root: Path, home: Home) -> list[Path]:
    root = Path(root)
    patterns = home.recording.intervals.files if home.recording.intervals else ()
    return _matching(root if root.is_dir() else root.parent, patterns)


def _matching(root: Path, patterns: Sequence[str]) -> list[Path]:
    for pattern in patterns:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise ValueError(f"recording: files: {pattern!r} leads out of the data's folder")
    found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    return sorted(found, key=lambda path: natural_key(path.as_posix()))


def _skip_copy(block: Block, name: str, first: str, report: LoadReport) -> None:
    count = len(block.lines) + len(block.faults)
    report.rows += count
    report.skip(f"in a copy of {first}", [name], count)


def _add_block(block: Block, name: str, rows: Rows, labels: "_Labels", home: Home, report: LoadReport) -> None:
    settings = home.recording
    cells, columns = block.cells, settings.columns
    report.broken += [Problem(name, line, fault) for line, fault in block.faults]
    report.rows += len(block.faults)
    ends = [("begin", settings.interval_states[0]), ("end", settings.interval_states[1])]
    parsed = [
        (role, state, *times.parse(_joined(cells, columns[role], " "), settings.time_format, settings.time_zone))
        for role, state in (ends if settings.two_ended else [("time", "")])
    ]
    good = np.ones(len(cells), dtype=bool)
    for role, _, _, readable, _ in parsed:
        _refuse_times(cells, columns[role], good & ~readable, block.lines, name, settings, report)
        good &= readable
    if settings.two_ended:
        turned = good & (parsed[1][2] < parsed[0][2])
        report.broken += [Problem(name, int(line), "it ends before it begins") for line in block.lines[turned]]
        report.rows += int(turned.sum())
        good &= ~turned
    good &= _with_session(cells, columns, good, block.lines, name, report)
    kept = cells[good]
    shared = {
        "file": np.full(len(kept), rows.files.code(name), dtype=np.int32),
        "line": block.lines[good],
        "sensor": rows.sensors.of_texts(kept[columns["sensor"][0]]),
        "session": rows.sessions.of_texts(kept[columns["session"][0]])
        if "session" in columns
        else np.zeros(len(kept), dtype=np.int32),
    }
    for _, state, milliseconds, _, utc in parsed:
        report.rows += len(kept)
        time, utc = milliseconds[good], utc[good]
        states = rows.states.of_texts(kept[columns["state"][0]]) if "state" in columns else None
        rows.add(
            **shared,
            time=time,
            utc=utc,
            state=np.full(len(kept), rows.states.code(state), dtype=np.int32) if states is None else states,
            annotation=labels.codes(kept, time, utc, rows.annotations),
        )


def _joined(cells: pd.DataFrame, names: Sequence[str], mark: str) -> pd.Series:
    joined = cells[names[0]].str.strip()
    for name in names[1:]:
        joined = joined + mark + cells[name].str.strip()
    return joined


def _refuse_times(cells, names, bad: np.ndarray, lines, file: str, settings: Recording, report: LoadReport) -> None:
    wanted = settings.time_format
    hint = "; mend it, or set recording.time.format" if wanted == "iso8601" else ""
    for line, text in zip(lines[bad], _joined(cells[bad], names, " "), strict=True):
        what = f"column {names[0]}: {text[:80]!r} is no time in {wanted}{hint}"
        report.broken.append(Problem(file, int(line), what))
    report.rows += int(bad.sum())


def _with_session(cells, columns, good: np.ndarray, lines, file: str, report: LoadReport) -> np.ndarray:
    """Rows that say their session, where they must; the others are reported."""
    if "session" not in columns:
        return good
    named = cells[columns["session"][0]].str.strip().ne("").to_numpy()
    lost = good & ~named
    report.broken += [Problem(file, int(line), f"column {columns['session'][0]}: no session") for line in lines[lost]]
    report.rows += int(lost.sum())
    return named


class _Labels:
    """What gives rows their annotation: their own cells, or the intervals of the files beside them."""

    def __init__(self, home: Home, root: Path, report: LoadReport):
        self._home = home
        self._intervals = _Intervals(home, root, report) if home.recording.intervals else None

    def codes(self, cells: pd.DataFrame, time: np.ndarray, utc: np.ndarray, annotations: Codes) -> np.ndarray:
        """The code of each row's annotation."""
        settings = self._home.recording
        residents, activities = Codes(), Codes()
        columns = [
            known.of_texts(_joined(cells, settings.columns[role], LIST))
            if role in settings.columns
            else np.full(len(cells), known.code(""), dtype=np.int32)
            for role, known in (("resident", residents), ("activity", activities))
        ]
        pairs = Codes()
        codes = pairs.of_pairs(*columns, (residents.values, activities.values))
        found = [Annotation(self._parts(who), self._parts(what)) for who, what in pairs.values]
        if self._intervals:
            return self._intervals.codes(time, utc, codes, [a.residents for a in found], annotations)
        return np.array([annotations.code(annotation) for annotation in found], dtype=np.int32)[codes]

    def _parts(self, cell: str) -> tuple[str, ...]:
        separator = self._home.recording.separator
        parts = cell.split(LIST)
        if separator:
            parts = [part for cell in parts for part in cell.split(separator)]
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


class _Intervals:
    """Labels from begin to end, the last moment in it; those of a resident hold for that resident's events."""

    def __init__(self, home: Home, root: Path, report: LoadReport):
        settings = home.recording
        columns = settings.intervals.columns
        paths = _label_files(root, home)
        if not paths:
            raise ValueError(f"{root}: no file matches recording.intervals.files {list(settings.intervals.files)}")
        self._home = home
        found: list[tuple[int, int, str, str]] = []
        for path in paths:
            name = path.relative_to(root).as_posix()
            report.files += 1
            for block in read_blocks(path, list(columns.values()), settings.delimiter, settings.encoding, ()):
                report.broken += [Problem(name, line, fault) for line, fault in block.faults]
                report.rows += len(block.faults)
                found += self._read(block, name, report)
        self._of = {
            who: _segments([row[:3] for row in found if who is None or row[3] in (who, "")])
            for who in [None, *sorted({row[3] for row in found})]
        }

    def _read(self, block: Block, name: str, report: LoadReport) -> list[tuple[int, int, str, str]]:
        """(begin, end, activity, resident) of the good rows, times in milliseconds; the others are reported."""
        settings = self._home.recording
        columns = settings.intervals.columns
        (begin, good, utc), (end, readable, _) = (
            times.parse(block.cells[columns[role]].str.strip(), settings.time_format, settings.time_zone)
            for role in ("begin", "end")
        )
        reasons = {
            f"column {columns['begin']}: no time in {settings.time_format}": ~good,
            f"column {columns['end']}: no time in {settings.time_format}": good & ~readable,
            "it ends before it begins": good & readable & (end < begin),
        }
        for reason, bad in reasons.items():
            report.broken += [Problem(name, int(line), reason) for line in block.lines[bad]]
            report.rows += int(bad.sum())
        good = good & readable & (end >= begin)
        activity = block.cells[columns["activity"]].str.strip()
        who = block.cells[columns["resident"]].str.strip() if columns.get("resident") else activity.map(lambda _: "")
        zone = self._home.timezone
        moments = [np.where(utc, moment, times.from_clock(moment, zone)) for moment in (begin, end)]
        return [
            row
            for row, kept in zip(zip(*(m.tolist() for m in moments), activity, who, strict=True), good, strict=True)
            if kept
        ]

    def codes(self, time, utc, codes: np.ndarray, residents: Sequence[tuple], annotations: Codes) -> np.ndarray:
        """The code of each row's annotation, from its time and the residents of its code."""
        time = np.where(utc, time, times.from_clock(time, self._home.timezone))
        found = np.zeros(len(time), dtype=np.int32)
        for code, names in enumerate(residents):
            chosen = codes == code
            if not chosen.any():
                continue
            # Somebody without intervals of their own has those of nobody named.
            parts = [self._of.get(name, self._of.get("", _segments([]))) for name in names] or [self._of[None]]
            positions = [np.searchsorted(bounds, time[chosen], side="right") for bounds, _ in parts]
            rows = pd.MultiIndex.from_arrays(positions) if len(parts) > 1 else pd.Index(positions[0])
            local, distinct = pd.factorize(rows)
            known = []
            for places in distinct:
                places = places if isinstance(places, tuple) else (places,)
                held = [label for (_, labels), at in zip(parts, places, strict=True) for label in labels[at]]
                known.append(annotations.code(Annotation(tuple(names), tuple(dict.fromkeys(held)))))
            found[chosen] = np.array(known, dtype=np.int32)[local]
        return found


def _segments(intervals: Sequence[tuple[int, int, str]]) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """(bounds, labels before the first bound, between, and after the last): the last begun of several first."""
    steps = sorted({begin for begin, _, _ in intervals} | {end + 1 for _, end, _ in intervals})
    starting: dict[int, list] = {}
    for begin, end, label in sorted(intervals):
        starting.setdefault(begin, []).append((end, label))
    held: list[tuple[int, str]] = []
    labels: list[tuple[str, ...]] = [()]
    for step in steps:
        held = [*reversed(starting.get(step, [])), *((end, label) for end, label in held if end >= step)]
        labels.append(tuple(dict.fromkeys(label for _, label in held)))
    return np.array(steps, dtype=np.int64), labels
