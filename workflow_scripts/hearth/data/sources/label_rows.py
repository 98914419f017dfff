"""Label events by rows among them at which activities begin and end, or change (`recording.label_rows`)."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from hearth.data.load_report import PLACES_SHOWN, LoadReport, RowProblem
from hearth.data.sources import times
from hearth.data.sources.activity_names import accepted_labels
from hearth.data.sources.csv_rows import RowError
from hearth.data.sources.encoded_rows import Columns, EncodedRows
from hearth.data.sources.label_periods import LATEST, LabelPeriods, Period
from hearth.homes.home import Home

SKIPPED = "row that begins or ends an activity (label_rows)"


def annotate_by_label_rows(columns: Columns, rows: EncodedRows, home: Home, report: LoadReport) -> Columns:
    """Return the rows that are events, with their annotations; report the others, the label rows, as skipped.

    Label rows label the rows between them: those of their own file or session if each file, or each value of a column,
    is a session, else those of all files. A broken label row is also in `report.broken_labels`; the activity of rows
    after an activity that never ends is unknown, up to the next label row.
    """
    settings = home.recording.label_rows
    assert settings is not None
    is_label = columns["sensor"] == rows.sensors.code(settings.sensor)
    if not is_label.any():
        report.warnings.append(f"no row has the sensor {settings.sensor!r} (label_rows), so nothing is labelled")
    time = np.where(columns["utc"], columns["time"], times.from_clock(columns["time"], home.timezone))
    scope = columns["session"] if home.recording.sessions_in_column else columns["file"]
    if home.recording.sessions not in ("file", "column", "file-column"):
        scope = np.zeros_like(scope)
    order = np.lexsort((time, scope))
    place: np.ndarray = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    alone = np.setdiff1d(scope[is_label], scope[~is_label])
    if len(alone):
        files = sorted({rows.files.values[code] for code in columns["file"][is_label & np.isin(scope, alone)]})
        report.warnings.append(
            f"label rows of {', '.join(files)} label nothing: their session has no other rows (with sessions.by day or "
            "gap, they label the rows of all files)"
        )
    ends = np.flatnonzero(np.diff(scope[order], append=-1))  # places of the last rows of scopes
    labeller = _Labeller(columns, rows, home, report, np.sort(place[is_label]), ends)
    for row in order[is_label[order]].tolist():
        labeller.read(row, int(scope[row]), int(place[row]))
    labeller.end_all()
    if labeller.going_on:
        report.warnings.append(
            f"{labeller.going_on} activities begin in one session and end in the next, but label rows label their own "
            "session alone (sessions.by: file or column); with sessions.by day or gap, they label the rows of all files"
        )
    periods = LabelPeriods(labeller.periods)

    report.label_rows += int(is_label.sum())
    first = np.flatnonzero(is_label)[:PLACES_SHOWN].tolist()
    report.skip(SKIPPED, ["{}:{}".format(*labeller.source(row)) for row in first], int(is_label.sum()))
    events = {name: values[~is_label] for name, values in columns.items()}
    residents = [annotation.residents for annotation in rows.annotations.values]
    events["annotation"] = periods.encode(place[~is_label], events["annotation"], residents, rows.annotations)
    return events


@dataclass(frozen=True)
class _Begun:
    """An activity that has begun with the label row `row`, at `place` in the order of rows."""

    row: int
    place: int
    is_known: bool


class _Labeller:
    """Reads label rows in order; collects the periods between them."""

    def __init__(
        self,
        columns: Columns,
        rows: EncodedRows,
        home: Home,
        report: LoadReport,
        places: np.ndarray,
        ends: np.ndarray,
    ):
        """`places` has the sorted places of all label rows, `ends` those of the last rows of all scopes."""
        self._columns, self._home, self._report, self._places, self._ends = columns, home, report, places, ends
        self._files, self._states = rows.files.values, rows.states.values
        self._annotations = rows.annotations.values
        self._scope = -1
        self._open: dict[tuple[str, str], _Begun] = {}  # by activity and resident
        self._cut: dict[tuple[str, str], _Begun] = {}  # those that had not ended at the end of the scope before
        self.periods: list[Period] = []
        self.going_on = 0  # number of activities that begin in one scope and end in the next

    def source(self, row: int) -> tuple[str, int]:
        """Return the file and the line of a row."""
        return self._files[self._columns["file"][row]], int(self._columns["line"][row])

    def read(self, row: int, scope: int, place: int) -> None:
        """Begin or end the activity that the label row `row` names."""
        if scope != self._scope:
            self._cut = self._open
            self.end_all()
            self._scope = scope
        settings = self._home.recording.label_rows
        assert settings is not None
        state = self._states[self._columns["state"][row]]
        if not settings.begin:
            self._change(row, place, state)
            return
        mark = next((each for each in (settings.begin, settings.end) if state.startswith(each)), "")
        activity = state.removeprefix(mark).strip()
        if not mark or not activity:
            self._report_broken(row, f"{state!r} is not {settings.begin!r} or {settings.end!r} with an activity")
            return
        for resident in self._annotations[self._columns["annotation"][row]].residents or ("",):
            begun = self._open.pop((activity, resident), None)
            if mark == settings.begin:
                if begun:
                    self._lose(begun, activity, resident)
                self._open[activity, resident] = _Begun(row, place, self._is_known(row, activity))
            elif begun:
                self.periods.append(Period(begun.place, place, activity if begun.is_known else "", resident))
            else:
                self.going_on += self._cut.pop((activity, resident), None) is not None
                self._report_broken(row, f"{activity!r} ends without having begun")

    def _change(self, row: int, place: int, activity: str) -> None:
        """End the resident's activity, and begin `activity`; an ignored state, such as unavailable, is none."""
        if any(fnmatchcase(activity, pattern) for pattern in self._home.recording.ignored_states):
            activity = ""
        for resident in self._annotations[self._columns["annotation"][row]].residents or ("",):
            for key in [key for key in self._open if key[1] == resident]:
                begun = self._open.pop(key)
                # Places are those of rows, and the next activity begins at this one.
                self.periods.append(Period(begun.place, place - 1, key[0] if begun.is_known else "", resident))
            if activity:
                self._open[activity, resident] = _Begun(row, place, self._is_known(row, activity))

    def end_all(self) -> None:
        """Report the activities that have not ended; without marks, they hold to the last row of their scope."""
        settings = self._home.recording.label_rows
        for (activity, resident), begun in self._open.items():
            if settings and not settings.begin:
                self.periods.append(
                    Period(begun.place, self._last_of(begun), activity if begun.is_known else "", resident)
                )
            else:
                self._lose(begun, activity, resident)
        self._open = {}

    def _last_of(self, begun: _Begun) -> int:
        """Return the place of the last row of the scope in which an activity has begun."""
        return int(self._ends[np.searchsorted(self._ends, begun.place)])

    def _lose(self, begun: _Begun, activity: str, resident: str) -> None:
        """Report an activity that never ends. Up to the next label row, rows that it may label have a lost activity."""
        self._report_broken(begun.row, f"{activity!r} begins and never ends")
        following = self._places[np.searchsorted(self._places, begun.place, side="right") :]
        self.periods.append(Period(begun.place, int(following[0]) if len(following) else LATEST, "", resident))

    def _is_known(self, row: int, activity: str) -> bool:
        try:
            accepted_labels([activity], self._home)
        except RowError as fault:
            self._report_broken(row, str(fault))
            return False
        return True

    def _report_broken(self, row: int, reason: str) -> None:
        self._report.broken_labels.append(RowProblem(*self.source(row), reason))
