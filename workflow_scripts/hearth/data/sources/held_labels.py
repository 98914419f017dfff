"""Give the rows of label files without ends the ends that the next rows set: each activity holds until the next."""

from collections.abc import Sequence
from typing import NamedTuple

from hearth.data.sources.times import HOUR


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
    a row with an unreadable time follows in its file holds for a moment alone, since its end is unknown.
    """
    each = [
        row._replace(residents=(resident,) if resident else ()) for row in rows for resident in row.residents or ("",)
    ]
    ordered: dict[tuple[str, ...], list[int]] = {}
    for at in sorted((at for at, row in enumerate(each) if row.begin is not None), key=lambda at: each[at].begin or 0):
        ordered.setdefault(each[at].residents, []).append(at)
    held, replaced = 0, 0
    for positions in ordered.values():
        for at, following in zip(positions, [*positions[1:], None], strict=True):
            row = each[at]
            after = next((other for other in each[at + 1 :] if (other.file, other.line) != (row.file, row.line)), None)
            assert row.begin is not None
            end = row.begin + round(hours * HOUR)
            if after and after.file == row.file and after.begin is None:
                end = row.begin
            elif following is not None and (next_begin := each[following].begin or 0) <= end:
                end = next_begin - 1
                replaced += end < row.begin
            else:
                held += 1
            each[at] = row._replace(end=end)
    notes = [f"{len(each)} activities of label files hold until the next one of their resident"]
    if held:
        notes.append(
            f"{held} of them hold for {hours:g} hours, since none follows within this time (intervals.hold_hours)"
        )
    if replaced:
        notes.append(f"{replaced} of them hold for no time, since another one begins at the same time")
    return [row for row in each if row.begin is None or row.end is None or row.begin <= row.end], notes
