"""Find labels that seem to be missing: a resident's file, a day of a diary, or those of an event in its own folder."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from hearth.data.sources import times
from hearth.data.sources.held_labels import LabelRow
from hearth.data.sources.label_periods import LabelPeriods, Period
from hearth.homes.path_columns import path_cells
from hearth.homes.raw_format import Intervals

SHOWN = 5
_DAY = 86_400_000  # milliseconds


def missing_files(names: Sequence[str], settings: Intervals) -> list[str]:
    """Return the absent label files of residents whose paths name them: another resident's file lies at the same place,
    and at other places both residents' files do.

    `names` are the files that are there, relative to the data's root. A place is a path but for the resident.
    """
    column = (settings.columns.get("resident") or ("",))[0]
    places: dict[tuple[str, str], set[str]] = {}  # by the parts of a name before and after the resident
    for name in names:
        if resident := path_cells(settings.path_columns, name).get(column):
            before, _, after = name.rpartition(resident)
            places.setdefault((before, after), set()).add(resident)
    return [
        f"{before}{resident}{after}"
        for (before, after), there in places.items()
        for resident in sorted(set().union(*(each for each in places.values() if each & there)) - there)
    ]


def missing_files_warning(names: Sequence[str], settings: Intervals) -> list[str]:
    """Return a warning that names the `missing_files`, or none."""
    missing = missing_files(names, settings)
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    text = f"no label file {', '.join(missing[:SHOWN])}{more}, though other residents have theirs there"
    return [f"{text}: events get the activities of these others alone"] if missing else []


def days_without_rows(rows: Sequence[LabelRow], moments: np.ndarray, zone: str) -> list[str]:
    """Return for each resident, '' included, a warning of the days with events on which no row of theirs begins.

    An activity that holds until the next labels the events of such days, though it began on another. `moments` are
    the times of the events, in milliseconds UTC; days are those of the clock of `zone`.
    """
    days, counts = np.unique(times.on_clock(moments, zone) // _DAY, return_counts=True)
    begins: dict[str, list[int]] = {}
    for row in rows:
        if row.begin is not None:
            begins.setdefault(", ".join(row.residents), []).append(row.begin)
    warnings = []
    for resident, own in begins.items():
        bare = ~np.isin(days, times.on_clock(np.array(own, dtype=np.int64), zone) // _DAY)
        shown = [
            f"{np.datetime64(int(day), 'D')} ({count} row{'s' if count > 1 else ''})"
            for day, count in zip(days[bare][:SHOWN], counts[bare][:SHOWN], strict=True)
        ]
        more = f" and {bare.sum() - SHOWN} more" if bare.sum() > SHOWN else ""
        if shown:
            warnings.append(
                f"{bare.sum()} of {len(days)} days with events have no row of a label file{resident and ' of '}"
                f"{resident}: {', '.join(shown)}{more}; activities that began before hold on there "
                "(intervals.hold_hours): is a label file missing?"
            )
    return warnings


def labels_of_other_folders(rows: Sequence[LabelRow], files: Sequence[str], moments: Sequence[np.ndarray]) -> list[str]:
    """Return a warning, or none, of events that no label file in their own folder labels, but one in another does.

    `moments` has an array of times, in milliseconds UTC, for each of `files`, the events' files.
    """
    by_folder: dict[str, list[Period]] = {}
    for row in rows:
        if row.begin is not None and row.end is not None and not row.fault:
            folder = PurePosixPath(row.file).parent.as_posix()
            by_folder.setdefault(folder, []).append(Period(row.begin, row.end, "any"))
    periods = {folder: LabelPeriods(each) for folder, each in by_folder.items()}
    every = LabelPeriods([period for each in by_folder.values() for period in each])
    counts: dict[str, int] = {}
    for file, times_of_file in zip(files, moments, strict=True):
        own = periods.get(PurePosixPath(file).parent.as_posix())
        if own and len(periods) > 1:
            foreign = every.covers(times_of_file) & ~own.covers(times_of_file)
            counts[file] = counts.get(file, 0) + int(foreign.sum())
    found = [f"{file} ({count})" for file, count in counts.items() if count]
    more = f" and {len(found) - SHOWN} more files" if len(found) > SHOWN else ""
    text = (
        f"{sum(counts.values())} events get an activity of a label file in another folder alone, though the one beside "
        f"their own file labels none of them: {', '.join(found[:SHOWN])}{more}"
    )
    return [text] if found else []
