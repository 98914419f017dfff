"""Build the event table from encoded rows: the steps that the sources `table` and `casas` share."""

import itertools
from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from hearth.data.event_files import decode_lists
from hearth.data.events import ALTERNATIVES, COLUMNS, GROUP_PREFIX, natural_key
from hearth.data.load_report import PLACES_SHOWN, LoadReport, RowProblem
from hearth.data.sources import times
from hearth.data.sources.activity_names import accepted_labels
from hearth.data.sources.csv_rows import RowError
from hearth.data.sources.encoded_rows import Annotation, Codes, EncodedRows, encode_pairs
from hearth.data.sources.label_rows import annotate_by_label_rows
from hearth.data.sources.repeated_states import REPEATED, find_repeated_states
from hearth.data.sources.sessions import assign_sessions
from hearth.data.sources.unlabelled_parts import warn_of_unlabelled_parts
from hearth.homes.home import Home
from hearth.homes.raw_format import DROP

NOTED_FILES = 20
_DAY = 86_400_000  # milliseconds
_WORD_COLUMNS = ("room", "sensor", "state", "description")


def build_events(rows: EncodedRows, home: Home, report: LoadReport) -> pd.DataFrame:
    """Return the event table of `rows`; report in `report` the broken and skipped rows, and the number of events.

    Raises ValueError if two files would get the same session name, or if a session has rows of several groups.
    """
    return _EventBuilder(rows, home, report).build()


