"""Residents who live at the same time: a clock, shared devices, and people who follow scripts.

A script is a generator that acts through its resident, by convention `me`, and yields the seconds until its next step.
The household runs the scripts of all residents against one clock, so events interleave. A device that two residents
use behaves as one device: one fridge door, one set of chairs, one motion sensor that goes off after the last movement.

Nothing here depends on a particular home, label or file format: the modules `marble*` and `mural*` define those.
Random numbers are drawn in a fixed order and from streams seeded by names: changing an order, or the name of a habit or
stream, changes the simulated data.
"""

import functools
import heapq
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from hearth.homes.home import Home

Script = Iterator[float]
HABITS = "habits"  # the trait of a simulation that its residents differ from each other


def random_stream(*names: object) -> random.Random:
    """Return a random generator seeded by `names`, such as (seed, "session", 3).

    Each session has a stream of its own, so it does not depend on the number of simulated sessions.
    """
    return random.Random("/".join(map(str, names)))  # noqa: S311 - a simulation, not a secret


@dataclass(frozen=True)
class Event:
    """A sensor that becomes active or inactive `time` ms into the session."""

    time: int
    sensor: str
    active: bool
    residents: tuple[str, ...]
    label: str
    sentence: str


@dataclass
class Span:
    """A resident's activity or room from `start` to `end` (ms into the session)."""

    start: int
    end: int
    value: str


def installed_sensors(home: Home, missing: int, *names: object) -> list[str]:
    """Return the home's sensors in the home's order, except `missing` sensors drawn at random with the seed `names`.

    Raises ValueError if no sensor would be left.
    """
    if not 0 <= missing < len(home.sensors):
        raise ValueError(
            f"{missing} missing sensors: {home.name} has {len(home.sensors)}; use a number from 0 to"
            f" {len(home.sensors) - 1}"
        )
    removed = random_stream(*names, "missing").sample(sorted(home.sensors), missing)
    return [sensor for sensor in home.sensors if sensor not in removed]


class Household:
    """One session of a home: its clock (ms), the state of its devices, and the events of its sensors.

    `labels` are the activities that residents can have. Only `sensors` record events. `shared_probability` is the
    chance that an event names every resident with the same activity in the same room. `lost_ends` maps a sensor to the
    chance that its becoming inactive is not recorded. `without` names traits of the simulation that are left out;
    scripts look up their own, and without `habits` all residents are alike.
    """

    def __init__(
        self,
        rng: random.Random,
        labels: Iterable[str],
        sensors: Iterable[str],
        shared_probability: float = 0.0,
        lost_ends: dict[str, float] | None = None,
        without: Collection[str] = (),
    ):
        self.rng = rng
        self.labels = frozenset(labels)
        self.sensors = frozenset(sensors)
        self.shared_probability = shared_probability
        self.lost_ends = lost_ends or {}
        self.without = frozenset(without)
        self.now = 0
        self.events: list[Event] = []
        self.residents: list[Resident] = []
        self.active: set[str] = set()
        # From a motion sensor to its last movement: time (ms), resident, activity.
        self.movements: dict[str, tuple[int, Resident, str]] = {}
        # Shared states that residents wait for or join, such as a meal that is ready.
        self.flags: set[str] = set()
        self._queue: list[tuple[int, int, Script]] = []
        self._started = 0

    def start(self, script: Script, after: float = 0.0) -> None:
        """Start `script` in `after` seconds."""
        self._started += 1
        heapq.heappush(self._queue, (self.now + round(after * 1000), self._started, script))

    def run(self, until: int, max_events: int | None = None) -> None:
        """Run all scripts until the time `until` (ms), or until `max_events` events are recorded."""
        while self._queue and self._queue[0][0] <= until and (max_events is None or len(self.events) < max_events):
            time, order, script = heapq.heappop(self._queue)
            self.now = time
            wait = next(script, None)
            if wait is not None:
                heapq.heappush(self._queue, (self.now + max(1, round(wait * 1000)), order, script))
        self.now = min(until, self.now) if max_events is not None else until

    def set_sensor(self, sensor: str, active: bool, resident: "Resident", label: str, sentence: str) -> None:
        """Set a device's state and record the event, unless the home lacks the sensor or the event is lost."""
        (self.active.add if active else self.active.discard)(sensor)
        if sensor not in self.sensors or (not active and self.rng.random() < self.lost_ends.get(sensor, 0.0)):
            return
        names = {resident.name}
        if self.rng.random() < self.shared_probability:
            names |= {r.name for r in self.residents if r.label == label and r.place == resident.place}
        self.events.append(Event(self.now, sensor, active, tuple(sorted(names)), label, sentence))


@functools.lru_cache(maxsize=10_000)
def _habit(*names: object) -> float:
    return random_stream(*names).random()


