"""Read tables with a column for each sensor (`recording.wide`): a cell that differs from the one above is an event."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from hearth.common.schemas import nearest
from hearth.data.load_report import PLACES_SHOWN, LoadReport
from hearth.data.sources import times
from hearth.data.sources.blocks import Block, joined_cells
from hearth.data.sources.encoded_rows import Codes, encode_texts
from hearth.data.sources.file_columns import read_named_blocks
from hearth.data.sources.tabular import read_column_names
from hearth.homes.raw_format import Recording, TimeForm

FIRST_ROW = "first row of a file, which sets the states (wide)"
AFTER_PAUSE = "first row after a pause, which sets the states (wide)"
NO_CHANGE = "row without a change (wide)"
# Columns of the records that are made of cells; no file has columns of these names.
_TIME, _SENSOR, _STATE = "\0time", "\0sensor", "\0state"
_DAY, _MINUTE = 86_400_000, 60_000  # milliseconds
_SHOWN = 5
_NUMBER = re.compile(r"(\d+)[^\d/]*$")  # last number in the name of a file


def long_recording(settings: Recording) -> Recording:
    """Return the settings for reading the records that `WideTables` makes."""
    columns = settings.columns | {"sensor": (_SENSOR,), "state": (_STATE,)}
    if _has_times(settings):
        return replace(settings, columns=columns)
    return replace(settings, columns=columns | {"time": (_TIME,)}, time=TimeForm())


def _has_times(settings: Recording) -> bool:
    """Return whether each row has a time of its own."""
    return "time" in settings.columns and not settings.starts_in_path


class WideTables:
    """Turns the rows of wide tables into records, one for each cell that differs from the cell above in its file.

    A row without such a cell whose time is unreadable gives one record too, so that it is reported as broken.
    """

    def __init__(self, settings: Recording, columns: list[str], report: LoadReport):
        """`columns` are the further columns that records need."""
        assert settings.wide is not None
        self._settings, self._wide, self._columns, self._report = settings, settings.wide, columns, report
        self._has_times = _has_times(settings)
        self._names: list[str] = []
        self._rows: dict[str, int] = {}  # by file without times: the number of its rows

    def read_blocks(self, path: Path, name: str) -> Iterator[Block]:
        """Yield the blocks of records of the next file; count in the report the rows that give no record.

        Raises ValueError, naming the file, if a pattern of sensors matches no column, or if a table without times is
        longer than a day.
        """
        day = len(self._names)
        self._names.append(name)
        sensors = self._sensors(path)
        last: dict[str, str] = {}
        rows = 0
        for block, is_after_pause in self._blocks(path, name, [*sensors, *self._columns]):
            if is_after_pause:
                last.clear()
            cells, ordinals = block.cells, _ordinals(block, rows)
            count = len(block.lines) + len(block.faults)
            if not self._has_times:
                start = self._start(path, day, cells)
                self._check_length(path, rows + count)
                cells = cells.assign(**{_TIME: self._times(start, ordinals)})
            parts = [_changes(cells[sensor], last, sensor, self._settings.ignored_states) for sensor in sensors]
            if parts:
                parts[0] = np.r_[parts[0], np.setdiff1d(self._without_time(cells), np.concatenate(parts))]
            changed = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
            order = np.argsort(changed, kind="stable")
            sensor = np.repeat(np.arange(len(sensors)), [len(part) for part in parts])[order]
            changed = changed[order]
            first = FIRST_ROW if rows == 0 else AFTER_PAUSE if is_after_pause else ""
            self._skip_rows(block, name, np.unique(changed), first)
            states = [cells[each].to_numpy()[part] for each, part in zip(sensors, parts, strict=True)]
            record = cells[[*self._columns, *cells.columns.intersection([_TIME])]].iloc[changed].reset_index(drop=True)
            record[_SENSOR] = np.array(sensors, dtype=object)[sensor]
            record[_STATE] = (np.concatenate(states) if states else np.zeros(0, dtype=object))[order]
            rows += count
            if not self._has_times:
                self._rows[name] = rows
            yield Block(record, block.lines[changed], block.faults, block.comments)

    def finish(self) -> None:
        """Report how rows are counted, and the days that files without times are taken for."""
        self._report.notes.append("a row of a table with a column for each sensor counts once for each changed cell")
        if "time" in self._settings.columns:
            return
        if len(self._names) < 2:
            return
        if not self._settings.starts_in_path:
            self._warn_of_short_days()
        days = [str(np.datetime64(self._wide.start[:10]) + day) for day in (0, len(self._names) - 1)]
        self._report.notes.append(
            f"each file is a day: {self._names[0]} begins on {days[0]}, {self._names[-1]} on {days[1]}"
        )
        numbers = [int(found[1]) for found in map(_NUMBER.search, self._names) if found]
        if len(numbers) == len(self._names) and numbers[-1] - numbers[0] != len(numbers) - 1:
            self._report.warnings.append(
                "files are read as consecutive days (wide.start), but the numbers in their names skip some days"
            )

    def _warn_of_short_days(self) -> None:
        """Warn of files with fewer rows than a day has: a missing row shifts the times of all rows after it."""
        whole = round(_DAY / (self._wide.seconds * 1000))
        if short := [f"{name} ({rows} rows)" for name, rows in self._rows.items() if rows < whole]:
            more = f" and {len(short) - _SHOWN} more" if len(short) > _SHOWN else ""
            self._report.warnings.append(
                f"{len(short)} files have fewer than the {whole} rows of a day: {', '.join(short[:_SHOWN])}{more}; "
                "rows have no times, so if some are missing in between, later ones get wrong times"
            )

    def _blocks(self, path: Path, name: str, columns: list[str]) -> Iterator[tuple[Block, bool]]:
        """Yield the blocks of a file, divided where rows pause for so long that a session begins, each with whether it
        is after such a pause.
        """
        # Without times, the number of rows before it gives the time of a row.
        form = replace(self._settings.form, empty_rows=not self._has_times)
        latest: int | None = None
        for block in read_named_blocks(path, name, columns, form, self._settings):
            if self._settings.sessions != "gap" or not self._has_times or not len(block.lines):
                yield block, False
                continue
            time, valid = self._parse_times(block.cells)
            readable = np.flatnonzero(valid)
            before = time[readable[:1]] if latest is None else np.array([latest])
            # Rows that go back as far as a pause are of an earlier session, not of that of the row above.
            pauses = np.abs(np.diff(np.r_[before, time[readable]])) > self._settings.gap_minutes * _MINUTE
            latest = int(time[readable[-1]]) if len(readable) else latest
            bounds = [0, *readable[pauses].tolist(), len(block.lines)]
            for at, (begin, end) in enumerate(itertools.pairwise(bounds)):
                rows = slice(begin, end)
                if at == 0:
                    yield Block(block.cells.iloc[rows], block.lines[rows], block.faults, block.comments), False
                else:
                    yield Block(block.cells.iloc[rows].reset_index(drop=True), block.lines[rows]), True

    def _sensors(self, path: Path) -> list[str]:
        form = self._settings.form
        names = list(form.header) or read_column_names(path, form)
        for pattern in self._wide.sensors:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise ValueError(f"{path}: no column matches {pattern!r} of wide.sensors{nearest(pattern, names)}")
        return [
            name
            for name in names
            if name not in self._columns and any(fnmatchcase(name, pattern) for pattern in self._wide.sensors)
        ]

    def _start(self, path: Path, day: int, cells: pd.DataFrame) -> int:
        """Return the time of a file's first row in milliseconds on the home's clock; `day` counts the files before it.

        Raises ValueError, naming the file, if its path has no readable time.
        """
        if not self._settings.starts_in_path:
            return int(np.datetime64(self._wide.start.replace(" ", "T"), "ms").astype(np.int64)) + day * _DAY
        text = joined_cells(cells.iloc[:1], self._settings.columns["time"], " ")
        milliseconds, valid, _ = times.parse_times(text, self._settings.time.format, "")
        if not valid.all():
            form = self._settings.time.format
            raise ValueError(
                f"{path}: {text.iloc[0]!r} of its path is no time in {form}; correct recording.time.format"
            )
        return int(milliseconds[0]) if len(milliseconds) else 0

    def _times(self, start: int, ordinals: np.ndarray) -> np.ndarray:
        milliseconds = start + np.round(ordinals * self._wide.seconds * 1000).astype(np.int64)
        return np.datetime_as_string(milliseconds.astype("datetime64[ms]")).astype(object)

    def _without_time(self, cells: pd.DataFrame) -> np.ndarray:
        """Return the positions of the rows whose time is unreadable."""
        if not self._has_times:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(~self._parse_times(cells)[1])

    def _parse_times(self, cells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the times of rows in milliseconds, and the mask of the readable ones."""
        texts = joined_cells(cells, self._settings.columns["time"], " ")
        return times.parse_times(texts, self._settings.time.format, self._settings.time.zone)[:2]

    def _check_length(self, path: Path, rows: int) -> None:
        if not self._settings.starts_in_path and (rows - 1) * self._wide.seconds * 1000 >= _DAY:
            raise ValueError(
                f"{path}: {rows} rows, {self._wide.seconds} seconds apart, are more than a day, but the next file "
                "begins a day later (wide); correct wide.seconds, or name a column of times"
            )

    def _skip_rows(self, block: Block, name: str, changed: np.ndarray, first: str) -> None:
        """Count the rows of a block that give no record; `first` is the reason for its first row, if it has another."""
        unchanged: np.ndarray = np.ones(len(block.lines), dtype=bool)
        unchanged[changed] = False
        lines = block.lines[unchanged]
        if first and len(lines) and lines[0] == block.lines[0]:
            self._report.skip(first, [f"{name}:{block.lines[0]}"])
            lines = lines[1:]
            self._report.rows += 1
        self._report.rows += len(lines)
        if len(lines):
            self._report.skip(NO_CHANGE, [f"{name}:{line}" for line in lines[:PLACES_SHOWN]], len(lines))


