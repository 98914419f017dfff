"""Draft a home's yaml from its files: find the form of the files, read all rows as a run would, and describe them."""

import itertools
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hearth.data.load_report import LoadReport
from hearth.data.sources import casas, table, times
from hearth.data.sources.encoded_rows import Annotation, EncodedRows
from hearth.data.sources.registry import SOURCES
from hearth.homes.home import Home, load_home, normalise_label
from hearth.homes.raw_format import DROP, parse_recording
from hearth.onboarding.draft.columns import NO_STATES
from hearth.onboarding.draft.home_yaml import DRAFTED_LABELS, compose, write_yaml
from hearth.onboarding.draft.recording import DraftedRecording, draft_recording
from hearth.onboarding.draft.states import describe_states
from hearth.onboarding.verdict import UNLABELLED, tolerated_rows

_NO_ACTIVITIES = {
    "none",
    "null",
    "nan",
    "n/a",
    "na",
    "-",
    "--",
    "?",
    "unlabelled",
    "unlabeled",
    "no activity",
    "undefined",
}
_OTHERS = {"other", "other_activity", "others", "unknown", "idle"}
_LABEL_MARKS = (("START", "STOP"), ("START", "END"), ("BEGIN", "END"), ("START", "FINISH"))
_SEPARATORS = "|;+&/"
_LABEL_SENSOR = re.compile(r"a[ck]ti?vi|attivit|task|label|input_select|scene", re.IGNORECASE)
_SHOWN = 15
_READERS = {"table": table.read_rows, "casas": casas.read_rows}


def draft_home(root: Path, schema: str) -> str:
    """Return the text of a home's yaml for the files below `root`, or for the file `root`.

    `schema` is named in its first line. Raises ValueError if the form of the files cannot be told, and for data without
    sensors or with fewer than two activities; the message says what was found.
    """
    draft = draft_recording(root)
    if not draft.labelled:
        _find_label_rows(root, draft)
    rows, report = _read_rows(root, draft)
    columns = rows.take()
    zone = _choose_zone(draft, columns["utc"])
    sensors, states = _names(rows.sensors.values, columns["sensor"]), _names(rows.states.values, columns["state"])
    recorded = pd.DataFrame({"sensor": sensors, "state": states})
    clock = columns["time"].copy()
    clock[columns["utc"]] = times.on_clock(clock[columns["utc"]], zone)
    recorded["second"] = clock // 1000 % 86_400
    described = describe_states(recorded, draft)
    labels = _describe_activities(rows.annotations.values, columns["annotation"], draft)
    if not described or not labels:
        raise ValueError(
            f"{root}: {len(described)} sensors and {len(labels)} activities, too few for a home{_why(report)}"
        )
    _choose_sessions(columns["file"], clock, draft)
    residents = {name for annotation in rows.annotations.values for name in annotation.residents}
    if draft.source == "table":
        residents = _split_residents(residents, labels, draft)
    if not residents:
        draft.open.append("residents: several live here, as prompts say; if it is one person, write residents: one")
    else:
        prefix = "; one before an activity, as in R1_Sleep, is no part of the label" if draft.source == "casas" else ""
        draft.said.append(f"residents: {len(residents)} are named, {', '.join(sorted(residents)[:_SHOWN])}{prefix}")
    settings = {
        "timezone": zone,
        "residents": "one" if len(residents) == 1 else "several",
        "recording": draft.settings,
    }
    content = compose(described, labels, recorded, settings)
    return _finish(root, content, draft, schema)


def _split_residents(names: set[str], labels: Sequence[str], draft: DraftedRecording) -> set[str]:
    """Return the residents behind the cells `names`; write the separator of cells that name several of the others."""
    for mark in f",{_SEPARATORS}":
        joined = sorted(name for name in names if mark in name)
        parts = {part.strip() for name in joined for part in name.split(mark)}
        if not joined or not parts <= names:
            continue
        if draft.settings.get("separator", mark) != mark or any(mark in label for label in labels):
            draft.open.append(
                f"residents: {joined[0]!r} is taken for one resident, since activities are not divided by {mark!r}; if "
                "it names several, write one separator for both in the files"
            )
            return names
        draft.settings["separator"] = mark
        draft.open.append(f"separator: {mark!r} divides the residents of a cell, as in {joined[0]!r}")
        return names - set(joined)
    return names


