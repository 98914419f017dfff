"""Make homes and answered windows of a service."""

from typing import Any

from factories import HOME, LABELS
from hearth.homes.home import Home, parse_home
from hearth.recognition.streaming import LabelledEvent
from hearth.service.messages import AnsweredWindow


def service_home(**changes: Any) -> Home:
    """Return a home of three rooms, two of which have sensors."""
    rooms = {"kitchen": "stove", "Salle à manger": "table", "attic": "boxes"}
    sensors = {
        "s1": {"room": "kitchen", "words": "stove", "states": {"ON": "turned ON", "OFF": "turned OFF"}},
        "s2": {"room": "Salle à manger", "words": "chair", "states": {"ON": "taken", "OFF": "left"}},
        "s3": {"room": "", "words": "front door", "states": {"ON": "opened"}},
    }
    return parse_home(HOME | {"rooms": rooms, "sensors": sensors} | changes, "home")


def labelled_event(number: int, label: str | None = LABELS[0], **changes: Any) -> LabelledEvent:
    """Return an event of the kitchen at `number` seconds after eight."""
    event: dict[str, Any] = {
        "event": number,
        "session": "1",
        "time": f"2026-03-02T08:00:{number:02}.250000",
        "room": "kitchen",
        "sensor": "s1",
        "state": "turned ON",
        "description": "kitchen stove turned ON",
        "label": label,
        "status": "ok" if label else "malformed",
        "confidence": 0.9 if label else None,
    }
    return LabelledEvent(**(event | changes))  # type: ignore[typeddict-item]


def answered_window(*events: LabelledEvent, number: int = 1, reasoning: str = "Someone cooks.") -> AnsweredWindow:
    """Return an answered window."""
    return {
        "window": number,
        "events": list(events),
        "reasoning": reasoning,
        "answered": "2026-03-02T07:01:00+00:00",
        "seconds": 1.23456,
    }
