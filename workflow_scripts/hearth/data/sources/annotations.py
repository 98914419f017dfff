"""Find the residents and activities of table rows, in the rows' own cells or in the intervals of label files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hearth.data.events import natural_key
from hearth.data.load_report import LoadReport, RowProblem
from hearth.data.sources import times
from hearth.data.sources.encoded_rows import Annotation, Codes, encode_pairs, encode_texts
from hearth.data.sources.tabular import LIST_SEPARATOR, Block, read_blocks
from hearth.homes.home import Home
from hearth.homes.raw_format import Intervals


def label_files(root: Path, home: Home) -> list[Path]:
    """Return the files of `recording.intervals` below `root`, in natural order; `root` may be one event file."""
    root = Path(root)
    patterns = home.recording.intervals.files if home.recording.intervals else ()
    return find_files(root if root.is_dir() else root.parent, patterns)


def find_files(root: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the files below `root` that match a pattern, in natural order.

    Raises ValueError for a pattern that leads out of `root`.
    """
    for pattern in patterns:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise ValueError(f"recording: files: {pattern!r} leads out of the data's folder")
    paths = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    return sorted(paths, key=lambda path: natural_key(path.as_posix()))


def joined_cells(cells: pd.DataFrame, names: Sequence[str], separator: str) -> pd.Series:
    """Return one column: in each row, the stripped cells of the columns `names`, joined with `separator`."""
    joined = cells[names[0]].str.strip()
    for name in names[1:]:
        joined = joined + separator + cells[name].str.strip()
    return joined


class Annotator:
    """Finds the residents and activities of rows, in their own cells or in the label files of `recording.intervals`."""

    def __init__(self, home: Home, root: Path, report: LoadReport):
        """Read the label files below `root`, if there are any; their broken rows go into `report`."""
        self._settings = home.recording
        self._intervals = _LabelIntervals(home, root, report) if home.recording.intervals else None

    def encode(
        self, cells: pd.DataFrame, time: np.ndarray, utc: np.ndarray, annotations: Codes[Annotation]
    ) -> np.ndarray:
        """Return the code of each row's annotation; new annotations are added to `annotations`.

        `time` is in milliseconds, in UTC where the mask `utc` is true, else on the home's clock.
        """
        residents, resident_codes = self._encode_role(cells, "resident")
        activities, activity_codes = self._encode_role(cells, "activity")
        pairs: Codes[tuple[str, str]] = Codes()
        codes = encode_pairs(pairs, resident_codes, activity_codes, (residents.values, activities.values))
        own = [Annotation(self._split(who), self._split(what)) for who, what in pairs.values]
        if self._intervals:
            return self._intervals.encode(time, utc, codes, [each.residents for each in own], annotations)
        return annotations.encode(own, codes)

    def _encode_role(self, cells: pd.DataFrame, role: str) -> tuple[Codes[str], np.ndarray]:
        codes: Codes[str] = Codes()
        if role in self._settings.columns:
            return codes, encode_texts(codes, joined_cells(cells, self._settings.columns[role], LIST_SEPARATOR))
        return codes, np.full(len(cells), codes.code(""), dtype=np.int32)

    def _split(self, cell: str) -> tuple[str, ...]:
        """Return the distinct values in a cell that may hold several."""
        parts = cell.split(LIST_SEPARATOR)
        if self._settings.separator:
            parts = [part for each in parts for part in each.split(self._settings.separator)]
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


Interval = tuple[int, int, str, str]  # begin and end in milliseconds UTC, activity, resident
Segments = tuple[np.ndarray, list[tuple[str, ...]]]  # see `_segments`


