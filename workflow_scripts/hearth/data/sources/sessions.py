"""Assign rows to sessions by file, column, day or gap, as the home's `recording.sessions` says."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hearth.data.load_report import LoadReport
from hearth.data.sources.encoded_rows import Columns
from hearth.data.sources.text_lines import unpacked
from hearth.homes.raw_format import Recording

_MINUTE = 60_000  # milliseconds
_DAY = 86_400_000  # milliseconds


def assign_sessions(
    columns: Columns, settings: Recording, files: Sequence[str], column_sessions: list[str], report: LoadReport
) -> tuple[np.ndarray, list[str]]:
    """Return a pair: the code of each row's session, and the list of session names in the order of their codes.

    `columns` has `file`, `time`, `clock` (time on the home's clock) and `session`; `files` and `column_sessions` are
    the names behind the codes of `file` and `session`. Warnings go into `report`. Raises ValueError if two files would
    get the same session name, or if a session of several files would be interleaved with another one.
    """
    if settings.sessions == "file":
        return columns["file"], _file_sessions(files)
    if settings.sessions == "day":
        codes, days = pd.factorize(columns["clock"] // _DAY)
        return codes, [str(np.datetime64(int(day), "D")) for day in days]
    if settings.sessions == "gap":
        return _gap_sessions(columns, settings.gap_minutes)
    if settings.sessions == "file-column":
        return _sessions_within_files(columns, files, column_sessions)
    _check_files_of_sessions(columns, files, column_sessions, report)
    return columns["session"], column_sessions


def _sessions_within_files(
    columns: Columns, files: Sequence[str], column_sessions: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    codes, pairs = pd.factorize(columns["file"].astype(np.int64) << 32 | columns["session"])
    names = _file_sessions(files)
    return codes, [f"{names[pair >> 32]}-{column_sessions[pair & 0xFFFFFFFF]}" for pair in pairs.tolist()]


def _check_files_of_sessions(
    columns: Columns, files: Sequence[str], column_sessions: Sequence[str], report: LoadReport
) -> None:
    """Warn of sessions whose files do not overlap in time: they may be different sessions of one name.

    Raises ValueError if another session begins between them.
    """
    parts = pd.DataFrame({name: columns[name] for name in ("session", "file", "time")})
    spans = parts.groupby(["session", "file"])["time"].agg(["min", "max"]).reset_index().sort_values("min")
    begins = spans["min"].to_numpy()
    for session, rows in spans.groupby("session"):
        spans_of_files = zip(*(rows[name].tolist() for name in ("file", "min", "max")), strict=True)
        last_file, last_end = next(spans_of_files)[::2]  # the file that ends last of those before, and its end
        for next_file, begin, next_end in spans_of_files:
            file, end = last_file, last_end
            if next_end > last_end:
                last_file, last_end = next_file, next_end
            if begin <= end:
                continue
            message = (
                f"session {column_sessions[session]!r} is in {files[file]} and, later, in {files[next_file]}; if these "
                "are two sessions, set `sessions.by: file-column`"
            )
            if ((begins > end) & (begins < begin)).any():
                raise ValueError(f"{message}: another session begins between them")
            report.warnings.append(message)


def _file_sessions(files: Sequence[str]) -> list[str]:
    """Return the session name of each file: its path without suffix, with `/` replaced by `-`."""
    names = [unpacked(Path(file)).with_suffix("").as_posix().replace("/", "-") for file in files]
    owners: dict[str, str] = {}
    for name, file in zip(names, files, strict=True):
        if (first := owners.setdefault(name, file)) != file:
            raise ValueError(
                f"{first} and {file} would both be session {name!r}: rename one of them, or set `recording.sessions`"
            )
    return names


def _gap_sessions(columns: Columns, minutes: float) -> tuple[np.ndarray, list[str]]:
    """Start a session after each pause of more than `minutes`; return the pair of `assign_sessions`.

    A session's name is its first day and its number among the sessions that start on that day.
    """
    order = np.argsort(columns["time"], kind="stable")
    ordered, clock = columns["time"][order], columns["clock"][order]
    begins = np.diff(ordered, prepend=ordered[:1]) > minutes * _MINUTE
    codes: np.ndarray = np.empty(len(order), dtype=np.int64)
    codes[order] = np.cumsum(begins)
    starts = clock[np.r_[0, np.flatnonzero(begins)]] if len(clock) else clock
    names = []
    sessions_of_day: dict[int, int] = {}
    for day in (starts // _DAY).tolist():
        sessions_of_day[day] = sessions_of_day.get(day, 0) + 1
        names.append(f"{np.datetime64(day, 'D')}-{sessions_of_day[day]}")
    return codes, names