class Resident:
    """A person: a name, habits that last through all sessions, and the current activity and room."""

    def __init__(self, name: str, household: Household, seed: object, idle: str, place: str):
        """Add a resident in the room `place`, with the label `idle`, to `household`; `seed` draws the habits."""
        self.name = name
        self.household = household
        self.rng = household.rng
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
        """Return this resident's number in [0, 1) for a habit, equal in every session; without habits, the mean."""
        if HABITS in self.household.without:
            return 0.5
        return _habit(self.home_seed, self.name, name)

    def chooses(self, name: str, probability: float = 0.5) -> bool:
        """Draw whether the resident takes an optional step, with a probability of the resident's own.

        Over all residents, its mean is `probability`.
        """
        own = self.habit(name)
        return self.rng.random() < (probability * 2 * own if probability <= 0.5 else 1 - (1 - probability) * 2 * own)

    def order_by_habit(self, name: str, items: Sequence[str]) -> list[str]:
        """Return the items in this resident's usual order, with a random exception now and then."""
        return sorted(items, key=lambda item: self.habit(f"{name}/{item}") + self.rng.uniform(0, 0.4))

    # Time

    def duration(self, low: float, high: float) -> float:
        """Draw a duration between `low` and `high` seconds, and return it multiplied by the resident's pace."""
        return self.rng.uniform(low, high) * self.pace

    def wait_for_whole_second(self) -> Script:
        """Wait for the next whole second, because some devices record times in whole seconds."""
        yield (1000 - self.household.now % 1000) / 1000

    def wait_until(self, condition: Callable[[], bool], at_most: float) -> Script:
        """Wait until the condition holds, but at most `at_most` seconds."""
        last = self.household.now + at_most * 1000
        while not condition() and self.household.now < last:
            yield self.rng.uniform(0.5, 2.0)

    # Activity and room

    def begin(self, label: str) -> Script:
        """End the current activity and begin `label` a few ms later. Raises ValueError if the home lacks the label."""
        if label not in self.household.labels:
            raise ValueError(f"the home has no label {label!r}, which its simulated residents need; add it to `labels`")
        now = self.household.now
        self.activities[-1].end = now
        gap = self._draw_gap(label)
        self.activities.append(Span(now + gap, now + gap, label))
        self.label = label
        yield (gap + 5) / 1000

    def _draw_gap(self, label: str) -> int:
        """Draw the ms between two labels, distributed as in MARBLE; a pause is followed by an activity."""
        kinds = ((1, 41), (42, 150), (151, 560), (1000, 25_000))
        pauses = 0.0 if label == self.activities[0].value else 0.5
        low, high = self.rng.choices(kinds, (89, 7, 3.5, pauses))[0]
        return self.rng.randint(low, high)

    def walk_to(self, place: str, low: float = 1.5, high: float = 4.0) -> Script:
        """Walk to a room in `low` to `high` seconds."""
        if place == self.place:
            return
        yield self.duration(low, high)
        now = self.household.now
        self.places[-1].end = now
        self.places.append(Span(now + 1, now + 1, place))
        self.place = place

    def others_doing(self, label: str) -> list["Resident"]:
        """Return the other residents whose activity is `label`."""
        return [r for r in self.household.residents if r is not self and r.label == label]

    def finish(self) -> None:
        """End the resident's last activity and last stay in a room at the current time, the end of the session."""
        for spans in (self.activities, self.places):
            spans[-1].end = max(spans[-1].start, self.household.now)

    # Devices

    def set_sensor(self, sensor: str, active: bool, sentence: str = "") -> None:
        """Make a sensor active or inactive now."""
        self.household.set_sensor(sensor, active, self, self.label, sentence)

    def switch(self, sensor: str, active: bool, sentence: str = "") -> bool:
        """Turn a device on or off, unless it is so already; return whether its state changed."""
        needed = (sensor in self.household.active) != active
        if needed:
            self.set_sensor(sensor, active, sentence)
        return needed

    def use(self, sensor: str, low: float, high: float, sentence: str = "", closing_sentence: str = "") -> Script:
        """Open a door or turn a device on, and close it again after `low` to `high` seconds.

        While another resident uses it, this one waits. Now and then somebody else in the room closes it.
        """
        while sensor in self.household.active:
            yield 1.0
        self.set_sensor(sensor, True, sentence)
        yield self.duration(low, high)
        near = [r for r in self.household.residents if r is not self and r.place == self.place]
        closer = self.rng.choice(near) if near and self.rng.random() < 0.04 else self
        closing_sentence = closing_sentence if closer is self else ""
        self.household.set_sensor(sensor, False, closer, closer.label, closing_sentence)
        yield self.duration(0.4, 1.2)

    def trigger_motion(self, sensor: str, hold: float, sentence: str = "") -> None:
        """Trigger a motion sensor, which becomes inactive `hold` seconds after the last movement."""
        household = self.household
        household.movements[sensor] = (household.now, self, self.label)
        if sensor not in household.active:
            self.set_sensor(sensor, True, sentence)
            household.start(_end_motion(household, sensor, hold), hold)

    def sit_down(self, seats: Sequence[str], sentence: str = "") -> bool:
        """Sit down on the first free seat; return whether the resident sits now."""
        free = [seat for seat in seats if seat not in self.household.active]
        if not free or self.seat:
            return bool(self.seat)
        self.seat = free[0]
        self.set_sensor(self.seat, True, sentence)
        return True

    def stand_up(self, sentence: str = "") -> None:
        """Stand up, if the resident sits."""
        if self.seat:
            self.set_sensor(self.seat, False, sentence)
            self.seat = ""


def _end_motion(household: Household, sensor: str, hold: float) -> Script:
    """Make a motion sensor inactive once nobody has moved near it for `hold` seconds."""
    while (rest := hold - (household.now - household.movements[sensor][0]) / 1000) > 0:
        yield rest
    _, resident, label = household.movements[sensor]
    household.set_sensor(sensor, False, resident, label, "")
