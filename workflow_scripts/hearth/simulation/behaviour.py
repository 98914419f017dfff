"""Residents who live at the same time: a clock, devices they share, and people who follow scripts.

A script is a generator that acts through its resident and yields the seconds it takes until the next step.
The household runs the scripts of all residents against one clock, so their events interleave as people do, and
a device that two of them use behaves as one device: one fridge door, one pair of chairs, one motion sensor that
goes off after the last of them has left.

Nothing here knows a home, a label or a file: `marble` and `mural` bring those.
"""

import functools
import heapq
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from hearth.homes.home import Home

Script = Iterator[float]


def stream(*names: object) -> random.Random:
    """A random stream of its own for these names, such as (seed, "session", 3).

    A session thus never depends on how many others are simulated.
    """
    return random.Random("/".join(map(str, names)))  # noqa: S311 - a simulation, not a secret


@dataclass(frozen=True)
class Event:
    """A sensor that becomes active or inactive `time` ms into the session; sensor '' is an annotation alone."""

    time: int
    sensor: str
    active: bool
    residents: tuple[str, ...]
    label: str
    sentence: str


@dataclass
class Span:
    """What held for a resident between two times (ms into the session): an activity, or a room."""

    start: int
    end: int
    what: str


def fitted_sensors(home: Home, missing: int, *names: object) -> list[str]:
    """The home's sensors in its order, less `missing` of them, drawn by the stream of these names.

    Raises ValueError where that leaves none.
    """
    if not 0 <= missing < len(home.sensors):
        raise ValueError(
            f"{missing} missing sensors: {home.name} has {len(home.sensors)}, so give 0 or more, but fewer"
        )
    lost = stream(*names, "missing").sample(sorted(home.sensors), missing)
    return [sensor for sensor in home.sensors if sensor not in lost]


class Household:
    """One session of a home: its clock (ms), the state of its devices, and all that its sensors tell.

    `labels` are what residents can do; `sensors` are those that tell anything. `share` is the chance that an event
    is put down to everybody who does the same thing in the same room, `faults` the chance by sensor that its going
    inactive is lost.
    """

    def __init__(
        self,
        rng: random.Random,
        labels: Iterable[str],
        sensors: Iterable[str],
        share: float = 0.0,
        faults: dict[str, float] | None = None,
    ):
        self.rng = rng
        self.labels = frozenset(labels)
        self.sensors = frozenset(sensors)
        self.share = share
        self.faults = faults or {}
        self.now = 0
        self.events: list[Event] = []
        self.residents: list[Resident] = []
        self.active: set[str] = set()
        self.movements: dict[str, tuple[int, Resident, str]] = {}
        self.facts: set[str] = set()
        self._queue: list[tuple[int, int, Script]] = []
        self._started = 0

    def start(self, script: Script, after: float = 0.0) -> None:
        """Let `script` begin `after` seconds from now."""
        self._started += 1
        heapq.heappush(self._queue, (self.now + round(after * 1000), self._started, script))

    def run(self, until: int, enough: int | None = None) -> None:
        """Run all scripts up to `until` (ms), or until `enough` events were told."""
        while self._queue and self._queue[0][0] <= until and (enough is None or len(self.events) < enough):
            time, order, script = heapq.heappop(self._queue)
            self.now = time
            wait = next(script, None)
            if wait is not None:
                heapq.heappush(self._queue, (self.now + max(1, round(wait * 1000)), order, script))
        self.now = min(until, self.now) if enough is not None else until

    def tell(self, sensor: str, active: bool, who: "Resident", label: str, sentence: str) -> None:
        """Set a device's state and put the event down, if the home has that sensor and nothing is lost."""
        (self.active.add if active else self.active.discard)(sensor)
        if sensor not in self.sensors or (not active and self.rng.random() < self.faults.get(sensor, 0.0)):
            return
        names = {who.name}
        if self.rng.random() < self.share:
            names |= {r.name for r in self.residents if r.label == label and r.place == who.place}
        self.events.append(Event(self.now, sensor, active, tuple(sorted(names)), label, sentence))


@functools.lru_cache(maxsize=10_000)
def _habit(*names: object) -> float:
    return stream(*names).random()