def _finish(root: Path, content: dict[str, Any], draft: DraftedRecording, schema: str) -> str:
    """Read the data as a run would, and return the text of the yaml with what that left out."""
    left_out: list[str] = []
    counts = "the label file is still to write, so no row was read"
    only = content["labels"] if len(content["labels"]) == 1 else None
    if only:
        content["labels"] = [*only, "other"]
    if draft.labelled:
        events, report = _load(root, content, draft.source)
        unlabelled = sum(count for reason, count in report.skipped.items() if reason.startswith(UNLABELLED))
        if only and not unlabelled:
            raise ValueError(
                f"{root}: {len(content['sensors'])} sensors and 1 activity, {only[0]!r}, too few for a home"
            )
        if unlabelled:
            _describe_unlabelled(unlabelled, report.rows, draft, label="other" if only else DROP)
        several = 0 if "several" in draft.settings else report.several
        if several:
            draft.settings["several"] = "any"
            draft.open.append(
                f"several: {several} of {len(events)} events have several activities at once, and any of them is "
                "accepted (any); or write first, which of overlapping ones is the one that began last"
            )
        if unlabelled or several:
            events, report = _load(root, content, draft.source)
        counts = f"{report.rows} rows give {len(events)} events"
        left_out = list(tolerated_rows(report, _home_of(content)))
        draft.said += report.notes
    head = {
        "schema": schema,
        "data": str(root),
        "source": "" if draft.source == "table" else f" SOURCE={draft.source}",
        "counts": counts,
    }
    remarks = {"": draft.open, "Not used": [*draft.unread, *left_out], "Decided by the data": draft.said}
    return write_yaml(content, head, remarks)


def _describe_unlabelled(count: int, rows: int, draft: DraftedRecording, label: str) -> None:
    draft.settings["unlabelled"] = label
    what = "are left out (drop); or name a label for them" if label == DROP else f"get the label {label}; or write drop"
    draft.open.append(f"unlabelled: {count} of {rows} rows have no activity and {what}")


def _load(root: Path, content: Mapping[str, Any], source: str) -> tuple[pd.DataFrame, LoadReport]:
    return SOURCES[source].read(root, _home_of(content))


def _home_of(content: Mapping[str, Any]) -> Home:
    """Return the home that a drafted yaml describes. Raises HomeError if it is not valid."""
    head = dict.fromkeys(("schema", "data", "source", "counts"), "-")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draft.yaml"
        path.write_text(write_yaml(content, head, {}), encoding="utf-8")
        return load_home(path)


def _read_rows(root: Path, draft: DraftedRecording) -> tuple[EncodedRows, LoadReport]:
    settings = draft.settings
    if draft.source == "table" and not draft.labelled:
        # The loader needs a column of activities.
        columns = settings["columns"]
        other = columns.get("state", columns["sensor"])
        settings = settings | {"columns": columns | {"activity": other}, "intervals": None}
    recording = parse_recording(settings)
    labels = tuple(sorted(draft.activities))
    home = Home("draft", "", "UTC", {}, {}, labels, (), {"reasoning": "", "events": []}, "keep", recording)
    rows, report = _READERS[draft.source](root, home)
    if not report.rows - len(report.broken) - sum(report.skipped.values()):
        raise ValueError(f"{root}: no row can be read{_why(report)}")
    return rows, report


def _why(report: LoadReport) -> str:
    return f"; {len(report.broken)} of {report.rows} rows are broken: {report.broken[0]}" if report.broken else ""


def _names(values: Sequence[str], codes: np.ndarray) -> pd.Series:
    return pd.Series(np.array(values, dtype=object)[codes], dtype=object)


