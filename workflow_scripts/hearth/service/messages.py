"""Records that cross the modules of the service: readings from the bus, answered windows, and messages to the bus."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from hearth.recognition.streaming import LabelledEvent


@dataclass(frozen=True)
class Reading:
    """A state of an entity, as a message of the bus says it.

    `entity` and `state` are spelled as the bus spells them. `time` is aware (UTC); None if the message has none.
    `is_retained`: whether the broker kept the message and repeats it to a new subscriber, so that it is no news.
    `is_repeated`: whether the broker may have delivered the message before (the flag DUP of MQTT).
    """

    entity: str
    state: str
    time: datetime | None = None
    is_retained: bool = False
    is_repeated: bool = False


@dataclass(frozen=True)
class ReadingTime:
    """The time (UTC) of the last reading of an entity, in a message of its own that follows."""

    entity: str
    time: datetime


@dataclass(frozen=True)
class BusMessage:
    """A message to publish."""

    topic: str
    payload: str
    is_retained: bool = False


class AnsweredWindow(TypedDict):
    """A window of the service with the student's answer to it.

    `window` counts the windows of a service from 1, and never repeats. `reasoning` is the text before the answer, ""
    if there is none. `answered` is in ISO format (UTC); `seconds` is the time of the answer. `events` have confidences.
    """

    window: int
    events: list[LabelledEvent]
    reasoning: str
    answered: str
    seconds: float