class Resident:
    """A person: a name, habits of their own that last through all sessions, and what they are doing now."""

    def __init__(self, name: str, household: Household, seed: object, idle: str, place: str):
        self.name = name
        self.household = household
        self.rng = household.rng
        self.idle = idle
        self.label = idle
        self.place = place
        self.seat = ""
        self.home_seed = seed
        self.pace = 0.8 + 0.5 * self.habit("pace")
        self.activities = [Span(household.now, household.now, idle)]
        self.places = [Span(household.now, household.now, place)]
        household.residents.append(self)

    # Habits

    def habit(self, name: str) -> float:
        """A number in [0, 1) that is this person's own for this habit, in every session."""
        return _habit(self.home_seed, self.name, name)

    def usually(self, name: str, share: float = 0.5) -> bool:
        """Whether they do an optional step this time; how often they do differs by person around `share`."""
        own = self.habit(name)
        return self.rng.random() < (share * 2 * own if share <= 0.5 else 1 - (1 - share) * 2 * own)

    def order(self, name: str, items: Sequence[str]) -> list[str]:
        """The items in the order this person is used to, with an exception now and then."""
        return sorted(items, key=lambda item: self.habit(f"{name}/{item}") + self.rng.uniform(0, 0.4))

    # Time

    def takes(self, low: float, high: float) -> float:
        """Seconds that something takes this person."""
        return self.rng.uniform(low, high) * self.pace

    def whole_second(self) -> Script:
        """Wait for the next whole second: some devices keep time no finer."""
        yield (1000 - self.household.now % 1000) / 1000

    # What they are doing, and where

    def begins(self, label: str) -> Script:
        """End what they were doing and begin `label` a few ms later. Raises ValueError where the home lacks it."""
        if label not in self.household.labels:
            raise ValueError(f"the home has no label {label!r}, which its simulated residents need")
        now = self.household.now
        self.activities[-1].end = now
        gap = self.rng.randint(1, 40) if self.rng.random() < 0.85 else self.rng.randint(40, 145)
        self.activities.append(Span(now + gap, now + gap, label))
        self.label = label
        yield (gap + 5) / 1000

    def goes(self, place: str, low: float = 1.5, high: float = 4.0) -> Script:
        """Walk to a room."""
        if place == self.place:
            return
        yield self.takes(low, high)
        now = self.household.now
        self.places[-1].end = now
        self.places.append(Span(now + 1, now + 1, place))
        self.place = place

    def others(self, label: str) -> list["Resident"]:
        """The other residents who are doing `label` now."""
        return [r for r in self.household.residents if r is not self and r.label == label]

    # Devices

    def tells(self, sensor: str, active: bool, sentence: str = "") -> None:
        """Make a sensor active or inactive now."""
        self.household.tell(sensor, active, self, self.label, sentence)

    def notes(self, sentence: str) -> None:
        """An annotation that no sensor belongs to."""
        self.household.events.append(Event(self.household.now, "", False, (self.name,), self.label, sentence))

    def switches(self, sensor: str, active: bool, sentence: str = "") -> bool:
        """Turn a device on or off, if somebody has not done so before; whether it had to be."""
        needed = (sensor in self.household.active) != active
        if needed:
            self.tells(sensor, active, sentence)
        return needed

    def uses(self, sensor: str, low: float, high: float, sentence: str = "", after: str = "") -> Script:
        """Open a door or turn a device on, and close it again; people take turns.

        Now and then somebody else in the room closes it for them.
        """
        while sensor in self.household.active:
            yield 1.0
        self.tells(sensor, True, sentence)
        yield self.takes(low, high)
        near = [r for r in self.household.residents if r is not self and r.place == self.place]
        closer = self.rng.choice(near) if near and self.rng.random() < 0.04 else self
        self.household.tell(sensor, False, closer, closer.label, after if closer is self else "")
        yield self.takes(0.4, 1.2)

    def moves(self, sensor: str, hold: float, sentence: str = "") -> None:
        """Move before a motion sensor, which goes inactive `hold` seconds after the last movement."""
        home = self.household
        home.movements[sensor] = (home.now, self, self.label)
        if sensor not in home.active:
            self.tells(sensor, True, sentence)
            home.start(_settle(home, sensor, hold), hold)

    def sits(self, seats: Sequence[str], sentence: str = "") -> bool:
        """Sit down on the first free seat; whether there was one."""
        free = [seat for seat in seats if seat not in self.household.active]
        if not free or self.seat:
            return bool(self.seat)
        self.seat = free[0]
        self.tells(self.seat, True, sentence)
        return True

    def stands(self, sentence: str = "") -> None:
        """Stand up, if they are sitting."""
        if self.seat:
            self.tells(self.seat, False, sentence)
            self.seat = ""

    def waits_for(self, condition: Callable[[], bool], at_most: float) -> Script:
        """Wait until the condition holds, but not for ever."""
        last = self.household.now + at_most * 1000
        while not condition() and self.household.now < last:
            yield self.rng.uniform(0.5, 2.0)

    def finish(self) -> None:
        """The session ends: so does whatever was still going on."""
        for spans in (self.activities, self.places):
            spans[-1].end = max(spans[-1].start, self.household.now)


def _settle(home: Household, sensor: str, hold: float) -> Script:
    """Turn a motion sensor inactive once nobody has moved before it for `hold` seconds."""
    while (rest := hold - (home.now - home.movements[sensor][0]) / 1000) > 0:
        yield rest
    _, who, label = home.movements[sensor]
    home.tell(sensor, False, who, label, "")
