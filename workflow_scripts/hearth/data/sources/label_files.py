"""Label events by the rows of label files, each of which gives the activity of a period (`recording.intervals`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hearth.common.schemas import nearest
from hearth.data.load_report import LoadReport, RowProblem
from hearth.data.sources import times
from hearth.data.sources.activity_names import accepted_labels
from hearth.data.sources.blocks import Block, joined_cells
from hearth.data.sources.csv_rows import RowError
from hearth.data.sources.encoded_rows import Annotation, Codes, split_cell
from hearth.data.sources.file_columns import alias_notes, read_named_blocks
from hearth.data.sources.file_search import label_files
from hearth.data.sources.held_labels import LabelRow, hold_until_next
from hearth.data.sources.label_periods import EARLIEST, LATEST, LabelPeriods, Period
from hearth.data.sources.missing_labels import days_without_rows, labels_of_other_folders, missing_files_warning
from hearth.data.sources.time_formats import likely_remedy
from hearth.homes.home import Home
from hearth.homes.raw_format import Intervals

# Below this share of events within intervals, shifts of the clock are tried that put more of them there.
_LOW_SHARE = 0.5
_SHIFTS = (*range(-14, 0), *range(1, 15))  # hours


@dataclass
class _Seen:
    """The times (ms UTC) of all events with the file of each array of them, and the events' residents."""

    times: list[np.ndarray]
    files: list[str]
    residents: set[str]