def _choose_zone(draft: DraftedRecording, utc: np.ndarray) -> str:
    """Return the time zone of a draft, which is an open choice in any case."""
    if draft.offsets and set(draft.offsets) - {"Z", "+00:00", "+0000", "+00"}:
        counted = ", ".join(f"{offset} ({count} rows)" for offset, count in draft.offsets.items())
        whole = re.fullmatch(r"([+-])(\d\d)(?::?00)?", next(iter(draft.offsets)))
        if len(draft.offsets) == 1 and whole:
            zone = f"Etc/GMT{'-' if whole[1] == '+' else '+'}{int(whole[2])}"
            draft.open.append(
                f"timezone: times have the UTC offset {counted}; {zone} shows the clock as written; name the home's "
                "zone, such as Europe/Paris, which also knows summer time"
            )
            return zone
        draft.open.append(f"timezone: times have the UTC offsets {counted}; UTC is written; name the home's zone")
    elif len(utc) and utc.all():
        draft.open.append(
            "timezone: all times are in UTC, and UTC is written; prompts show the clock of the home's zone"
        )
    else:
        draft.open.append(
            "timezone: times have no UTC offset and are taken for the home's clock; UTC is written; name its zone"
        )
    return "UTC"


def _find_label_rows(root: Path, draft: DraftedRecording) -> None:
    """Write `label_rows` if a sensor's states begin and end activities, or else placeholders for a label file."""
    if "wide" not in draft.settings:
        rows, _ = _read_rows(root, draft)
        columns = rows.take()
        pairs = Counter(zip(columns["sensor"].tolist(), columns["state"].tolist(), strict=True))
        states: dict[str, set[str]] = {}
        for sensor, state in pairs:
            states.setdefault(rows.sensors.values[sensor], set()).add(rows.states.values[state])
        for sensor, each in states.items():
            if marks := _label_marks(each):
                draft.settings["label_rows"] = {"sensor": sensor, "begin": marks[0], "end": marks[1]}
                draft.activities = {state.removeprefix(marks[0]) for state in each if state.startswith(marks[0])}
                draft.said.append(f"rows of the sensor {sensor} begin ({marks[0]}) and end ({marks[1]}) activities")
                draft.labelled = True
                return
        draft.open += [
            f"labels: the states of {sensor} ({', '.join(sorted(each)[:3])}) may be the activities; then write "
            f"label_rows: {{sensor: {sensor}}} for intervals, its states in labels, and leave it out of sensors"
            for sensor, each in states.items()
            if _LABEL_SENSOR.search(sensor)
            and sum(len(state) > 3 and state.lower() not in NO_STATES for state in each) > 1
        ]
    draft.settings["intervals"] = {
        "files": "labels.csv",
        "columns": {"begin": "begin", "end": "end", "activity": "activity"},
    }
    named = f"name one of {', '.join(draft.candidates)} in columns.activity, or " if draft.candidates else ""
    draft.open.append(
        f"labels: no column of activities and no label file was found; {named}write labels.csv into the data's folder, "
        "with the columns begin, end, activity, or correct recording.intervals; `labels` holds placeholders"
    )


def _label_marks(states: set[str]) -> tuple[str, str] | None:
    """Return the beginnings of states at which activities begin and end; None if states are not such."""
    for first, last in _LABEL_MARKS:
        for case in (str, str.lower, str.capitalize):
            found = {
                (match[1], match[2])
                for state in states
                if (match := re.match(rf"({case(first)}|{case(last)})([:_\- ]\s*)(?=.)", state))
            }
            marks = {mark for mark, _ in found}
            if marks == {case(first), case(last)} and len({gap for _, gap in found}) == 1:
                gap = next(gap for _, gap in found)
                if all(state.startswith(tuple(mark + gap for mark in marks)) for state in states):
                    return case(first) + gap, case(last) + gap
    return None


