"""Turn messages of the bus into events of the journal."""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hearth.homes.home import Home
from hearth.service.entities import EntityMap, Unmapped
from hearth.service.event_clock import EventClock, Moment
from hearth.service.inputs.protocol import Input, MessageError
from hearth.service.inputs.registry import find_input
from hearth.service.journal import Journal
from hearth.service.messages import Reading, ReadingTime
from hearth.service.reporting import NowAndThen, OncePerName

# Names of marks and counts of the journal.
LAST_TIME, LAST_SESSION, LAST_SEEN = "time of the last event", "session of the last event", "last connected"
LAST_CHANGE = "last change of Home Assistant"  # that came by its WebSocket


@dataclass(frozen=True)
class Arrival:
    """A message of the broker.

    `packet` is its packet identifier, 0 if it need not be acknowledged; `connection` counts the connections.
    """

    topic: str
    payload: bytes
    arrived: datetime
    packet: int = 0
    connection: int = 0
    is_retained: bool = False
    is_repeated: bool = False

    @property
    def digest(self) -> str:
        """A digest of topic and payload."""
        return hashlib.sha256(self.topic.encode("utf-8", "replace") + b"\0" + self.payload).hexdigest()[:32]


@dataclass(frozen=True)
class DirectReading:
    """A reading and its arrival; `Intake.add` takes those of Home Assistant's WebSocket as such."""

    reading: Reading
    arrived: datetime