def _ordinals(block: Block, before: int) -> np.ndarray:
    """Return the number of rows of the file, readable or not, before each row of a block."""
    faults = np.sort(np.array([line for line, _ in block.faults], dtype=np.int64))
    return before + np.arange(len(block.lines)) + np.searchsorted(faults, block.lines)


def _changes(cells: pd.Series, last: dict[str, str], sensor: str, ignored: Sequence[str]) -> np.ndarray:
    """Return the positions of the cells that differ from the cell above; blank cells stand for the cell above.

    A cell that matches a pattern in `ignored` is itself a change, but the next cell is compared with those above it.
    `last` has the last cell of each sensor in the blocks before, and is updated.
    """
    texts: Codes[str] = Codes()
    blank = texts.code("")
    before = [texts.code(last[sensor])] if sensor in last else []
    values = np.r_[before, encode_texts(texts, cells)].astype(np.int64)
    filled = np.flatnonzero(values != blank)
    if not len(filled):
        return filled
    matches = np.array([any(fnmatchcase(text, pattern) for pattern in ignored) for text in texts.values])
    is_ignored = matches[values[filled]]
    kept = filled[~is_ignored]
    if len(kept):
        last[sensor] = texts.values[values[kept[-1]]]
    differing = (np.diff(values[each], prepend=values[each[:1]]) != 0 for each in (kept, filled))
    changed = [kept[next(differing)], filled[next(differing) & is_ignored]]
    return np.sort(np.concatenate(changed)) - len(before)