class LabelFiles:
    """The intervals of label files; each has an activity, from its begin up to and including its end.

    The activity of events that only a broken row may label is lost. Such a row stands for the time from its begin to
    its end; if one of them is unknown, up to the next interval; if both are, from the row before to the row after.
    """

    def __init__(self, home: Home, root: Path, report: LoadReport):
        """Read the label files below `root`; report broken rows in `report`. Raises ValueError if there is no file."""
        assert home.recording.intervals is not None
        self._home, self._settings, self._report = home, home.recording.intervals, report
        self._has_clock_times = False  # whether times have no offset, so that a zone decides about them
        paths = label_files(root, home)
        if not paths:
            patterns = list(self._settings.files)
            raise ValueError(f"{root}: no file matches recording.intervals.files {patterns}")
        rows: list[LabelRow] = []
        for path in paths:
            report.files += 1
            name = path.relative_to(root).as_posix()
            try:
                columns, form = _columns(self._settings), self._settings.form
                blocks = list(read_named_blocks(path, name, columns, form, self._settings))
            except ValueError as error:
                raise ValueError(f"{error}; the keys of label files are in `recording.intervals`") from None
            rows += sorted((row for block in blocks for row in self._parse(block, name)), key=lambda row: row.line)
        report.notes += alias_notes({path.relative_to(root).as_posix(): path for path in paths}, self._settings)
        report.label_rows += len(rows)
        report.broken_labels += [RowProblem(row.file, row.line, row.fault) for row in rows if row.fault]
        report.warnings += missing_files_warning([path.relative_to(root).as_posix() for path in paths], self._settings)
        self._held: list[LabelRow] = []
        if "end" not in self._settings.columns:
            rows, notes = hold_until_next(rows, self._settings.hold_hours)
            report.notes += notes
            self._held = rows
        known = [
            Period(row.begin, row.end, activity, resident)
            for row in rows
            if row.begin is not None and row.end is not None and not row.fault
            for activity in row.activities
            for resident in row.residents or ("",)
        ]
        self._note_overlaps(known)
        self._warn_of_folders(rows)
        self._rows = rows
        self._periods = LabelPeriods([*known, *_lost_periods(rows, known)])
        self._seen = _Seen([], [], set())

    def encode(
        self,
        time: np.ndarray,
        utc: np.ndarray,
        codes: np.ndarray,
        residents: Sequence[tuple[str, ...]],
        annotations: Codes[Annotation],
        file: str,
    ) -> np.ndarray:
        """Return the code of each row's annotation, made of its residents and the activities at its time.

        `file` is that of the rows. `codes` has the position of each row's residents in `residents`. `time` is in
        milliseconds, in UTC where the mask `utc` is true, else on the home's clock.
        """
        time = np.where(utc, time, times.from_clock(time, self._home.timezone))
        self._seen.times.append(time)
        self._seen.files.append(file)
        self._seen.residents |= {name for names in residents for name in names}
        return self._periods.encode(time, codes, residents, annotations)

    def report_fit(self) -> None:
        """Warn if events and intervals name different residents, or if few events lie in intervals."""
        warnings = self._report.warnings
        named, seen = self._periods.residents, self._seen.residents
        if named and seen:
            for name in sorted(seen - named):
                warnings.append(
                    f"resident {name!r} of the events has no interval in the label files{nearest(name, named)}; "
                    "these events get only the activities of intervals without a resident"
                )
            for name in sorted(named - seen):
                warnings.append(f"resident {name!r} of the label files is in no event{nearest(name, seen)}")
        self._report_coverage()
        warnings += labels_of_other_folders(self._rows, self._seen.files, self._seen.times)
        zone, home_zone = self._home.recording.time.zone, self._home.timezone
        # Times with an offset are in files of the days of UTC.
        warnings += days_without_rows(self._held, self._all_times(), home_zone if self._has_clock_times else "UTC")
        is_said = self._settings.time.zone != zone or "intervals.time" in self._home.recording.keys
        if zone not in ("", home_zone) and self._has_clock_times and not is_said:
            warnings.append(
                f"label files are read in time.zone {zone}, as the events are, not in the home's {home_zone}; "
                f"set intervals.time.zone to {zone} or {home_zone}"
            )

    def _all_times(self) -> np.ndarray:
        return np.concatenate(self._seen.times) if self._seen.times else np.zeros(0, dtype=np.int64)

    def _report_coverage(self) -> None:
        """Report the number of events within intervals; if it is low, give the shift by whole hours that raises it."""
        time = self._all_times()
        inside = int(self._periods.covers(time).sum())
        self._report.notes.append(f"{inside} of {len(time)} events lie in intervals of the label files")
        if inside >= _LOW_SHARE * len(time):
            return
        shifted = {hours: int(self._periods.covers(time + hours * times.HOUR).sum()) for hours in _SHIFTS}
        hours = max(_SHIFTS, key=lambda each: (shifted[each], -abs(each)))
        better = shifted[hours] > max(2 * inside, _LOW_SHARE * len(time))
        hint = (
            f"; {shifted[hours]} would if the events were {abs(hours)} h {'later' if hours > 0 else 'earlier'}: check "
            "`time.zone` and `intervals.time.zone`"
        )
        self._report.warnings.append(
            f"only {inside} of {len(time)} events lie in intervals of the label files{hint if better else ''}"
        )

    def _parse(self, block: Block, name: str) -> Iterator[LabelRow]:
        """Yield the rows of a block."""
        settings = self._settings
        columns, form = settings.columns, settings.time.format
        yield from (LabelRow(name, line, None, None, fault=fault) for line, fault in block.faults)
        texts = {role: joined_cells(block.cells, names, " ") for role, names in columns.items()}
        known, remedies = {}, {}
        _, valid, has_offset = times.parse_times(texts["begin"], form, "")
        self._has_clock_times |= bool((valid & ~has_offset).any())
        parsed = {
            role: times.parse_times(texts[role], form, settings.time.zone)
            for role in ("begin", "end")
            if role in columns
        }
        if set(columns["begin"]) & set(columns.get("end", ())):
            begin, end = parsed["begin"], parsed["end"]
            parsed["end"] = (times.next_day(begin[0], end[0], begin[1] & end[1]), *end[1:])
        for role, (milliseconds, valid, utc) in parsed.items():
            milliseconds = np.where(utc, milliseconds, times.from_clock(milliseconds, self._home.timezone))
            known[role] = np.where(valid, milliseconds.astype(object), None)
            remedies[role] = (
                "" if valid.all() else likely_remedy(texts[role], ~valid, form, "recording.intervals.time.format")
            )
        cells = zip(*(texts[role] if role in texts else [""] * len(block.lines) for role in _ROLES), strict=True)
        for line, begins, ends, (begin_text, end_text, activity, who) in zip(
            block.lines.tolist(),
            known["begin"].tolist(),
            known["end"].tolist() if "end" in known else [None] * len(block.lines),
            cells,
            strict=True,
        ):
            activities = split_cell(activity, settings.separator)
            fault = ""
            if begins is None or (ends is None and "end" in columns):
                role, text = ("begin", begin_text) if begins is None else ("end", end_text)
                fault = f"column {', '.join(columns[role])}: {text[:80]!r} is no time in {form}"
                fault += remedies[role] and f"; {remedies[role]}"
            elif ends is not None and ends < begins:
                fault, begins, ends = "the interval ends before it begins", None, None
            elif not activities:
                fault = f"column {columns['activity'][0]}: no activity; name one, and map it to null in `activities`"
            else:
                fault = self._fault_of(activities)
            yield LabelRow(name, line, begins, ends, activities, split_cell(who, settings.separator), fault)

    def _fault_of(self, activities: tuple[str, ...]) -> str:
        try:
            accepted_labels(activities, self._home)
        except RowError as fault:
            return str(fault)
        return ""

    def _note_overlaps(self, periods: Sequence[Period]) -> None:
        """Note the number of intervals that begin before another one of the same resident has ended."""
        latest: dict[str, int] = {}
        count = 0
        for period in sorted(periods):
            count += period.begin < latest.get(period.resident, EARLIEST)
            latest[period.resident] = max(period.end, latest.get(period.resident, EARLIEST))
        if count:
            self._report.notes.append(f"{count} intervals of label files begin before another one has ended")

    def _warn_of_folders(self, rows: Sequence[LabelRow]) -> None:
        """Warn if label files of different folders label the same time of one resident: the homes may be different."""
        latest: dict[str, tuple[int, str]] = {}  # by resident: the latest end, and the folder of its label file
        good = [row for row in rows if row.begin is not None and row.end is not None and not row.fault]
        for row in sorted(good, key=lambda row: (row.begin, row.end)):
            assert row.begin is not None
            assert row.end is not None
            folder = Path(row.file).parent.as_posix()
            for resident in row.residents or ("",):
                end, other = latest.get(resident, (EARLIEST, folder))
                if row.begin < end and folder != other:
                    self._report.warnings.append(
                        f"label files in {other} and {folder} label the same time, and each labels the events of all "
                        "folders; if these are different homes or recordings, load each folder as a dataset of its own"
                    )
                    return
                latest[resident] = max((end, other), (row.end, folder))


