"""Keep the state of the service in an SQLite file: events that are not answered yet, answers, and messages to publish.

A transaction that has returned is on the disk, whatever happens to process or machine afterwards. Events leave the
table `events` in the transaction that adds their window, so each is answered exactly once.
"""

import contextlib
import fcntl
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from hearth.common.cli import UserError
from hearth.data.events import StreamEvent
from hearth.recognition.streaming import NumberedEvent
from hearth.service.messages import AnsweredWindow, BusMessage

FILE, LOCK = "journal.sqlite", "journal.lock"
_VERSION = 1
# Deliveries, and readings with a time of their own, that are remembered so that they are recognised when they come
# again: more than a broker may have in flight, and than a publisher may send again.
_DELIVERIES, _READINGS = 2_000, 20_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS states (sensor TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
  number INTEGER PRIMARY KEY AUTOINCREMENT, packet INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS readings (
  number INTEGER PRIMARY KEY AUTOINCREMENT, entity TEXT NOT NULL, state TEXT NOT NULL, time TEXT NOT NULL,
  UNIQUE (entity, state, time));
CREATE TABLE IF NOT EXISTS events (
  event INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL, time TEXT NOT NULL, room TEXT NOT NULL,
  sensor TEXT NOT NULL, state TEXT NOT NULL, description TEXT NOT NULL, arrived TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS windows (
  window INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL UNIQUE, last INTEGER NOT NULL UNIQUE,
  content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS retained (topic TEXT PRIMARY KEY, payload TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload TEXT NOT NULL, is_retained INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS outbox_topics ON outbox (topic) WHERE is_retained;
"""


class WaitingEvent(NamedTuple):
    """An event without an answer, and the time (UTC) at which its message arrived."""

    event: NumberedEvent
    arrived: datetime


class Journal:
    """The journal in `folder`, or one in memory if `folder` is None.

    Threads may share it; a transaction of one waits for that of another. Raises UserError if another service uses the
    folder, or if the file is none of this program's.
    """

    def __init__(self, folder: Path | None):
        self._lock = threading.RLock()
        self._depth = 0
        self._owner: IO[str] | None = None
        path = ":memory:"
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._owner = _own(folder)
            path = str(folder / FILE)
        # Transactions are begun below, not by the module.
        self._rows = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._rows.execute("PRAGMA journal_mode = WAL")
            self._rows.execute("PRAGMA synchronous = FULL")
            version = self._rows.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise UserError(f"{path}: the journal has version {version}, this program writes version {_VERSION}")
            self._rows.executescript(_SCHEMA)
            self._rows.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.DatabaseError as error:
            raise UserError(f"{path}: not a journal, or damaged ({error}); move it away to start anew") from None

    def close(self) -> None:
        """Close the file, and leave the folder to another service."""
        with self._lock:
            self._rows.close()
            if self._owner is not None:
                self._owner.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all changes of the `with` block at its end, durably, or none if it raises. Blocks may be nested."""
        with self._lock:
            if self._depth == 0:
                self._rows.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._rows.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._rows.execute("COMMIT")

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        with self._lock:
            return self._rows.execute(statement, values)

    def _fetch(self, statement: str, *values: object) -> list[Any]:
        with self._lock:
            return self._rows.execute(statement, values).fetchall()

    def _value(self, statement: str, *values: object) -> Any:
        rows = self._fetch(statement, *values)
        return rows[0][0] if rows else None

    # Counts and marks

    def count(self, name: str, more: int = 1) -> None:
        """Add `more` to the count `name`."""
        add = "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + excluded.count"
        self._execute(add, name, more)

    def counts(self) -> dict[str, int]:
        """Return a dict from the names of what was counted to numbers."""
        return dict(self._fetch("SELECT name, count FROM counts ORDER BY name"))

    def mark(self, name: str) -> str | None:
        """Return the value of the mark `name`; None if it was never set."""
        return cast("str | None", self._value("SELECT value FROM marks WHERE name = ?", name))

    def set_mark(self, name: str, value: str) -> None:
        """Set the mark `name`."""
        self._execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", name, value)

    # Readings

    def was_delivered(self, packet: int, digest: str) -> bool:
        """Return whether one of the last deliveries had this packet identifier and digest."""
        return self._value("SELECT 1 FROM deliveries WHERE packet = ? AND digest = ?", packet, digest) is not None

    def add_delivery(self, packet: int, digest: str) -> None:
        """Remember a delivery by its packet identifier and the digest of topic and payload."""
        number = self._execute("INSERT INTO deliveries (packet, digest) VALUES (?, ?)", packet, digest).lastrowid
        self._execute("DELETE FROM deliveries WHERE number <= ?", cast(int, number) - _DELIVERIES)

    def add_reading(self, entity: str, state: str, time: datetime) -> bool:
        """Remember a reading with a time of its own; return whether it is new."""
        insert = "INSERT OR IGNORE INTO readings (entity, state, time) VALUES (?, ?, ?)"
        done = self._execute(insert, entity, state, time.isoformat())
        if done.rowcount == 0:
            return False
        self._execute("DELETE FROM readings WHERE number <= ?", cast(int, done.lastrowid) - _READINGS)
        return True

    def state(self, sensor: str) -> str | None:
        """Return the last known state of a sensor, as the home spells it; None if there is none."""
        return cast("str | None", self._value("SELECT state FROM states WHERE sensor = ?", sensor))

    def set_state(self, sensor: str, state: str) -> None:
        """Set the last known state of a sensor."""
        self._execute("INSERT OR REPLACE INTO states VALUES (?, ?)", sensor, state)

    # Events and answers

    def add_event(self, event: StreamEvent, arrived: datetime) -> int:
        """Add an event that is to be answered; return its number."""
        row = {**event, "time": event["time"].isoformat(), "arrived": arrived.isoformat()}
        keys = ", ".join(row)
        insert = f"INSERT INTO events ({keys}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608 - our own names
        return cast(int, self._execute(insert, *row.values()).lastrowid)

    def waiting_events(self, after: int, limit: int) -> list[WaitingEvent]:
        """Return the events without an answer whose number is above `after`, at most `limit`, in order."""
        columns = ("event", "session", "time", "room", "sensor", "state", "description", "arrived")
        select = f"SELECT {', '.join(columns)} FROM events WHERE event > ? ORDER BY event LIMIT ?"  # noqa: S608
        waiting = []
        for row in self._fetch(select, after, limit):
            values: Any = dict(zip(columns, row, strict=True))
            arrived = datetime.fromisoformat(values.pop("arrived"))
            waiting.append(WaitingEvent(values | {"time": datetime.fromisoformat(values["time"])}, arrived))
        return waiting

    def waiting_count(self) -> int:
        """Return the number of events without an answer."""
        return cast(int, self._value("SELECT COUNT(*) FROM events"))

    def next_window(self) -> int:
        """Return the number that the next window will have."""
        return (self._value("SELECT seq FROM sqlite_sequence WHERE name = 'windows'") or 0) + 1

    def add_window(self, window: AnsweredWindow, messages: Sequence[BusMessage], keep: int) -> None:
        """Move the events of a window from those that wait to those with an answer, and add messages to publish.

        Only the last `keep` windows are kept. Raises ValueError if one of the events has an answer already, or if an
        earlier event has none.
        """
        numbers = [event["event"] for event in window["events"]]
        with self.transaction():
            waiting = self._fetch("SELECT event FROM events ORDER BY event LIMIT ?", len(numbers))
            if [row[0] for row in waiting] != numbers:
                raise ValueError(f"journal: window {window['window']} has the events {numbers}; waiting are {waiting}")
            self._execute("DELETE FROM events WHERE event <= ?", numbers[-1])
            content = json.dumps(window, ensure_ascii=False)
            self._execute("INSERT INTO windows VALUES (?, ?, ?, ?)", window["window"], numbers[0], numbers[-1], content)
            self._execute("DELETE FROM windows WHERE window <= ?", window["window"] - keep)
            for message in messages:
                self.add_message(message)

    def windows(self, after: int = 0, limit: int = -1) -> list[AnsweredWindow]:
        """Return the kept windows whose number is above `after`, at most `limit` (-1: all), in order."""
        rows = self._fetch("SELECT content FROM windows WHERE window > ? ORDER BY window LIMIT ?", after, limit)
        return [json.loads(content) for (content,) in rows]

    def last_window(self) -> AnsweredWindow | None:
        """Return the last answered window; None if there is none."""
        content = self._value("SELECT content FROM windows ORDER BY window DESC LIMIT 1")
        return json.loads(content) if content else None

    def window_with(self, event: int) -> AnsweredWindow | None:
        """Return the kept window that has the event with this number; None if there is none."""
        content = self._value("SELECT content FROM windows WHERE first <= ? AND last >= ?", event, event)
        return json.loads(content) if content else None

    # Messages to publish

    def add_message(self, message: BusMessage) -> None:
        """Add a message to publish; a retained one replaces those of its topic that are not published yet."""
        if message.is_retained:
            self._execute("DELETE FROM outbox WHERE topic = ? AND is_retained", message.topic)
        insert = "INSERT INTO outbox (topic, payload, is_retained) VALUES (?, ?, ?)"
        self._execute(insert, message.topic, message.payload, message.is_retained)
        if message.is_retained:
            self._execute("INSERT OR REPLACE INTO retained VALUES (?, ?)", message.topic, message.payload)

    def retained(self) -> list[BusMessage]:
        """Return the last retained message of each topic, which a broker that has lost its own needs again."""
        rows = self._fetch("SELECT topic, payload FROM retained ORDER BY topic")
        return [BusMessage(topic, payload, is_retained=True) for topic, payload in rows]

    def outbox(self, limit: int) -> list[tuple[int, BusMessage]]:
        """Return the first messages to publish, at most `limit`, each with its number."""
        rows = self._fetch("SELECT number, topic, payload, is_retained FROM outbox ORDER BY number LIMIT ?", limit)
        return [(number, BusMessage(topic, text, bool(retained))) for number, topic, text, retained in rows]

    def remove_published(self, number: int) -> None:
        """Remove the messages up to this number, which the broker has acknowledged."""
        self._execute("DELETE FROM outbox WHERE number <= ?", number)


def _own(folder: Path) -> IO[str]:
    """Return the open lock file of a state folder. Raises UserError if another service has it."""
    handle = open(folder / LOCK, "w")  # noqa: SIM115 - open for as long as the journal
    try:
        fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise UserError(f"{folder}: another service uses this state folder; end it, or set another `state`") from None
    return handle