class _LabelIntervals:
    """The intervals of label files; each has an activity, from its begin up to and including its end.

    An interval that names a resident labels only the events of that resident.
    """

    def __init__(self, home: Home, root: Path, report: LoadReport):
        self._zone = home.timezone
        assert home.recording.intervals is not None
        columns = home.recording.intervals.columns
        paths = label_files(root, home)
        if not paths:
            patterns = list(home.recording.intervals.files)
            raise ValueError(f"{root}: no file matches recording.intervals.files {patterns}")
        intervals: list[Interval] = []
        for path in paths:
            name = path.relative_to(root).as_posix()
            report.files += 1
            settings = home.recording.intervals
            for block in read_blocks(path, list(filter(None, columns.values())), settings.form):
                report.broken += [RowProblem(name, line, fault) for line, fault in block.faults]
                report.rows += len(block.faults)
                intervals += self._parse(block, name, settings, columns, report)
        # Segments by resident: they include the intervals that name no resident. The key None has all intervals.
        self._segments_of: dict[str | None, Segments] = {
            resident: _segments([row for row in intervals if resident is None or row[3] in (resident, "")])
            for resident in [None, *sorted({row[3] for row in intervals})]
        }

    def _parse(
        self, block: Block, name: str, settings: Intervals, columns: dict[str, str], report: LoadReport
    ) -> list[Interval]:
        """Return the intervals of the valid rows; report the other rows as broken."""
        (begin, begin_valid, utc), (end, end_valid, _) = (
            times.parse_times(block.cells[columns[role]].str.strip(), settings.time.format, settings.time.zone)
            for role in ("begin", "end")
        )
        reasons = {
            f"column {columns['begin']}: no time in {settings.time.format}": ~begin_valid,
            f"column {columns['end']}: no time in {settings.time.format}": begin_valid & ~end_valid,
            "the interval ends before it begins": begin_valid & end_valid & (end < begin),
        }
        for reason, mask in reasons.items():
            report.broken += [RowProblem(name, int(line), reason) for line in block.lines[mask]]
            report.rows += int(mask.sum())
        valid = begin_valid & end_valid & (end >= begin)
        activity = block.cells[columns["activity"]].str.strip()
        who = block.cells[columns["resident"]].str.strip() if columns.get("resident") else activity.map(lambda _: "")
        begin, end = (np.where(utc, time, times.from_clock(time, self._zone)) for time in (begin, end))
        rows = zip(begin.tolist(), end.tolist(), activity, who, strict=True)
        return [row for row, is_valid in zip(rows, valid, strict=True) if is_valid]

    def encode(
        self,
        time: np.ndarray,
        utc: np.ndarray,
        codes: np.ndarray,
        residents: Sequence[tuple[str, ...]],
        annotations: Codes[Annotation],
    ) -> np.ndarray:
        """Return the code of each row's annotation, made of its residents and the activities at its time.

        `codes` has the position of each row's residents in `residents`; `time` and `utc` are as in `Annotator.encode`.
        """
        time = np.where(utc, time, times.from_clock(time, self._zone))
        encoded: np.ndarray = np.zeros(len(time), dtype=np.int32)
        for code, names in enumerate(residents):
            chosen = codes == code
            if not chosen.any():
                continue
            # A resident named in no interval gets the intervals that name no resident. A row without residents gets
            # all intervals.
            shared = self._segments_of.get("", _segments([]))
            parts = [self._segments_of.get(name, shared) for name in names] or [self._segments_of[None]]
            positions = [np.searchsorted(bounds, time[chosen], side="right") for bounds, _ in parts]
            index = pd.MultiIndex.from_arrays(positions) if len(parts) > 1 else pd.Index(positions[0])
            local, distinct = pd.factorize(index)
            combined = []
            for places in distinct:
                places = places if isinstance(places, tuple) else (places,)
                active = [label for (_, labels), at in zip(parts, places, strict=True) for label in labels[at]]
                combined.append(Annotation(tuple(names), tuple(dict.fromkeys(active))))
            encoded[chosen] = annotations.encode(combined, local)
        return encoded


def _segments(intervals: Sequence[Interval]) -> Segments:
    """Return a pair: the sorted times (ms) at which labels change, and the labels of each segment between them.

    The first segment is before the first time, and the last segment after the last time. Of several labels in a
    segment, the one that began last comes first.
    """
    bounds = sorted({begin for begin, *_ in intervals} | {end + 1 for _, end, *_ in intervals})
    starting: dict[int, list[tuple[int, str]]] = {}
    for begin, end, label in sorted((begin, end, label) for begin, end, label, _ in intervals):
        starting.setdefault(begin, []).append((end, label))
    current: list[tuple[int, str]] = []
    labels: list[tuple[str, ...]] = [()]
    for bound in bounds:
        current = [*reversed(starting.get(bound, [])), *((end, label) for end, label in current if end >= bound)]
        labels.append(tuple(dict.fromkeys(label for _, label in current)))
    return np.array(bounds, dtype=np.int64), labels