_ROLES = ("begin", "end", "activity", "resident")


def _columns(settings: Intervals) -> list[str]:
    return list(dict.fromkeys(name for role in _ROLES for name in settings.columns.get(role, ())))


def _lost_periods(rows: Sequence[LabelRow], known: Sequence[Period]) -> Iterator[Period]:
    """Yield the periods that broken rows may stand for; intervals of other residents do not bound them."""
    bounds: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # by resident: sorted begins and ends
    for position, row in enumerate(rows):
        for resident in (row.residents or ("",)) if row.fault else ():
            if resident not in bounds:
                own = [each for each in known if "" in (resident, each.resident) or each.resident == resident]
                bounds[resident] = np.sort([each.begin for each in own]), np.sort([each.end for each in own])
            begins, ends = bounds[resident]
            begin, end = row.begin, row.end
            if begin is None and end is None:
                begin, end = _neighbours(rows, position)
            elif end is None:
                following = begins[np.searchsorted(begins, begin, side="right") :]
                end = int(following[0]) - 1 if len(following) else LATEST
            elif begin is None:
                before = ends[: np.searchsorted(ends, end, side="left")]
                begin = int(before[-1]) + 1 if len(before) else EARLIEST
            assert begin is not None
            if begin <= end:
                yield Period(begin, end, "", resident)


def _neighbours(rows: Sequence[LabelRow], position: int) -> tuple[int, int]:
    """Return the end of the good row before a row of the same file, and the begin of the good row after it.

    If the row names residents, rows of others are passed over.
    """
    file, own = rows[position].file, set(rows[position].residents)

    def is_neighbour(row: LabelRow) -> bool:
        return row.file == file and not row.fault and not (own and row.residents and own.isdisjoint(row.residents))

    begin = next((row.end for row in reversed(rows[:position]) if is_neighbour(row)), None)
    end = next((row.begin for row in rows[position + 1 :] if is_neighbour(row)), None)
    return EARLIEST if begin is None else begin + 1, LATEST if end is None else end - 1
