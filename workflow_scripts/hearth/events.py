"""The event contract: one row for every change of a sensor's state, and the account of how the rows were read.

`events.parquet` has the columns of `COLUMNS`. Rows are sorted by session (natural order: `session2` before
`session10`) and event; within a session time never decreases.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hearth import files
from hearth.homes import Home

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

PROBLEMS_SHOWN = 50


@dataclass(frozen=True)
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
    `notes` say what was mended or found odd without losing a row.
    """

    files: int = 0
    rows: int = 0
    loaded: int = 0
    broken: list[Problem] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

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
    for row in events.itertuples(index=False):
        sensor = home.sensors.get(row.sensor)
        if sensor is None:
            raise _wrong(row, "sensor", f"{row.sensor!r} is not a sensor of {home.name}")
        if row.room != sensor.room:
            raise _wrong(row, "room", f"{row.room!r}, but sensor {row.sensor!r} stands in {sensor.room!r}")
        if row.state not in sensor.states.values():
            raise _wrong(row, "state", f"{row.state!r} is no state of sensor {row.sensor!r}")
        description = " ".join(part for part in (sensor.room, sensor.words, row.state) if part)
        if row.description != description:
            raise _wrong(row, "description", f"{row.description!r}, expected {description!r}")
        if row.activity not in labels:
            raise _wrong(row, "activity", f"{row.activity!r} is not a label of {home.name}")


def _wrong(row, column: str, what: str) -> ValueError:
    return ValueError(f"session {row.session!r}, event {row.event}, column {column}: {what}")


def _check_form(events: pd.DataFrame) -> None:
    """What holds in every home: columns and types, order of sessions, numbering of events, order of times."""
    if tuple(events.columns) != COLUMNS:
        raise ValueError(f"columns are {', '.join(map(str, events.columns))}; expected {', '.join(COLUMNS)}")
    if events["time"].dtype != np.dtype("datetime64[ms]"):
        raise ValueError(f"column time: type {events['time'].dtype}, expected datetime64[ms] without a time zone")
    previous = None
    for row in events.itertuples(index=False):
        for column in ("session", "room", "sensor", "state", "description", "activity"):
            if not isinstance(getattr(row, column), str):
                raise _wrong(row, column, f"{getattr(row, column)!r} is not text")
        residents = row.residents
        if not (isinstance(residents, list) and all(isinstance(resident, str) for resident in residents)):
            raise _wrong(row, "residents", f"{residents!r} is not a list of names")
        if residents != sorted(set(residents)):
            raise _wrong(row, "residents", f"{residents!r} is not sorted, or names somebody twice")
        if pd.isna(row.time):
            raise _wrong(row, "time", "missing")
        same = previous is not None and previous.session == row.session
        if not same and previous is not None and natural_key(row.session) < natural_key(previous.session):
            raise _wrong(row, "session", f"comes after session {previous.session!r}; sessions must be in natural order")
        if row.event != (previous.event + 1 if same else 0):
            raise _wrong(row, "event", "events of a session must be numbered 0, 1, 2, ...")
        if same and row.time < previous.time:
            raise _wrong(row, "time", f"{row.time} is before the event ahead of it ({previous.time})")
        previous = row


def write(path: Path, events: pd.DataFrame) -> None:
    """Write `events` as Parquet, atomically; equal events give equal bytes (for one version of pyarrow)."""
    _check_form(events)
    columns = [pa.array(events[name].tolist(), type=SCHEMA.field(name).type) for name in COLUMNS]
    with files.replacing(path) as temporary:
        pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), temporary)


def read(path: Path) -> pd.DataFrame:
    """Read an events file. Raises ValueError naming the file when it is none, or its rows break the contract."""
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such events file; load_dataset.py writes it")
    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a Parquet file: {error}") from None
    if table.schema != SCHEMA:
        raise ValueError(f"{path}: not an events file: its columns are {', '.join(table.schema.names)}")
    events = table.to_pandas()
    events["residents"] = pd.Series([list(names) for names in table["residents"].to_pylist()], dtype=object)
    try:
        _check_form(events)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return events


def digest(events: pd.DataFrame) -> str:
    """SHA-256 (hex) of the content: independent of file format, library version and index."""
    content = events.assign(time=events["time"].astype("int64"))
    return files.digest([COLUMNS, content[list(COLUMNS)].values.tolist()])


def dataset_card(home: Home, events: pd.DataFrame, report: LoadReport, simulated: bool) -> str:
    """The data set's card in Markdown: what was read, what became of it, and what is in it."""
    origin = "**simulated**: written by this project, not recorded" if simulated else "recorded"
    skipped = [f"  - {reason}: {count}" for reason, count in sorted(report.skipped.items())]
    broken = [f"- {_code(str(problem))}" for problem in report.broken[:PROBLEMS_SHOWN]]
    if len(report.broken) > PROBLEMS_SHOWN:
        broken.append(f"- and {len(report.broken) - PROBLEMS_SHOWN} more")
    sessions = [
        (session, len(part), " ".join(_residents(part)), _clock(part["time"].iloc[0]), _clock(part["time"].iloc[-1]))
        for session, part in events.groupby("session", sort=False)
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


def _code(text: str) -> str:
    """`text` as a code span, so that nothing in a broken row is taken for markup."""
    return "`" + text.replace("`", "'") + "`"


def _residents(events: pd.DataFrame) -> list[str]:
    return sorted({name for names in events["residents"] for name in names}, key=natural_key)


def _clock(time: pd.Timestamp) -> str:
    return time.strftime("%H:%M:%S")


def _markdown(header: str, rows: Iterable[tuple]) -> str:
    columns = header.split(" | ")
    lines = [columns, ["---"] * len(columns), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
