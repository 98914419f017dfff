"""Put together the `recording` of a drafted home: which files hold events, which hold labels, and how to read them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from hearth.data.events import natural_key
from hearth.data.sources.influx_tables import FRAME as INFLUX_FRAME
from hearth.data.sources.tabular import read_blocks
from hearth.data.sources.time_formats import Weighed, differing_example, offsets, weigh_formats
from hearth.homes.raw_format import EPOCH_UNITS, FileForm
from hearth.onboarding.draft.casas_files import is_labelled, without_copies
from hearth.onboarding.draft.columns import FEWEST_NAMED, Roles, find_roles
from hearth.onboarding.draft.file_patterns import base_folder, files_setting, no_data_remark
from hearth.onboarding.draft.files import DataFile, NoRowsError, examine
from hearth.onboarding.draft.influx_fields import take_fields

_LABEL_NAMES = re.compile(r"act|adl|label|annot", re.IGNORECASE)
PLACEHOLDER_START = "2000-01-01 00:00:00"


@dataclass
class DraftedRecording:
    """The reading of the files in a draft: the source, the content of `recording`, and remarks for the yaml's head.

    `said` are decisions, `open` choices that the data do not decide, `unread` files and columns that are not used.
    `offsets` counts rows by the UTC offset of their time. `labelled` is false if no file has activities; `activities`
    are those of label files; `candidates` are unused columns of the event files that may hold activities.
    """

    source: str = "table"
    settings: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    labelled: bool = True
    activities: set[str] = field(default_factory=set)
    candidates: list[str] = field(default_factory=list)


@dataclass
class _Kind:
    """Files with equal columns, their cells, and the roles of their columns."""

    files: list[DataFile]
    form: FileForm
    cells: pd.DataFrame
    roles: Roles
    faults: int
    is_guessed: bool  # whether the sensor is the only column beside times of periods, so that it may be the activity

    @property
    def holds_labels(self) -> bool:
        return "activity" in self.roles.columns and not self.holds_events

    @property
    def holds_events(self) -> bool:
        columns = self.roles.columns
        has_time = "time" in columns or "begin" in columns
        return bool(self.roles.sensors) or (
            has_time and "sensor" in columns and ("state" in columns or "begin" in columns)
        )


def draft_recording(root: Path) -> DraftedRecording:
    """Return what the files below `root`, or the file `root`, say of themselves.

    Raises ValueError if no file holds events whose columns can be told, saying for each file what was found.
    """
    draft = DraftedRecording()
    files = _examine_all(root, draft)
    casas = [file for file in files if file.kind == "casas"]
    if any(map(is_labelled, casas)):
        return _draft_casas(root, casas, files, draft)
    files = [examine(file.path, as_table=True) for file in files]
    kinds = [kind for group in _group(files) for kind in _read_kinds(group)]
    events = [kind for kind in kinds if kind.holds_events]
    if not events:
        raise ValueError(_no_events(root, kinds, draft))
    chosen = max(events, key=lambda kind: len(kind.cells))
    labels = [kind for kind in kinds if kind.holds_labels and "begin" in kind.roles.columns]
    chosen_labels = max(labels, key=lambda kind: len(kind.cells), default=None)
    if "activity" in chosen.roles.columns:
        chosen_labels = None
    elif not chosen_labels:
        guessed = [kind for kind in events if kind is not chosen and kind.is_guessed]
        if chosen_labels := max(guessed, key=lambda kind: len(kind.cells), default=None):
            _take_for_labels(chosen_labels, draft)
    for kind in kinds:
        if kind is not chosen and kind is not chosen_labels:
            names = ", ".join(file.path.relative_to(base_folder(root)).as_posix() for file in kind.files[:10])
            if kind.files[0].columns == chosen.files[0].columns and kind.form.encoding != chosen.form.encoding:
                reason = (
                    f"the encoding, {kind.form.encoding}, is not that of the others, {chosen.form.encoding}; convert"
                )
            elif kind.files[0].columns == chosen.files[0].columns and kind.form.preamble != chosen.form.preamble:
                reason = f"{kind.form.preamble} lines are above its table, in others {chosen.form.preamble}"
            else:
                reason = f"the columns differ: {', '.join(kind.files[0].columns)[:200]}"
                own, others = (list(each.files[0].columns) for each in (kind, chosen))
                other_names = [pair for pair in zip(others, own, strict=False) if pair[0] != pair[1]]
                if len(own) == len(others) and len(other_names) == 1:
                    reason += "; if {1} is their {0}, write column_aliases: {{{0}: [{1}]}}".format(*other_names[0])
            draft.unread.append(f"{names}: not read, since {reason}")
    _describe_events(root, chosen, draft)
    if chosen_labels:
        _describe_labels(root, chosen, chosen_labels, draft)
    return draft


def _examine_all(root: Path, draft: DraftedRecording) -> list[DataFile]:
    paths = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    files = []
    for path in sorted(paths, key=lambda path: natural_key(path.as_posix())):
        name = path.relative_to(base_folder(root)).as_posix()
        if root.is_dir() and (remark := no_data_remark(path, root)):
            if remark not in draft.unread:
                draft.unread.append(remark)
            continue
        try:
            files.append(examine(path))
        except NoRowsError as reason:
            draft.unread.append(f"{name}: not read: {reason}")
    if not files:
        found = "\n".join(draft.unread) or "it holds no file"
        raise ValueError(f"{root}: no file of rows to make a draft from\n{found}")
    return files


def _group(files: Sequence[DataFile]) -> list[list[DataFile]]:
    groups: dict[object, list[DataFile]] = {}
    for file in files:
        form = (file.form.format, file.form.delimiter, file.form.preamble)
        key = (form, file.columns, bool(_LABEL_NAMES.search(file.path.stem)))
        groups.setdefault(key, []).append(file)
    return list(groups.values())


def _read_kinds(files: list[DataFile]) -> list[_Kind]:
    """Read files with equal columns as one kind if one encoding reads all, else as a kind for each encoding.

    An 8-bit encoding also reads ASCII, and UTF-8 also files with the byte order mark of another Unicode encoding.
    """
    encodings = sorted({file.form.encoding for file in files}, key=lambda name: name == "utf-8")
    is_unicode = all(encoding.startswith("utf") for encoding in encodings)
    for encoding in encodings if is_unicode else encodings[:1]:
        try:
            return [_read_kind(files, encoding)]
        except ValueError:
            if len(encodings) == 1:
                raise
    return [_read_kind([file for file in files if file.form.encoding == each], each) for each in encodings]


def _read_kind(files: list[DataFile], encoding: str) -> _Kind:
    """Read all rows of files with equal columns, and find the roles of the columns."""
    form = replace(
        files[0].form,
        encoding=encoding,
        comments=tuple(dict.fromkeys(mark for file in files for mark in file.form.comments)),
        short_rows="fill" if any(file.form.short_rows == "fill" for file in files) else "broken",
    )
    names = [name for name in dict.fromkeys(files[0].columns) if form.format != "influxdb" or name not in INFLUX_FRAME]
    blocks = [block for file in files for block in read_blocks(file.path, names, form)]
    empty = pd.DataFrame({name: pd.Series([], dtype=str) for name in names})
    cells = pd.concat([empty, *(block.cells[names] for block in blocks)], ignore_index=True)
    cells = cells.apply(lambda column: column.str.strip())
    roles = find_roles(cells, named=files[0].named)
    is_guessed = _take_only_column(files, cells, roles)
    if form.format == "influxdb":
        take_fields(cells, roles)
    return _Kind(files, form, cells, roles, sum(len(block.faults) for block in blocks), is_guessed)


def _take_only_column(files: Sequence[DataFile], cells: pd.DataFrame, roles: Roles) -> bool:
    """Take the fullest other column of periods as the activity, or the sensor: the files' names tell which.

    Return whether the sensor may as well be the activity: it is the only column beside the times, and no name tells.
    """
    if "begin" in roles.columns and not roles.columns.keys() & {"sensor", "activity"}:
        others = sorted(roles.unused(map(str, cells.columns)), key=lambda name: int((cells[name] == "").sum()))
        if others:
            role = "activity" if _LABEL_NAMES.search(files[0].path.stem) else "sensor"
            roles.columns[role] = others[:1]
            return role == "sensor"
    return not files[0].named and roles.columns.keys() == {"begin", "end", "sensor"}


def _take_for_labels(kind: _Kind, draft: DraftedRecording) -> None:
    """Take periods of guessed sensors as labels, since no other file has activities."""
    columns = kind.roles.columns
    columns["activity"] = columns.pop("sensor")
    draft.open.append(
        f"labels: {', '.join(file.path.name for file in kind.files[:5])} is taken for the label file, with "
        f"{columns['begin'][0]}, {columns['end'][0]} and {columns['activity'][0]} as begin, end and activity "
        "(recording.intervals)"
    )


def _no_events(root: Path, kinds: Sequence[_Kind], draft: DraftedRecording) -> str:
    lines = [f"{root}: no table of events whose columns can be told"]
    for kind in kinds:
        lines += [
            f"{kind.files[0].path}: column {name}: {example!r} is in no known time format{_time_hint(example)}; see "
            "`recording.time.format`"
            for name, example in kind.roles.unread_times.items()
        ]
        missing = [role for role in ("time", "sensor", "state") if role not in kind.roles.columns]
        found = "; ".join(f"{role}: {', '.join(names)}" for role, names in kind.roles.columns.items())
        lines.append(
            f"{kind.files[0].path}: which column is the {', the '.join(missing)}? The columns are "
            f"{', '.join(kind.files[0].columns)}{f' (found: {found})' if found else ''}. Copy "
            "config/homes/TEMPLATE.yaml and name the columns in `recording.columns`"
        )
        if missing == ["sensor"]:
            lines[-1] += "; if each file is a sensor's, its name can be the column (`recording.path_columns`)"
    return "\n".join([*lines, *draft.unread])


def _time_hint(text: str) -> str:
    if re.fullmatch(r"[345]\d{4}([.,]\d+)?", text):
        return " (the days of a spreadsheet: format the column as date and time, and export it again)"
    return ""


def _describe_events(root: Path, kind: _Kind, draft: DraftedRecording) -> None:
    """Write the settings of the event files."""
    settings, columns = draft.settings, dict(kind.roles.columns)
    draft.said += [each for file in kind.files for each in file.said]
    draft.said += kind.roles.said
    draft.open += kind.roles.open
    settings.update(files_setting(root, kind.files))
    named = kind.files[0].named
    settings.update(_form_settings(kind.form))
    if not named:
        names = _role_names(kind)
        settings["header"] = list(names.values())
        columns = {role: [names[name] for name in each] for role, each in columns.items()}
        draft.said.append("the files do not name their columns; `header` does")
        sensors = [names[name] for name in kind.roles.sensors]
    else:
        sensors = kind.roles.sensors
    settings["columns"] = {role: each[0] if len(each) == 1 else each for role, each in columns.items()}
    if len(columns.get("activity", [])) > 1:
        settings["several"] = "any"
    if kind.roles.ignored_sensors:
        settings["ignored_sensors"] = kind.roles.ignored_sensors
    if sensors:
        settings["wide"] = {"sensors": sensors}
        if "time" not in columns:
            settings["wide"] |= {"start": PLACEHOLDER_START, "seconds": 1}
            draft.open.append(
                f"wide.start: the files have no times; {PLACEHOLDER_START} is made up as that of the first row, and "
                "rows are taken to be 1 second apart (wide.seconds)"
            )
    if unused := kind.roles.unused(map(str, kind.cells.columns)):
        draft.unread.append(f"columns that are not used: {', '.join(unused)}")
    for role in ("time", "begin"):
        if role in kind.roles.columns:
            form = _time_settings(kind, role, draft)
            if form != "iso8601":
                settings["time"] = {"format": form}
            draft.offsets = offsets(_joined(kind, role))
    if not named:
        draft.said, draft.open = (_with_names(texts, names) for texts in (draft.said, draft.open))
    draft.labelled = "activity" in columns
    draft.candidates = kind.roles.label_candidates(kind.cells)


def _with_names(texts: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Return the texts with the names that columns without names have in `header` beside their numbers."""
    pattern = re.compile("|".join(rf"\b{re.escape(column)}\b" for column in names))
    return [
        pattern.sub(lambda found: found[0] if names[found[0]] == found[0] else f"{found[0]} ({names[found[0]]})", text)
        for text in texts
    ]