class _EventBuilder:
    """Turns rows into events; each step removes and reports the rows that cannot become events."""

    def __init__(self, rows: EncodedRows, home: Home, report: LoadReport):
        self._rows, self._home, self._report = rows, home, report
        self._files = rows.files.values
        self._columns = rows.take()
        self._unlabelled: list[int] = []  # codes of annotations without an activity

    def build(self) -> pd.DataFrame:
        self._tell_passes()
        if self._home.recording.label_rows:
            self._columns = annotate_by_label_rows(self._columns, self._rows, self._home, self._report)
        if self._home.recording.equal_rows == "join":
            self._join_equal_rows()
        self._note_disorder()
        words = self._describe()
        labels = self._label()
        self._skip_duplicates()
        self._set_clock()
        sessions = self._assign_sessions()
        self._sort()
        self._warn_of_repeats(words)
        if len(sessions) == 1:
            self._report.notes.append(
                f"one session, {sessions[0]}: a split needs two; set `recording.sessions` (by: day, gap or column)"
            )
        self._report.loaded = len(self._columns["time"])
        self._report.unlabelled = int(np.isin(self._columns["annotation"], self._unlabelled).sum())
        seen = {name for annotation in self._rows.annotations.values for name in annotation.activities}
        if unused := [repr(name) for name in self._home.recording.activities if name not in seen]:
            self._report.notes.append(f"no event has these activities of `activities`: {', '.join(unused)}")
        self._report.broken.sort(key=lambda problem: (natural_key(problem.file), problem.line))
        return self._table(sessions, words, labels)

    def _keep(self, mask: np.ndarray) -> None:
        if not mask.all():
            self._columns = {name: values[mask] for name, values in self._columns.items()}

    def _report_broken(self, codes: np.ndarray, reasons: dict[int, str]) -> np.ndarray:
        """Report the rows whose code is in `reasons` as broken; return the mask of the other rows."""
        broken = np.isin(codes, list(reasons))
        for row in np.flatnonzero(broken):
            file, line = self._files[self._columns["file"][row]], int(self._columns["line"][row])
            self._report.broken.append(RowProblem(file, line, reasons[int(codes[row])]))
        return ~broken

    def _report_skipped(self, codes: np.ndarray, reasons: dict[int, str]) -> np.ndarray:
        """Report the rows whose code is in `reasons` as skipped; return the mask of the other rows."""
        kept: np.ndarray = np.ones(len(codes), dtype=bool)
        for reason in sorted(set(reasons.values())):
            skipped = np.isin(codes, [code for code, each in reasons.items() if each == reason])
            self._skip(skipped, reason)
            kept &= ~skipped
        return kept

    def _skip(self, mask: np.ndarray, reason: str) -> None:
        if mask.any():
            first = np.flatnonzero(mask)[:PLACES_SHOWN]
            places = [f"{self._files[self._columns['file'][row]]}:{self._columns['line'][row]}" for row in first]
            self._report.skip(reason, places, int(mask.sum()))

    def _tell_passes(self) -> None:
        """Convert times to UTC if the order of rows tells which are in the second pass of an hour shown twice."""
        columns, zone = self._columns, self._home.timezone
        if columns["utc"].any() or columns["lasted"].any():
            return
        second, unclear = times.second_passes(columns["time"], columns["file"], zone)
        if unclear:
            self._report.warnings.append(
                f"{unclear} rows lie in an hour that the clock of {zone} shows twice, out of order of time; they are "
                "sorted as of its first pass"
            )
        if second.any():
            columns["time"] = times.from_clock(columns["time"], zone) + second * times.HOUR
            columns["utc"] = np.ones(len(second), dtype=bool)

    def _join_equal_rows(self) -> None:
        """Keep the first of the rows of a session that are equal but for their annotations; it gets all of these."""
        names = ["session", "time", "lasted", "sensor", "state"]
        if self._home.recording.sessions in ("file", "file-column"):
            names.append("file")
        keys = pd.DataFrame({name: self._columns[name] for name in names})
        events = keys.groupby(names, sort=False).ngroup().to_numpy()
        repeats = keys.duplicated().to_numpy()
        annotations, codes = self._rows.annotations, self._columns["annotation"]
        equal = np.flatnonzero(np.isin(events, events[repeats]))
        equal = equal[np.argsort(events[equal], kind="stable")]
        for rows in np.split(equal, 1 + np.flatnonzero(np.diff(events[equal]))) if len(equal) else []:
            joined = [annotations.values[code] for code in codes[rows]]
            codes[rows[0]] = annotations.code(
                Annotation(
                    tuple(dict.fromkeys(name for each in joined for name in each.residents)),
                    tuple(dict.fromkeys(name for each in joined for name in each.activities)),
                    all(each.is_lost for each in joined),
                )
            )
        self._skip(repeats, "equal to another row but for its activity (equal_rows)")
        self._keep(~repeats)

    def _note_disorder(self) -> None:
        """Note for each file the number of rows whose time is earlier than that of some row before them.

        Rows that are time spans are in order if their begins are.
        """
        notes = []
        in_order = self._columns["lasted"] <= 0
        file, time = self._columns["file"][in_order], self._columns["time"][in_order]
        starts = np.flatnonzero(np.diff(file, prepend=-1))
        for start, end in itertools.pairwise([*starts, len(file)]):
            part = time[start:end]
            if late := int((part < np.maximum.accumulate(part)).sum()):
                notes.append(f"{self._files[file[start]]}: {late} rows out of order of time, sorted")
        self._report.notes += notes[:NOTED_FILES]
        if len(notes) > NOTED_FILES:
            more = len(notes) - NOTED_FILES
            self._report.notes.append(f"and {more} more files with rows out of order of time, sorted")

    def _ignore(self, column: str, values: Sequence[str], patterns: Sequence[str]) -> None:
        """Skip the rows whose sensor or state matches one of `patterns`; warn of patterns that match none."""
        ignored, unused = {}, set(patterns)
        for code, value in enumerate(values):
            if matching := {pattern for pattern in patterns if fnmatchcase(value, pattern)}:
                ignored[code] = f"{column} {value} (ignored_{column}s)"
                unused -= matching
        self._report.warnings += [
            f"ignored_{column}s: no {column} of the data matches {pattern!r}" for pattern in sorted(unused)
        ]
        self._keep(self._report_skipped(self._columns[column], ignored))

    def _describe(self) -> pd.DataFrame:
        """Keep the rows of known sensors and states; return a table of the texts of sensors with their states.

        The new column `words` has the position of each row's texts in that table.
        """
        self._ignore("sensor", self._rows.sensors.values, self._home.recording.ignored_sensors)
        self._ignore("state", self._rows.states.values, self._home.recording.ignored_states)
        pairs: Codes[tuple[str, str]] = Codes()
        values = (self._rows.sensors.values, self._rows.states.values)
        codes = encode_pairs(pairs, self._columns.pop("sensor"), self._columns.pop("state"), values)
        unknown, words = {}, []
        for code, (sensor, state) in enumerate(pairs.values):
            try:
                room, state_words, description = self._home.describe(sensor, state)
                words.append((room, sensor, state_words, description))
            except KeyError as error:
                unknown[code] = error.args[0]
                words.append(("", sensor, "", ""))
        self._columns["words"] = codes
        table = pd.DataFrame(words, columns=list(_WORD_COLUMNS))
        kept = self._report_broken(codes, unknown)
        if self._home.recording.repeated_states == "skip":
            repeated = kept & find_repeated_states(self._columns, table, self._home.timezone)
            self._skip(repeated, REPEATED)
            kept &= ~repeated
        self._keep(kept)
        return table

    def _label(self) -> list[tuple[list[str], list[str]]]:
        """Keep the rows that have a label from their annotation, or from `recording.unlabelled`.

        Return a list with a pair for each annotation code: the residents, and the accepted labels.
        """
        annotations = self._rows.annotations.values
        default = [] if self._home.recording.unlabelled == DROP else [self._home.recording.unlabelled]
        unknown, lost, unlabelled, labels = {}, {}, {}, []
        for code, annotation in enumerate(annotations):
            activities: list[str] = []
            try:
                activities = accepted_labels(annotation.activities, self._home)
                if annotation.is_lost:
                    lost[code] = "its activity is in a broken label row"
                elif not activities:
                    unlabelled[code] = "no activity (unlabelled: drop)"
            except RowError as fault:
                unknown[code] = str(fault)
            labels.append((sorted(set(annotation.residents)), activities or default))
        codes = self._columns["annotation"]
        bare = [code for code, annotation in enumerate(annotations) if not annotation.activities]
        is_unlabelled = np.isin(codes, sorted(set(bare) - set(lost)))
        self._report.warnings += warn_of_unlabelled_parts(self._columns, is_unlabelled, self._rows, self._home)
        kept = self._report_broken(codes, unknown)
        kept &= self._report_skipped(codes, lost | ({} if default else unlabelled))
        self._keep(kept)
        self._unlabelled = list(unlabelled)
        joint = [code for code, annotation in enumerate(annotations) if len(annotation.activities) > 1]
        differing = [code for code in joint if len(labels[code][1]) > 1]
        self._note_several(joint, differing)
        if self._home.recording.several == "first":
            return [(residents, activities[:1]) for residents, activities in labels]
        return labels

    def _note_several(self, joint: list[int], differing: list[int]) -> None:
        """Report the number of events with several activities, and with several different labels.

        It is a warning if only the first is accepted though the yaml does not say so. `joint` and `differing` are the
        codes of the annotations of these events.
        """
        count, different = (int(np.isin(self._columns["annotation"], codes).sum()) for codes in (joint, differing))
        self._report.several = different
        if count:
            several = self._home.recording.several
            accepted = {"first": "the first is accepted", "any": "any of them is accepted"}[several]
            unasked = different and several == "first" and "several" not in self._home.recording.keys
            (self._report.warnings if unasked else self._report.notes).append(
                f"{count} events have several annotations, {different} of them different activities: {accepted} "
                f"(several: {several})"
            )

    def _skip_duplicates(self) -> None:
        """Keep the first of the rows that are equal in session, time, sensor, state and annotation.

        Rows that are time spans are equal if both of their ends are.
        """
        names = ("session", "time", "lasted", "words", "annotation")
        keys = pd.DataFrame({name: self._columns[name] for name in names})
        duplicates = keys.duplicated().to_numpy()
        self._skip(duplicates, "duplicate row")
        self._keep(~duplicates)

    def _set_clock(self) -> None:
        """Add the column `clock`, milliseconds on the home's clock; convert `time` to UTC if any row is in UTC."""
        columns, zone = self._columns, self._home.timezone
        utc = columns.pop("utc")
        if not utc.any():
            columns["clock"] = columns["time"]
            if zone != "UTC" and (odd := times.count_odd_hours(columns["time"], zone)):
                self._report.notes.append(f"{odd} events lie in an hour that the clock of {zone} shows twice or never")
            return
        columns["time"][~utc] = times.from_clock(columns["time"][~utc], zone)
        columns["clock"] = times.on_clock(columns["time"], zone)

    def _assign_sessions(self) -> list[str]:
        """Return the session names in natural order; the column `session` then has positions in that list."""
        codes, names = assign_sessions(
            self._columns, self._home.recording, self._files, self._rows.sessions.values, self._report
        )
        order = sorted(np.unique(codes).tolist(), key=lambda code: natural_key(names[code]))
        position: np.ndarray = np.zeros(len(names), dtype=np.int64)
        position[order] = np.arange(len(order))
        self._columns["session"] = position[codes]
        return [names[code] for code in order]

    def _sort(self) -> None:
        """Sort rows by session and time; then raise `clock` wherever it decreases.

        Equal times stay in file order, but time spans end before others begin.
        """
        order = np.lexsort((self._columns.pop("lasted") <= 0, self._columns["time"], self._columns["session"]))
        self._columns = {name: values[order] for name, values in self._columns.items()}
        clock, session = self._columns["clock"], self._columns["session"]
        if ((np.diff(clock) < 0) & (np.diff(session) == 0)).any():
            # A clock that is set back shows an hour twice. Events of the second pass get the latest time of the first.
            monotonic = pd.Series(clock).groupby(session).cummax().to_numpy()
            count = int((monotonic != clock).sum())
            self._report.notes.append(
                f"{count} events lie in an hour that the clock of {self._home.timezone} shows twice: they are in its "
                "second pass and get the latest time of its first pass"
            )
            self._columns["clock"] = monotonic

    def _warn_of_repeats(self, words: pd.DataFrame) -> None:
        """Warn if most events repeat the last state of their sensor, as exports with a row a minute do.

        Sensors with one state are left out: each of their events is news.
        """
        codes = self._columns["words"]
        sensors = pd.factorize(words["sensor"])[0][codes]
        order = np.argsort(sensors, kind="stable")
        is_repeat = (np.diff(codes[order]) == 0) & (np.diff(self._columns["session"][order]) == 0)
        states = pd.Series(codes).groupby(sensors).transform("nunique").to_numpy()
        repeats = order[1:][is_repeat & (states[order[1:]] > 1)]
        if len(repeats) > len(codes) / 2:
            counts = words["sensor"].iloc[codes[repeats]].value_counts()
            self._report.warnings.append(
                f"{len(repeats)} of {len(codes)} events repeat the last state of their sensor (most: "
                f"{counts.index[0]}, {counts.iloc[0]}); if rows are written at fixed times, set "
                "`recording.repeated_states: skip`"
            )

    def _table(
        self, sessions: list[str], words: pd.DataFrame, labels: list[tuple[list[str], list[str]]]
    ) -> pd.DataFrame:
        """Return the event table of the sorted rows."""
        session, annotation = self._columns["session"], self._columns["annotation"]
        columns: dict[str, object] = {"session": pd.Categorical.from_codes(session, sessions)}
        starts = np.flatnonzero(np.diff(session, prepend=-1))
        lengths = np.diff(np.r_[starts, len(session)])
        columns["event"] = np.arange(len(session)) - np.repeat(starts, lengths)
        columns["time"] = self._columns["clock"].astype("datetime64[ms]")
        for name in _WORD_COLUMNS:
            columns[name] = _categorical(words[name], self._columns["words"])
        columns["residents"] = decode_lists(annotation, [residents for residents, _ in labels])
        first = pd.Series([activities[0] if activities else "" for _, activities in labels], dtype=str)
        columns["activity"] = _categorical(first, annotation)
        groups = {GROUP_PREFIX + key: names for key, names in self._groups(sessions, starts, lengths).items()}
        for name, names in groups.items():
            columns[name] = _categorical(pd.Series(names, dtype=str), session)
        if any(len(activities) > 1 for _, activities in labels):
            columns[ALTERNATIVES] = decode_lists(annotation, [activities for _, activities in labels])
        return pd.DataFrame({name: columns[name] for name in (*COLUMNS, *groups, ALTERNATIVES) if name in columns})

    def _groups(self, sessions: list[str], starts: np.ndarray, lengths: np.ndarray) -> dict[str, list[str]]:
        """Return for each group key the groups of all sessions: the day on which a session begins, and those of
        `recording.groups`. Raises ValueError if rows of one session have several groups.
        """
        group, values = self._columns["group"], self._rows.groups.values
        days = [str(np.datetime64(clock // _DAY, "D")) for clock in self._columns["clock"][starts].tolist()]
        for row in np.flatnonzero(group != np.repeat(group[starts], lengths))[:1].tolist():
            session = self._columns["session"][row]
            found = dict(
                zip(
                    self._home.recording.groups,
                    zip(values[group[starts[session]]], values[group[row]], strict=True),
                    strict=True,
                )
            )
            key, (one, other) = next((key, pair) for key, pair in found.items() if pair[0] != pair[1])
            raise ValueError(
                f"home {self._home.name}: recording.groups: session {sessions[session]!r} has two groups by {key!r}, "
                f"{one!r} and {other!r}; a session is in one fold as a whole, so it needs one group"
            )
        own = {key: [values[code][at] for code in group[starts]] for at, key in enumerate(self._home.recording.groups)}
        return {"day": days} | own


def _categorical(values: pd.Series, codes: np.ndarray) -> pd.Categorical:
    """Return `values[codes]` as a categorical column."""
    positions, distinct = pd.factorize(values)
    return pd.Categorical.from_codes(positions[codes], distinct)
