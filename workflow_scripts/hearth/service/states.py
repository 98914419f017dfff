"""Messages that say what an answered window means: the home's activity, its rooms' activities, changes, the window.

Below the least confidence, and without a label, an activity is unknown. It is then published as `None`, which Home
Assistant shows as its own state `unknown`: a state of that spelling would have to be among the options of the sensor,
and of the select with which people correct it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hearth.homes.home import Home
from hearth.recognition.streaming import LabelledEvent
from hearth.service.messages import AnsweredWindow, BusMessage
from hearth.service.topics import Topics, slugs

UNKNOWN = "None"
MAX_STATE = 255  # characters of a state in Home Assistant
MAX_REASONING = 3000  # characters; Home Assistant records no attributes of more than 16 KiB
_SPECIAL = ("none", "unknown", "unavailable")  # states that mean something else to Home Assistant


class StateError(ValueError):
    """A label cannot be a state in Home Assistant."""


def state_of(label: str) -> str:
    """Return the state of a label: its text, in brackets if it is a special state of Home Assistant."""
    return f"({label})" if label.casefold() in _SPECIAL else label


def label_states(labels: Iterable[str]) -> dict[str, str]:
    """Return a dict from labels to their states. Raises StateError for a label that is too long to be one."""
    states = {label: state_of(label) for label in labels}
    for label, state in states.items():
        if len(state) > MAX_STATE:
            raise StateError(f"label {label[:40]!r}...: Home Assistant takes states of {MAX_STATE} characters at most")
    return states


def room_slugs(home: Home) -> dict[str, str]:
    """Return a dict from the rooms with sensors to their slugs, in the order of the home's yaml."""
    used = {sensor.room for sensor in home.sensors.values()}
    return slugs(room for room in home.rooms if room in used)


@dataclass(frozen=True)
class StateMessages:
    """Makes the messages of answered windows.

    `student` is the name of the student. `min_confidence` is the least confidence of an activity that is not unknown;
    at 0 all labels count, also those without a confidence. `has_rooms`: whether each room has its own activity.
    """

    home: Home
    topics: Topics
    student: str
    min_confidence: float
    has_rooms: bool

    def messages(self, window: AnsweredWindow, last: str | None) -> tuple[list[BusMessage], str | None]:
        """Return a pair: the messages of a window in the order to publish them, and its last known activity.

        `last` is the last known activity before the window; None if there is none. The home's activity is that of the
        window's last event, and a room's that of its last event in the room. There is an event message for each change
        of the known activity within the window.
        """
        events = window["events"]
        changes, known = self._changes(window, last)
        state = self._state(events[-1])
        found = [
            BusMessage(self.topics.windows, _json(window)),
            BusMessage(
                self.topics.attributes,
                _json(self._attributes(window, events) | {"reasoning": _shortened(window["reasoning"])}),
                is_retained=True,
            ),
            BusMessage(self.topics.state, state, is_retained=True),
            BusMessage(self.topics.corrected, state, is_retained=True),
        ]
        rooms = room_slugs(self.home) if self.has_rooms else {}
        for room, name in rooms.items():
            if there := [event for event in events if event["room"] == room]:
                attributes = _json(self._attributes(window, there))
                found.append(BusMessage(self.topics.room_attributes(name), attributes, is_retained=True))
                found.append(BusMessage(self.topics.room_state(name), self._state(there[-1]), is_retained=True))
        return found + changes, known

    def corrected(self, label: str) -> BusMessage:
        """Return the message that people have set the home's activity to a label."""
        return BusMessage(self.topics.corrected, state_of(label), is_retained=True)

    def is_known(self, event: LabelledEvent) -> bool:
        """Return whether an event has a label of at least the least confidence."""
        if event["label"] is None:
            return False
        return self.min_confidence <= 0 or (event.get("confidence") or 0) >= self.min_confidence

    def _state(self, event: LabelledEvent) -> str:
        """Return the state that an event's label is."""
        return state_of(event["label"]) if event["label"] is not None and self.is_known(event) else UNKNOWN

    def _changes(self, window: AnsweredWindow, last: str | None) -> tuple[list[BusMessage], str | None]:
        """Return a pair: the messages of the changes of the known activity, and the last known one."""
        found = []
        for event in window["events"]:
            label = event["label"]
            if label is None or label == last or not self.is_known(event):
                continue
            change = {
                "event_type": state_of(label),
                "previous": None if last is None else state_of(last),
                "confidence": event.get("confidence"),
                "room": event["room"],
                "event": event["event"],
                "window": window["window"],
                "time": self._with_offset(event["time"]),
            }
            found.append(BusMessage(self.topics.event, _json(change)))
            last = label
        return found, last

    def _attributes(self, window: AnsweredWindow, events: Sequence[LabelledEvent]) -> dict[str, Any]:
        """Return the attributes of the activity of some events of a window."""
        event = events[-1]
        return {
            "activity": event["label"],
            "confidence": event.get("confidence"),
            "answer": event["status"],
            "activities": list(dict.fromkeys(one["label"] for one in events if one["label"] is not None)),
            "window": window["window"],
            "window_begin": self._with_offset(events[0]["time"]),
            "window_end": self._with_offset(event["time"]),
            "event_count": len(events),
            "answered": window["answered"],
            "seconds": round(window["seconds"], 3),
            "student": self.student,
        }

    def _with_offset(self, time: str) -> str:
        """Return a time on the home's clock with its offset, to the second."""
        clock = datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(self.home.timezone))
        return clock.isoformat(timespec="seconds")


def _json(value: object) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _shortened(text: str) -> str:
    """Return a text, without its end if it is too long for an attribute."""
    return text if len(text) <= MAX_REASONING else f"{text[: MAX_REASONING - 1]}…"
