"""Give the rows of label files without ends the ends that the next rows set: each activity holds until the next."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hearth.data.sources.times import HOUR

UNKNOWN_END = "a row with an unreadable time may have ended the activity"


class LabelRow(NamedTuple):
    """A row of a label file. `begin` and `end` are in milliseconds UTC, None if unknown; `fault` is '' or its fault."""

    file: str
    line: int
    begin: int | None
    end: int | None
    activities: tuple[str, ...] = ()
    residents: tuple[str, ...] = ()
    fault: str = ""


def hold_until_next(rows: Sequence[LabelRow], hours: float) -> tuple[list[LabelRow], list[str]]:
    """Return a pair: the rows with their ends, one for each resident, in the order of `rows`; and notes on them.

    An activity holds until the next row of its resident, in whatever file, begins, but no longer than `hours`. One that
    a row with an unreadable time may have ended holds for a moment alone; a row with a fault stands for the rest.
    """
    each = [
        row._replace(residents=(resident,) if resident else ()) for row in rows for resident in row.residents or ("",)
    ]
    ordered: dict[tuple[str, ...], list[int]] = {}
    for at in sorted((at for at, row in enumerate(each) if row.begin is not None), key=lambda at: each[at].begin or 0):
        ordered.setdefault(each[at].residents, []).append(at)
    unsure = _ended_by_unreadable(each, ordered)
    held, replaced = 0, 0
    for positions in ordered.values():
        for at, following in zip(positions, [*positions[1:], None], strict=True):
            row = each[at]
            assert row.begin is not None
            end = row.begin + round(hours * HOUR)
            if following is not None and (next_begin := each[following].begin or 0) <= end:
                end = next_begin - 1
                replaced += end < row.begin
            else:
                held += at not in unsure
            each[at] = row._replace(end=end)
    notes = [f"{len(each)} activities of label files hold until the next one of their resident"]
    if held:
        notes.append(
            f"{held} of them hold for {hours:g} hours, since none follows within this time (intervals.hold_hours)"
        )
    if replaced:
        notes.append(f"{replaced} of them hold for no time, since another one begins at the same time")
    parts = (_divide(row) if at in unsure else [row] for at, row in enumerate(each))
    known = (row for part in parts for row in part)
    return [row for row in known if row.begin is None or row.end is None or row.begin <= row.end], notes


def _ended_by_unreadable(rows: Sequence[LabelRow], ordered: Mapping[tuple[str, ...], Sequence[int]]) -> set[int]:
    """Return the positions of the rows whose activity a row with an unreadable time may have ended.

    `ordered` has the positions of the readable rows of each resident, by time. An unreadable row, which is anybody's if
    it names no resident, may lie after the readable row before it in its file, and before the one after it there.
    """
    unreadable = [at for at, row in enumerate(rows) if row.begin is None]
    found: set[int] = set()
    for residents, by_time in ordered.items():
        earlier = dict(zip(by_time[1:], by_time, strict=False))
        in_files = sorted(by_time)
        for at in unreadable:
            if rows[at].residents not in ((), residents):
                continue
            place = bisect(in_files, at)
            if place and rows[in_files[place - 1]].file == rows[at].file:
                found.add(in_files[place - 1])
            if place < len(in_files) and rows[in_files[place]].file == rows[at].file and in_files[place] in earlier:
                found.add(earlier[in_files[place]])
    return found


def _divide(row: LabelRow) -> list[LabelRow]:
    """Return a row for the moment at which an activity begins, and one with a fault for the time after it."""
    assert row.begin is not None
    assert row.end is not None
    after = row._replace(begin=row.begin + 1, activities=(), fault=UNKNOWN_END)
    return [row._replace(end=min(row.begin, row.end)), after]