def _describe_labels(root: Path, events: _Kind, kind: _Kind, draft: DraftedRecording) -> None:
    """Write the settings of the label files, as far as they differ from those of the event files."""
    columns = kind.roles.columns
    intervals: dict[str, Any] = files_setting(root, kind.files, always=True)
    own, others = _form_settings(kind.form), _form_settings(events.form)
    defaults = _form_settings(FileForm(), every=True)
    others.pop("preamble", None)  # that of label files is their own
    intervals |= {key: own.get(key, defaults[key]) for key in {*own, *others} if own.get(key) != others.get(key)}
    if not kind.files[0].named:
        names = _role_names(kind)
        intervals["header"] = list(names.values())
        columns = {role: [names[name] for name in each] for role, each in columns.items()}
    form = _time_settings(kind, "begin", draft)
    if form != draft.settings.get("time", {}).get("format", "iso8601"):
        intervals["time"] = {"format": form}
    events_in_utc = bool(draft.offsets) or draft.settings.get("time", {}).get("format") in EPOCH_UNITS
    if (bool(offsets(_joined(kind, "begin"))) or form in EPOCH_UNITS) != events_in_utc:
        draft.open.append(
            "intervals.time.zone: only one of event files and label files has times in UTC; the others are taken for "
            "times of `timezone`, unless `time.zone` or `intervals.time.zone` names another zone"
        )
    intervals["columns"] = {
        role: columns[role][0] if len(columns[role]) == 1 or role in ("activity", "resident") else columns[role]
        for role in ("begin", "end", "activity", "resident")
        if role in columns
    }
    if unused := kind.roles.unused(map(str, kind.cells.columns)):
        draft.unread.append(f"columns of label files that are not used: {', '.join(unused)}")
    draft.settings["intervals"] = intervals
    draft.activities = set(kind.cells[kind.roles.columns["activity"][0]]) - {""}
    draft.said.append(f"labels are periods in {', '.join(file.path.name for file in kind.files[:5])}")
    draft.labelled = True


