"""Find label files that seem to be missing: other residents have theirs, or a diary has no row on a day with events."""

from collections.abc import Sequence

import numpy as np

from hearth.data.sources import times
from hearth.data.sources.held_labels import LabelRow
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