class Intake:
    """Adds the events of messages to the journal: known sensors that change their state, in the order of arrival."""

    def __init__(
        self,
        home: Home,
        inputs: Sequence[Input],
        journal: Journal,
        clock_tolerance: float,
        own_entities: Iterable[str] = (),
    ):
        self._home, self._inputs, self._journal = home, inputs, journal
        self._entities = EntityMap(home, own_entities)
        self._clock = EventClock(home.timezone, clock_tolerance, self._time_of(LAST_TIME))
        self._unknown, self._malformed, self._wrong_clock = OncePerName(), NowAndThen(), NowAndThen()

    def connect(self, now: datetime) -> None:
        """Say that the connection to the bus was made `now`."""
        self._clock.connect(now, self._time_of(LAST_SEEN))

    def connect_socket(self, now: datetime, last_change: datetime | None) -> None:
        """Say that the WebSocket was connected `now`; `last_change` is the last one that came by it before."""
        self._clock.connect(now, last_change, "WebSocket")

    def last_change(self) -> datetime | None:
        """Return the time of the last change of Home Assistant that is in the journal; None if there is none."""
        return self._time_of(LAST_CHANGE)

    def _time_of(self, mark: str) -> datetime | None:
        """Return the time that a mark of the journal has."""
        time = self._journal.mark(mark)
        return datetime.fromisoformat(time) if time else None

    def add(self, arrivals: Iterable[Arrival | DirectReading]) -> int:
        """Add the events of messages to the journal in one transaction; return their number.

        A state whose time follows in a message of its own gets it if that is among the messages, too.
        """
        with self._journal.transaction():
            found: list[DirectReading] = []
            for arrival in arrivals:
                self._journal.count("messages")
                if isinstance(arrival, DirectReading):
                    found.append(arrival)
                    self._remember_change(arrival.reading)
                    continue
                if not self._is_redelivered(arrival):
                    self._read(arrival, found)
                self._journal.set_mark(LAST_SEEN, arrival.arrived.isoformat())
            return sum(self._add_reading(one.reading, one.arrived) for one in found)

    def _remember_change(self, reading: Reading) -> None:
        """Keep the time of the last change of Home Assistant: what changes later is news after the next start."""
        last = self.last_change()
        if reading.time is not None and (last is None or reading.time > last):
            self._journal.set_mark(LAST_CHANGE, reading.time.isoformat())

    def _is_redelivered(self, arrival: Arrival) -> bool:
        """Return whether the broker delivers a message again that is in the journal; otherwise remember it."""
        if not arrival.packet:
            return False
        if arrival.is_repeated and self._journal.was_delivered(arrival.packet, arrival.digest):
            self._journal.count("redelivered messages")
            return True
        self._journal.add_delivery(arrival.packet, arrival.digest)
        return False

    def _read(self, arrival: Arrival, found: list[DirectReading]) -> None:
        """Add the readings of a message to those that were found; a time goes to the last of them it can be of."""
        form = find_input(self._inputs, arrival.topic)
        if form is None:
            return
        try:
            readings = form.read(arrival.topic, arrival.payload)
        except MessageError as error:
            self._journal.count("malformed messages")
            self._malformed.warn(f"unreadable message: {error}")
            return
        for one in readings:
            if isinstance(one, ReadingTime):
                if not arrival.is_retained:
                    _add_time(one, found)
                continue
            is_retained = one.is_retained or arrival.is_retained
            reading = dataclasses.replace(one, is_retained=is_retained, is_repeated=arrival.is_repeated)
            found.append(DirectReading(reading, arrival.arrived))

    def _add_reading(self, reading: Reading, arrived: datetime) -> int:
        """Add the event of a reading; return the number of events, 0 if the reading is no news."""
        meant = self._entities.find(reading.entity, reading.state)
        if isinstance(meant, Unmapped):
            self._journal.count(f"readings: {meant}")
            if meant is not Unmapped.IGNORED:
                # Of an unknown entity every state is unknown; of a known one each state is said.
                name = reading.entity if meant is Unmapped.UNKNOWN_ENTITY else f"{reading.entity}={reading.state}"
                self._unknown.warn(name, self._entities.explain(reading.entity, reading.state))
            return 0
        if reading.is_retained:
            self._journal.count("readings: retained")
            self._journal.set_state(meant.sensor, meant.state)
            return 0
        if reading.time is not None and not self._journal.add_reading(reading.entity, reading.state, reading.time):
            self._journal.count("readings: sent again")
            return 0
        # A sensor with one state, such as a button, has news whenever it says so.
        has_states = len(self._home.sensors[meant.sensor].states) > 1
        if has_states and self._journal.state(meant.sensor) == meant.state:
            self._journal.count("readings: same state")
            return 0
        self._journal.set_state(meant.sensor, meant.state)
        moment = self._clock.moment(reading.time, arrived)
        self._say_clock(reading, moment)
        words = self._home.describe(meant.sensor, meant.state)
        self._journal.add_event(
            {
                "session": self._session(moment),
                "time": moment.home,
                "room": words.room,
                "sensor": meant.sensor,
                "state": words.state,
                "description": words.description,
            },
            arrived,
        )
        self._journal.count("events")
        return 1

    def _say_clock(self, reading: Reading, moment: Moment) -> None:
        """Count what was wrong with the time of a reading, and say it."""
        if moment.is_replaced:
            self._journal.count("events: time of arrival")
            self._wrong_clock.warn(
                f"the clock of {reading.entity} is wrong: its message of {moment.utc.isoformat()} says {reading.time}"
            )
        if moment.is_held:
            self._journal.count("events: time of the event before")

    def _session(self, moment: Moment) -> str:
        """Return the session of the next event, which starts after a pause or at midnight if the home says so."""
        number = int(self._journal.mark(LAST_SESSION) or 0)
        before = self._journal.mark(LAST_TIME)
        if not before or moment.starts_session or self._parts(datetime.fromisoformat(before), moment):
            number += 1
            self._journal.set_mark(LAST_SESSION, str(number))
        self._journal.set_mark(LAST_TIME, moment.utc.isoformat())
        return str(number)

    def _parts(self, before: datetime, moment: Moment) -> bool:
        """Return whether the home's recording has a session end between the event before (UTC) and the next one."""
        settings = self._home.recording
        match settings.sessions:
            case "gap":
                return moment.utc - before > timedelta(minutes=settings.gap_minutes)
            case "day":
                return moment.home.date() != before.astimezone(ZoneInfo(self._home.timezone)).date()
            case _:
                return False


def _add_time(time: ReadingTime, found: list[DirectReading]) -> None:
    """Give a time to the last reading of its entity, if that has none."""
    for place in range(len(found) - 1, -1, -1):
        reading = found[place].reading
        if reading.entity == time.entity:
            if reading.time is None:
                found[place] = DirectReading(dataclasses.replace(reading, time=time.time), found[place].arrived)
            return