def _joined(kind: _Kind, role: str) -> pd.Series:
    names = kind.roles.columns[role]
    joined: pd.Series = kind.cells[names[0]]
    for name in names[1:]:
        joined = joined + " " + kind.cells[name]
    return joined


def _time_settings(kind: _Kind, role: str, draft: DraftedRecording) -> str:
    """Return the likeliest format of a column of times; add other readings to the open choices.

    Raises ValueError if no known format reads most rows.
    """
    texts = _joined(kind, role)
    weighed: Weighed | None = weigh_formats(texts, FEWEST_NAMED)
    name = ", ".join(kind.roles.columns[role])
    if weighed is None:
        example = next((text for text in texts if text), "")
        raise ValueError(f"column {name}: {example!r} is in no known time format; see `recording.time.format`")
    if weighed.best.valid < 1:
        unread = round((1 - weighed.best.valid) * int((texts != "").sum()))
        draft.said.append(
            f"column {name}: {unread} times are not in the format {weighed.best.format}; their rows are broken"
        )
    draft.open += [
        f"time.format: {differing_example(texts, weighed.best, other)}; the data fit both, and the first, with the "
        "shorter span, is written"
        for other in weighed.others
    ]
    return weighed.best.format


def _form_settings(form: FileForm, *, every: bool = False) -> dict[str, Any]:
    """Return the keys of a form that are not at their default, or every key but `header`."""
    default = FileForm()
    keys = ("format", "delimiter", "encoding", "preamble", "comments", "short_rows")
    return {
        key: list(value) if isinstance(value := getattr(form, key), tuple) else value
        for key in keys
        if every or getattr(form, key) != getattr(default, key)
    }