def _describe_activities(annotations: Sequence[Annotation], codes: np.ndarray, draft: DraftedRecording) -> list[str]:
    """Return the labels of a draft; write the separator and the activities that are no label into `draft`."""
    if not draft.labelled:
        return list(DRAFTED_LABELS)
    rows = np.bincount(codes, minlength=len(annotations))
    counts: Counter[str] = Counter()
    for annotation, count in zip(annotations, rows.tolist(), strict=True):
        counts.update({name: count for name in annotation.activities if count and name})
    counts.update({name: 0 for name in draft.activities})
    if (separator := _find_separator(counts)) and draft.source == "table":
        draft.settings |= {"separator": separator, "several": "any"}
        draft.open.append(
            f"several: cells have several activities ({separator!r}); any of them is accepted; or write first"
        )
        split: Counter[str] = Counter()
        for name, count in counts.items():
            split.update({part.strip(): count for part in name.split(separator) if part.strip()})
        counts = split
    mapped: dict[str, str | None] = {}
    labels: dict[str, str] = {}
    for name in sorted(counts):
        plain = normalise_label(name)
        if plain in _NO_ACTIVITIES:
            mapped[name] = None
            draft.said.append(f"activity {name!r} ({counts[name]} rows) is taken for none (activities: null)")
        elif plain in labels:
            mapped[name] = labels[plain]
            draft.said.append(f"activity {name!r} ({counts[name]} rows) is taken for {labels[plain]!r}")
        else:
            labels[plain] = name
    draft.open += [
        f"activities: is {label!r} ({counts[label]} rows) an activity? It is a label; `activities: {{{label}: null}}` "
        "leaves it out"
        for plain, label in labels.items()
        if plain.replace(" ", "_") in _OTHERS
    ]
    if labels and all(label.isdigit() for label in labels):
        draft.open.append("labels: activities are numbers; write words for them in `labels` and `activities`")
        labels = {label: f"activity {label}" for label in sorted(labels, key=int)}
        mapped |= labels
    if mapped:
        draft.settings["activities"] = mapped
    return list(labels.values())


def _find_separator(counts: Mapping[str, int]) -> str:
    """Return the character that joins activities which also occur alone; '' if there is none."""
    for separator in _SEPARATORS:
        joined = [name for name in counts if separator in name]
        parts = [part.strip() for name in joined for part in name.split(separator)]
        alone = sum(part in counts for part in parts)
        if joined and alone >= len(parts) / 2 and (separator in "|;" or alone > len(parts) / 2):
            return separator
    return ""


def _choose_sessions(files: np.ndarray, clock: np.ndarray, draft: DraftedRecording) -> None:
    """Write how recordings are divided into sessions."""
    if "session" in draft.settings.get("columns", {}):
        draft.settings["sessions"] = {"by": "column"}
        return
    parts = sorted((np.sort(clock[files == file]) for file in np.unique(files)), key=lambda part: part[0])
    pauses = [int(begin[0] - end[-1]) for end, begin in itertools.pairwise(parts)]
    days = len(np.unique(clock // 86_400_000))
    is_cut = bool(pauses) and days > 1 and "start" not in draft.settings.get("wide", {}) and _follow_on(parts, pauses)
    by = "file" if pauses and min(pauses) > 0 and not is_cut else "day"
    if by == "day" and days == 1:
        draft.settings["sessions"] = {"by": "gap"}
        draft.open.append("sessions: all events are of one day; a pause of 30 minutes divides them (sessions.by: gap)")
        return
    draft.settings["sessions"] = {"by": by}
    reason = "; the files follow each other as parts of one recording" if is_cut else ""
    draft.said.append(f"sessions: each {by} is one, {len(parts) if by == 'file' else days} in all{reason}")


def _follow_on(parts: Sequence[np.ndarray], pauses: Sequence[int]) -> bool:
    """Return whether files seem cut from one recording: most pauses between them are no longer than those within.

    `parts` has the sorted times of each file, and `pauses` the time between each and the next.
    """
    longest = max((int(np.diff(part).max()) for part in parts if len(part) > 1), default=0)
    return min(pauses) > 0 and sorted(pauses)[len(pauses) // 2] <= longest
