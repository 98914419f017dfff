"""The event contract: one row for every change of a sensor's state, and the account of how the rows were read.

`events.parquet` has the columns of `COLUMNS`, and `alternatives` behind them where some event has several right
activities (`recording.several: any` of its home). Rows are sorted by session (natural order: `session2` before
`session10`) and event; within a session time never decreases. In memory, columns of text may be categorical: ten
million events then take some 400 MB.
"""

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hearth.common import files
from hearth.homes.home import Home

SCHEMA = pa.schema(
    [
        ("session", pa.string()),
        ("event", pa.int64()),  # 0-based in its session
        ("time", pa.timestamp("ms")),  # naive, on the home's clock
        ("room", pa.string()),  # "" for a sensor that stands in none
        ("sensor", pa.string()),  # as the raw data spell it
        ("state", pa.string()),  # in words
        ("description", pa.string()),  # <room> <sensor> <state>
        ("residents", pa.list_(pa.string())),  # who did it, sorted; may be empty
        ("activity", pa.string()),  # one of the home's labels
    ]
)
COLUMNS = tuple(SCHEMA.names)
ALTERNATIVES = "alternatives"  # all right activities of an event, `activity` first; a list
_WITH_ALTERNATIVES = SCHEMA.append(pa.field(ALTERNATIVES, pa.list_(pa.string())))
_TEXTS = ("session", "room", "sensor", "state", "description", "activity")

PROBLEMS_SHOWN = 50
PLACES_SHOWN = 10
_CHUNK = 100_000  # events whose JSON is in memory at a time


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that could not become an event: file relative to the data's root, 1-based line (the header is 1), why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        reason = " ".join(self.reason.split())
        return f"{self.file}:{self.line}: {reason if len(reason) <= 300 else reason[:297] + '...'}"


@dataclass
class LoadReport:
    """What became of every row: `rows == loaded + len(broken) + sum(skipped.values())`.

    `rows` are the records of the event files, and of files beside them (labels) the broken ones only.
    `notes` say what was mended or found odd without losing a row; `places` where the first rows of a kind were skipped.
    """

    files: int = 0
    rows: int = 0
    loaded: int = 0
    broken: list[Problem] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    places: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, reason: str, places: Sequence[str], count: int | None = None) -> None:
        """Count rows as skipped for `reason`: one a place, or `count` of which `places` are the first."""
        self.skipped[reason] += len(places) if count is None else count
        known = self.places.setdefault(reason, [])
        known += places[: PLACES_SHOWN - len(known)]

    @property
    def broken_share(self) -> float:
        """Share of all rows that are broken, 0 when there are no rows."""
        return len(self.broken) / self.rows if self.rows else 0.0


