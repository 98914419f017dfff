"""Protocol of the input forms, and what several of them need to read a payload."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

from hearth.service.messages import Reading, ReadingTime

MILLISECONDS_FROM = 100_000_000_000  # a count since 1970 that is as large counts milliseconds (in seconds: year 5138)


class MessageError(ValueError):
    """A message of the bus cannot be read; the text names its topic and what is wrong."""


class Input(Protocol):
    """A form in which devices or programs write states on the bus."""

    def subscriptions(self) -> list[str]:
        """Return the topic filters to subscribe to."""

    def read(self, topic: str, payload: bytes) -> Sequence[Reading | ReadingTime]:
        """Return the readings of a message, in order; none if it is of another kind. Raises MessageError."""


def decode_text(topic: str, payload: bytes) -> str:
    """Return a payload as text. Raises MessageError if it is not UTF-8."""
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MessageError(f"{topic}: not UTF-8: {error.reason} at byte {error.start}") from None


def parse_json(topic: str, payload: bytes) -> Any:
    """Return the JSON value of a payload. Raises MessageError if it has none."""
    text = decode_text(topic, payload)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise MessageError(f"{topic}: not JSON: {error.msg}") from None
    except RecursionError:
        raise MessageError(f"{topic}: not JSON: nested too deeply") from None
    except ValueError:  # Python reads no integers of more than 4,300 digits
        raise MessageError(f"{topic}: not JSON: a number has too many digits") from None


def parse_object(topic: str, payload: bytes) -> dict[str, Any]:
    """Return the JSON object of a payload. Raises MessageError if it has none."""
    value = parse_json(topic, payload)
    if not isinstance(value, dict):
        raise MessageError(f"{topic}: expected a JSON object, found {type(value).__name__}")
    return value


def state_text(value: object) -> str | None:
    """Return a JSON value as the text of a state, `true` and `false` in JSON's spelling; None for all but scalars."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def parse_time(topic: str, value: object, zone: tzinfo) -> datetime | None:
    """Return a time in UTC; None if `value` is None.

    A text is in ISO format, in `zone` if it has no offset. A number counts seconds, or milliseconds, since 1970.
    Raises MessageError for anything else.
    """
    if value is None:
        return None
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
            return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if abs(value) >= MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise MessageError(f"{topic}: {value!r} is no time: write ISO 8601, or seconds or milliseconds since 1970")


def join_topic(topic: str, part: str) -> str:
    """Return the topic `part` below `topic`, with one slash between them."""
    return f"{topic.rstrip('/')}/{part}"
