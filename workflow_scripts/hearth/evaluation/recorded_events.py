"""Sessions, times and residents of tested events as arrays of numbers, as the windows record them."""

from array import array
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hearth.data.windows import Window

DAY = 24 * 60 * 60


@dataclass(frozen=True, eq=False)
class RecordedEvents:
    """Sessions, times and residents of the events of windows, which are ordered by session and time.

    `session` (int32, one per window) numbers the sessions. `sizes` (int32, one per window) are the numbers of their
    events. `clock` (int32, one per event) is the time of day in seconds. `residents` (int32, one per event) are
    positions in `resident_sets`, each the sorted names of the residents behind an event; a set may be empty.
    """

    session: np.ndarray
    sizes: np.ndarray
    clock: np.ndarray
    residents: np.ndarray
    resident_sets: tuple[tuple[str, ...], ...]

    @property
    def n_sessions(self) -> int:
        """The number of sessions."""
        return int(self.session.max()) + 1

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The sorted names of all residents."""
        return tuple(sorted({name for names in self.resident_sets for name in names}))

    @cached_property
    def seconds(self) -> np.ndarray:
        """A clock in seconds (int64, one per event), to be compared between events of one session only.

        Windows have no dates: the time between two consecutive events of a session is taken to be less than a day.
        """
        return np.cumsum(np.diff(self.clock, prepend=self.clock[:1]) % DAY, dtype=np.int64)

    def of_resident(self, name: str) -> np.ndarray:
        """Whether each event is one of this resident, alone or jointly with others (bool)."""
        return np.array([name in names for names in self.resident_sets], bool)[self.residents]

    @cached_property
    def by_resident(self) -> tuple[np.ndarray, np.ndarray]:
        """Every pair of a resident and an event of this resident, ordered by resident and time.

        Two arrays (int32): positions in `names`, or their number for events without a known resident, and events.
        """
        position = {name: number for number, name in enumerate(self.names)}
        sets = [[position[name] for name in names] or [len(position)] for names in self.resident_sets]
        lengths, flat = np.array([len(codes) for codes in sets]), np.array([code for codes in sets for code in codes])
        starts, counts = np.cumsum(lengths) - lengths, lengths[self.residents]
        events: np.ndarray = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        within = np.arange(len(events)) - np.repeat(np.cumsum(counts) - counts, counts)
        residents = flat[starts[self.residents][events] + within].astype(np.int32)
        order = np.argsort(residents, kind="stable")
        return residents[order], events[order]

    def residents_present(self) -> np.ndarray:
        """Return the number of distinct known residents behind the events of each window (int64)."""
        residents, events = self.by_resident
        known = residents < len(self.names)
        window_of_event: np.ndarray = np.repeat(np.arange(len(self.sizes)), self.sizes)
        pairs = np.unique(window_of_event[events[known]] * np.int64(len(self.names) + 1) + residents[known])
        return np.bincount(pairs // (len(self.names) + 1), minlength=len(self.sizes))


class RecordedEventsBuilder:
    """Collects windows one by one, in the order of windows.jsonl; `build` returns all of them."""

    def __init__(self) -> None:
        self._sessions: dict[str, int] = {}
        self._sets = _ResidentSets()
        self._session, self._sizes = array("i"), array("i")
        self._clock, self._residents = array("i"), array("i")
        self._seconds = _SecondsOfDay()

    def add(self, window: Window) -> None:
        """Add a window."""
        self._session.append(self._sessions.setdefault(window["session"], len(self._sessions)))
        self._sizes.append(len(window["events"]))
        seconds, sets = self._seconds, self._sets
        self._clock.extend([seconds[event["time"]] for event in window["events"]])
        self._residents.extend([sets[tuple(names)] for names in window["residents"]])

    def build(self) -> RecordedEvents:
        """Return all events."""
        columns = (self._session, self._sizes, self._clock, self._residents)
        session, sizes, clock, residents = (np.frombuffer(column, np.int32) for column in columns)
        return RecordedEvents(session, sizes, clock, residents, tuple(self._sets.numbers))


class _ResidentSets(dict[tuple[str, ...], int]):
    """The number of a set of residents by its names in any order; `numbers` has each set once, its names sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[tuple[str, ...], int] = {}

    def __missing__(self, names: tuple[str, ...]) -> int:
        self[names] = self.numbers.setdefault(tuple(sorted(set(names))), len(self.numbers))
        return self[names]


class _SecondsOfDay(dict[str, int]):
    """The seconds of a day by time, HH:MM:SS."""

    def __missing__(self, time: str) -> int:
        hours, minutes, seconds = map(int, time.split(":"))
        self[time] = (hours * 60 + minutes) * 60 + seconds
        return self[time]