def natural_key(name: str) -> tuple:
    """Sort key under which numbers inside a name count as numbers: A1a-instance2 before A1a-instance10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)], name


def frame(rows: Iterable[Mapping]) -> pd.DataFrame:
    """Events as a table with the dtypes of the contract, from mappings in final order that lack only `event`.

    `time` is a naive datetime, or milliseconds since 1970-01-01 00:00 on the home's clock.
    """
    rows = list(rows)
    seen = Counter()
    numbers = []
    for row in rows:
        numbers.append(seen[row["session"]])
        seen[row["session"]] += 1
    columns = {name: [row[name] for row in rows] for name in COLUMNS if name != "event"}
    columns["event"] = np.array(numbers, dtype="int64")
    columns["time"] = np.array(columns["time"], dtype="datetime64[ms]")
    return pd.DataFrame(columns, columns=list(COLUMNS))


def check(events: pd.DataFrame, home: Home) -> None:
    """Raise ValueError, naming session, event and column, at the first row that breaks the contract for `home`."""
    _check_form(events)
    labels = set(home.labels)
    faults = []
    for row, (sensor, room, state, description) in _distinct(events, ("sensor", "room", "state", "description")):
        known = home.sensors.get(sensor)
        if known is None:
            faults.append((row, "sensor", f"{sensor!r} is not a sensor of {home.name}"))
        elif room != known.room:
            faults.append((row, "room", f"{room!r}, but sensor {sensor!r} stands in {known.room!r}"))
        elif state not in known.states.values():
            faults.append((row, "state", f"{state!r} is no state of sensor {sensor!r}"))
        elif description != (expected := " ".join(part for part in (known.room, known.words, state) if part)):
            faults.append((row, "description", f"{description!r}, expected {expected!r}"))
    for row, (activity,) in _distinct(events, ("activity",)):
        if activity not in labels:
            faults.append((row, "activity", f"{activity!r} is not a label of {home.name}"))
    for row, names in _distinct_lists(events, ALTERNATIVES):
        if unknown := [name for name in names if name not in labels]:
            faults.append((row, ALTERNATIVES, f"{unknown[0]!r} is not a label of {home.name}"))
    _raise_first(events, faults)


def _distinct(events: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[int, tuple]]:
    """(position of the first row, values) of every combination of values that occurs."""
    first = ~events[list(columns)].duplicated().to_numpy()
    for row in np.flatnonzero(first).tolist():
        yield row, tuple(events[column].iloc[row] for column in columns)


def _distinct_lists(events: pd.DataFrame, column: str) -> Iterator[tuple[int, object]]:
    """(position of the first row, value) of every object in a column of lists; equal lists may be several objects."""
    if column in events:
        rows: dict[int, int] = {}
        values = events[column].to_numpy(dtype=object)
        for row, value in enumerate(values):
            rows.setdefault(id(value), row)
        yield from ((row, values[row]) for row in rows.values())


def _raise_first(events: pd.DataFrame, faults: Sequence[tuple[int, str, str]]) -> None:
    """Raise ValueError for the fault (row, column, what) of the earliest row, if there is any."""
    if faults:
        row, column, what = min(faults, key=lambda fault: fault[0])
        session, event = events["session"].iloc[row], events["event"].iloc[row]
        raise ValueError(f"session {session!r}, event {event}, column {column}: {what}")


def _check_form(events: pd.DataFrame) -> None:
    """What holds in every home: columns and types, order of sessions, numbering of events, order of times."""
    if tuple(events.columns) not in (COLUMNS, (*COLUMNS, ALTERNATIVES)):
        raise ValueError(f"columns are {', '.join(map(str, events.columns))}; expected {', '.join(COLUMNS)}")
    if events["time"].dtype != np.dtype("datetime64[ms]"):
        raise ValueError(f"column time: type {events['time'].dtype}, expected datetime64[ms] without a time zone")
    faults = []
    for column in _TEXTS:
        faults += [
            (row, column, f"{value!r} is not text")
            for row, (value,) in _distinct(events, (column,))
            if not isinstance(value, str)
        ]
    _raise_first(events, faults)
    for row, names in _distinct_lists(events, "residents"):
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            faults.append((row, "residents", f"{names!r} is not a list of names"))
        elif names != sorted(set(names)):
            faults.append((row, "residents", f"{names!r} is not sorted, or names somebody twice"))
    faults += _order_faults(events)
    if ALTERNATIVES in events:
        for row, (names, activity) in enumerate(zip(events[ALTERNATIVES], events["activity"], strict=True)):
            if not (isinstance(names, list) and names[:1] == [activity]):
                faults.append((row, ALTERNATIVES, f"{names!r} is not a list that begins with the activity"))
                break
    _raise_first(events, faults)


def _order_faults(events: pd.DataFrame) -> list[tuple[int, str, str]]:
    """The first rows at which times are missing or decrease, sessions are out of order, and numbers leap."""
    if events.empty:
        return []
    faults = []
    codes, names = pd.factorize(events["session"])
    times, numbers = events["time"].to_numpy(), events["event"].to_numpy()
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    if missing := np.flatnonzero(np.isnat(times))[:1].tolist():
        faults.append((missing[0], "time", "missing"))
    for before, start in itertools.pairwise(starts):
        previous, session = names[codes[before]], names[codes[start]]
        if natural_key(session) < natural_key(previous):
            what = f"comes after session {previous!r}; sessions must be in natural order"
            faults.append((int(start), "session", what))
            break
    lengths = np.diff(np.r_[starts, len(codes)])
    expected = np.arange(len(codes)) - np.repeat(starts, lengths)
    if wrong := np.flatnonzero(numbers != expected)[:1].tolist():
        faults.append((wrong[0], "event", "events of a session must be numbered 0, 1, 2, ..."))
    late = np.flatnonzero((times[1:] < times[:-1]) & (codes[1:] == codes[:-1]))[:1] + 1
    for row in late.tolist():
        what = f"{events['time'].iloc[row]} is before the event ahead of it ({events['time'].iloc[row - 1]})"
        faults.append((row, "time", what))
    return faults


def write(path: Path, events: pd.DataFrame) -> None:
    """Write `events` as Parquet, atomically; equal events give equal bytes (for one version of pyarrow)."""
    _check_form(events)
    schema = _WITH_ALTERNATIVES if ALTERNATIVES in events else SCHEMA
    columns = [_arrow(events[field.name], field.type) for field in schema]
    with files.replacing(path) as temporary:
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), temporary)


def _arrow(column: pd.Series, kind: pa.DataType) -> pa.Array:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pa.DictionaryArray.from_arrays(column.cat.codes, column.cat.categories.astype(object)).cast(kind)
    if pa.types.is_list(kind):
        # Lists are few and shared by many events.
        codes, distinct = _list_codes(column)
        return pa.array(distinct, type=kind).take(pa.array(codes))
    return pa.array(column.to_numpy() if column.dtype.kind in "iM" else column.tolist(), type=kind)


def _list_codes(column: pd.Series) -> tuple[np.ndarray, list[list]]:
    """Each row's position in the list of distinct lists."""
    known: dict[tuple, int] = {}
    codes = np.fromiter((known.setdefault(tuple(names), len(known)) for names in column), np.int64, len(column))
    return codes, [list(names) for names in known]


