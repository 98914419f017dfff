"""Find the sensor and the state that a reading of the bus means, by the home's key `entities`."""

import difflib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from hearth.homes.home import BusEntity, Home

# States with which Home Assistant and Zigbee2MQTT say that they know no state.
NO_STATES = ("", "unavailable", "unknown", "None", "null")


class Unmapped(StrEnum):
    """Reason for which a reading is no event of the home."""

    IGNORED = "ignored"
    UNKNOWN_ENTITY = "unknown entity"
    UNKNOWN_STATE = "unknown state"


@dataclass(frozen=True)
class SensorState:
    """A sensor of the home and its state, both as the home's yaml spells them."""

    sensor: str
    state: str


class EntityMap:
    """Maps entities of the bus to sensors of a home.

    An entity that `entities` does not list is the sensor of the same name. A state that the entity's `states` do not
    list is the sensor's state of that spelling, or else the only one that differs in case alone. `own` are the entities
    of the service itself, which Home Assistant tells of like all others; they are ignored, and so is the sensor whose
    states are activities (`label_rows`).
    """

    def __init__(self, home: Home, own: Iterable[str] = ()):
        self._sensors, self._recording = home.sensors, home.recording
        sensors = {sensor: BusEntity(sensor) for sensor in home.sensors}
        rows = home.recording.label_rows
        ignored = [*own, rows.sensor] if rows else own
        self._entities = {entity: BusEntity(None) for entity in ignored} | sensors | home.entities
        self._spellings = {sensor: _by_case(spec.states) for sensor, spec in home.sensors.items()}

    def find(self, entity: str, state: str) -> SensorState | Unmapped:
        """Return the sensor and state of a reading, or the reason for which it has none.

        Ignored are entities that `entities` maps to null, what the home's `recording` ignores, states that say that
        there is none, and numbers of entities that are not mapped.
        """
        known = self._entities.get(entity)
        if known is None:
            is_ignored = _is_number(state) or _matches(entity, self._recording.ignored_sensors) or self._is_none(state)
            return Unmapped.IGNORED if is_ignored else Unmapped.UNKNOWN_ENTITY
        if known.sensor is None:
            return Unmapped.IGNORED
        if known.threshold is not None and _is_number(state):
            is_reached = float(state) >= known.threshold.at_least
            return SensorState(known.sensor, known.threshold.reached if is_reached else known.threshold.below)
        own = known.states.get(state, state)
        meant = own if own in self._sensors[known.sensor].states else self._spellings[known.sensor].get(own.casefold())
        if meant is not None:
            return SensorState(known.sensor, meant)
        return Unmapped.IGNORED if self._is_none(state) else Unmapped.UNKNOWN_STATE

    def explain(self, entity: str, state: str) -> str:
        """Return a message with the remedy for a reading whose entity or state is unknown."""
        known = self._entities.get(entity)
        if known is None or known.sensor is None:
            close = difflib.get_close_matches(entity, self._entities, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            return f"unknown entity {entity!r}{hint}: map it to a sensor in the home's `entities`, or to null"
        states = ", ".join(map(repr, self._sensors[known.sensor].states))
        return (
            f"unknown state {state!r} of entity {entity!r}: sensor {known.sensor!r} has {states}; map it in the home's "
            "`entities`"
        )

    def _is_none(self, state: str) -> bool:
        """Return whether a state says that there is none, or is one that the home ignores."""
        return state in NO_STATES or _matches(state, self._recording.ignored_states)


def _matches(text: str, patterns: Iterable[str]) -> bool:
    """Return whether a text matches one of the patterns."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _by_case(states: Iterable[str]) -> dict[str, str]:
    """Return a dict from states in lower case to states, without those that differ from another in case alone."""
    counts = Counter(state.casefold() for state in states)
    return {state.casefold(): state for state in states if counts[state.casefold()] == 1}


def _is_number(text: str) -> bool:
    """Return whether a state is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