def _role_names(kind: _Kind) -> dict[str, str]:
    """Return a name for each column of files without names: that of its role, numbered if there are several."""
    names = {}
    for role, columns in {**kind.roles.columns, "sensor": kind.roles.columns.get("sensor", kind.roles.sensors)}.items():
        for number, column in enumerate(columns, start=1):
            names[column] = role if len(columns) == 1 else f"{role}{number}"
    if len(kind.roles.columns.get("time", [])) == 2:
        names |= dict(zip(kind.roles.columns["time"], ("date", "time"), strict=True))
    return {str(column): names.get(str(column), str(column)) for column in kind.cells.columns}


def _draft_casas(
    root: Path, casas: Sequence[DataFile], files: Sequence[DataFile], draft: DraftedRecording
) -> DraftedRecording:
    """Write the settings of files that the source casas reads."""
    draft.source = "casas"
    casas = without_copies(casas, draft.unread)
    draft.settings |= files_setting(root, casas)
    encodings = {file.form.encoding for file in casas} - {"utf-8"}
    if encodings:
        draft.settings["encoding"] = min(encodings)
    draft.said += [each for file in casas for each in file.said]
    others = [file.path.relative_to(base_folder(root)).as_posix() for file in files if file.kind != "casas"]
    if others:
        draft.unread.append(f"{', '.join(others[:10])}: not read, since their lines are not those of CASAS")
    return draft