def read(path: Path) -> pd.DataFrame:
    """Read an events file, text as categories. Raises ValueError naming a file that is none, or breaks the contract."""
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such events file; load_dataset.py writes it")
    try:
        table = pq.read_table(path, read_dictionary=list(_TEXTS))
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a Parquet file: {error}") from None
    if not any(_plain(table.schema).equals(schema) for schema in (SCHEMA, _WITH_ALTERNATIVES)):
        raise ValueError(f"{path}: not an events file: its columns are {', '.join(table.schema.names)}")
    lists = [name for name in ("residents", ALTERNATIVES) if name in table.schema.names]
    events = table.drop(lists).to_pandas()
    for name in lists:
        events[name] = shared_lists(*_dictionary(table[name]))
    events = events[table.schema.names]
    try:
        _check_form(events)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return events


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema without dictionaries."""
    return pa.schema(
        [
            pa.field(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
            for field in schema
        ]
    )


def _dictionary(column: pa.ChunkedArray) -> tuple[np.ndarray, list[list]]:
    """Each row's position in the list of distinct lists, a chunk of rows in memory at a time."""
    known: dict[tuple, int] = {}
    codes = [
        known.setdefault(tuple(names), len(known))
        for start in range(0, len(column), _CHUNK)
        for names in column.slice(start, _CHUNK).to_pylist()
    ]
    return np.array(codes, dtype=np.int64), [list(names) for names in known]


def shared_lists(codes: np.ndarray, distinct: Sequence[list]) -> np.ndarray:
    """An array of lists, the one of its code for each row: equal rows share one object."""
    values = np.empty(len(distinct), dtype=object)
    values[:] = distinct
    return values[codes]


def digest(events: pd.DataFrame) -> str:
    """SHA-256 (hex) of the content: independent of file format, library version, types of text and index.

    It is `files.digest([columns, rows])`, with the JSON of some rows in memory at a time.
    """
    columns = list(events.columns)
    found = hashlib.sha256(f"[{_json(columns)},[".encode())
    for start in range(0, len(events), _CHUNK):
        part = events.iloc[start : start + _CHUNK]
        rows = zip(*(_values(part[name]) for name in columns), strict=True)
        found.update(("," if start else "").encode() + _json(list(rows))[1:-1].encode())
    found.update(b"]]")
    return found.hexdigest()


def _values(column: pd.Series) -> list:
    return column.astype("int64").tolist() if column.dtype.kind == "M" else column.tolist()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def dataset_card(home: Home, events: pd.DataFrame, report: LoadReport, simulated: bool) -> str:
    """The data set's card in Markdown: what was read, what became of it, and what is in it."""
    origin = "**simulated**: written by this project, not recorded" if simulated else "recorded"
    skipped = [f"  - {reason}: {count}{_where(report, reason)}" for reason, count in sorted(report.skipped.items())]
    broken = [f"- {_code(str(problem))}" for problem in report.broken[:PROBLEMS_SHOWN]]
    if len(report.broken) > PROBLEMS_SHOWN:
        broken.append(f"- and {len(report.broken) - PROBLEMS_SHOWN} more")
    sessions = [
        (session, len(part), " ".join(_residents(part)), _clock(part["time"].iloc[0]), _clock(part["time"].iloc[-1]))
        for session, part in events.groupby("session", sort=False, observed=True)
    ]
    labels, sensors = Counter(events["activity"]), Counter(events["sensor"])
    parts = [
        f"# {home.name}",
        home.about.strip(),
        "## What was read",
        "\n".join(
            [
                f"- data: {origin}",
                f"- files: {report.files}",
                f"- rows: {report.rows}",
                f"- loaded: {report.loaded}",
                f"- broken: {len(report.broken)}",
                f"- skipped: {sum(report.skipped.values())}",
                *skipped,
            ]
        ),
        *(["## Broken rows", "\n".join(broken)] if broken else []),
        *(["## Notes", "\n".join(f"- {note}" for note in report.notes)] if report.notes else []),
        "## What is in it",
        f"{len(sessions)} sessions, {len(events)} events, {len(_residents(events))} residents, "
        f"{len(sensors)} of {len(home.sensors)} sensors, {len(labels)} of {len(home.labels)} labels.",
        _markdown("session | events | residents | first event | last event", sessions),
        _markdown("label | events", [(label, labels[label]) for label in home.labels]),
        _markdown(
            "sensor | room | in words | events",
            [(name, sensor.room, sensor.words, sensors[name]) for name, sensor in home.sensors.items()],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _where(report: LoadReport, reason: str) -> str:
    """The first places at which rows were skipped, as far as the loader says."""
    places = report.places.get(reason, [])
    more = report.skipped[reason] - len(places)
    return f" ({_code(', '.join(places))}{f' and {more} more' if more else ''})" if places else ""


def _code(text: str) -> str:
    """`text` as a code span, so that nothing in a broken row is taken for markup."""
    return "`" + text.replace("`", "'") + "`"


def _residents(events: pd.DataFrame) -> list[str]:
    distinct = {id(names): names for names in events["residents"]}.values()
    return sorted({name for names in distinct for name in names}, key=natural_key)


def _clock(time: pd.Timestamp) -> str:
    return time.strftime("%H:%M:%S")


def _markdown(header: str, rows: Iterable[tuple]) -> str:
    columns = header.split(" | ")
    lines = [columns, ["---"] * len(columns), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
