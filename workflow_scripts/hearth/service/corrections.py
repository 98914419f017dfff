"""Read what people say on the topic for corrections, and resolve it to labels of periods.

A message is a label alone, or a JSON object with `label` (null takes earlier corrections back), or with `right: true`,
which confirms the student's own labels. `window`, `event`, or `from` and `to` say which events are meant; without them
it is the activity that Home Assistant shows: the events at the end of the last window that have its label.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from hearth.common.schemas import nearest
from hearth.homes.home import Home
from hearth.service.states import state_of

_KEYS = ("label", "right", "window", "event", "from", "to")
_STEP = timedelta(milliseconds=1)  # the resolution of times in event tables


class CorrectionError(ValueError):
    """A correction cannot be read, or means no events; the text says what to write."""


@dataclass(frozen=True)
class Correction:
    """A correction as its message says it. `label` is None for one that takes corrections back, and if `is_right`.

    Of `window`, `event`, and the period from `begin` to `end` on the home's clock, at most one is there.
    """

    label: str | None
    is_right: bool = False
    window: int | None = None
    event: int | None = None
    begin: datetime | None = None
    end: datetime | None = None

    @property
    def is_shown(self) -> bool:
        """Whether it is about the activity that Home Assistant shows."""
        return self.window is None and self.event is None and self.begin is None


@dataclass(frozen=True)
class LoggedEvent:
    """An event of the log, with its window and the student's answer, or None. `time` is on the home's clock."""

    window: int
    event: int
    time: datetime
    sensor: str
    state: str
    answer: str | None


@dataclass(frozen=True)
class LabelledPeriod:
    """A period, both ends included, on the home's clock, and its label; None takes labels back."""

    begin: datetime
    end: datetime
    label: str | None


def read_correction(payload: bytes, home: Home) -> Correction:
    """Return what a message says. Raises CorrectionError for anything else."""
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise CorrectionError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    if not text.startswith("{"):
        return Correction(_label(text, home))
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:  # also of integers with more than 4,300 digits
        raise CorrectionError(f"not JSON: {error}") from None
    if unknown := said.keys() - set(_KEYS):
        raise CorrectionError(f"unknown key {min(unknown)!r}; known: {', '.join(_KEYS)}")
    if ("label" in said) == ("right" in said) or said.get("right", True) is not True:
        raise CorrectionError('write either `label`, or `"right": true`')
    label = None if said.get("label") is None else _label(said["label"], home)
    period = [_clock(said[key], home) if key in said else None for key in ("from", "to")]
    if period[1] and not period[0]:
        raise CorrectionError("`to` needs `from`")
    places = [key for key in ("window", "event", "from") if key in said]
    if len(places) > 1:
        raise CorrectionError(f"write one of {', '.join(places)}")
    numbers = {key: _number(key, said[key]) for key in ("window", "event") if key in said}
    return Correction(label, "right" in said, numbers.get("window"), numbers.get("event"), *period)


def select_events(correction: Correction, events: Iterable[LoggedEvent]) -> list[LoggedEvent]:
    """Return those of the events that are at the place which a correction names; all if it names none."""
    return [event for event in events if _is_meant(correction, event)]


def shown_events(correction: Correction, events: Sequence[LoggedEvent]) -> list[LoggedEvent]:
    """Return those of a window's events that a correction without a place means; all if it names one."""
    if not correction.is_shown or not events:
        return list(events)
    return list(takewhile(lambda event: event.answer == events[-1].answer, reversed(events)))[::-1]


def label_periods(correction: Correction, events: Sequence[LoggedEvent]) -> list[LabelledPeriod]:
    """Return the periods that a correction labels; `events` are those that it means.

    Raises CorrectionError if there are none, or if none of those that it confirms has an answer.
    """
    if not events:
        raise CorrectionError("no events of the log are meant")
    if not correction.is_right:
        return [_period(events, correction.label)]
    runs = [(answer, list(run)) for answer, run in groupby(events, key=lambda event: event.answer)]
    found = [_period(run, answer) for answer, run in runs if answer is not None]
    if not found:
        raise CorrectionError("the student gave these events no label that could be right; write `label`")
    return found


def resolve(periods: Iterable[LabelledPeriod]) -> list[LabelledPeriod]:
    """Return periods without overlaps, by time: where periods overlap, the later one of `periods` holds."""
    found: list[LabelledPeriod] = []
    for new in periods:
        parts: list[LabelledPeriod] = []
        for old in found:
            if old.end < new.begin or old.begin > new.end:
                parts.append(old)
                continue
            if old.begin < new.begin:
                parts.append(LabelledPeriod(old.begin, new.begin - _STEP, old.label))
            if old.end > new.end:
                parts.append(LabelledPeriod(new.end + _STEP, old.end, old.label))
        found = [*parts, new] if new.label is not None else parts
    return sorted(found, key=lambda period: period.begin)


def to_record(period: LabelledPeriod) -> dict[str, str | None]:
    """Return a period as a JSON object."""
    begin, end = (time.isoformat(timespec="milliseconds") for time in (period.begin, period.end))
    return {"begin": begin, "end": end, "label": period.label}


def from_record(record: Mapping[str, Any]) -> LabelledPeriod:
    """Return the period of a JSON object."""
    begin, end = (datetime.fromisoformat(record[key]) for key in ("begin", "end"))
    return LabelledPeriod(begin, end, record["label"])


def _is_meant(correction: Correction, event: LoggedEvent) -> bool:
    """Return whether an event is at the place that a correction names, if it names one."""
    if correction.window is not None:
        return event.window == correction.window
    if correction.event is not None:
        return event.event == correction.event
    if correction.begin is not None:
        return correction.begin <= event.time <= (correction.end or datetime.max)
    return True


def _period(events: Sequence[LoggedEvent], label: str | None) -> LabelledPeriod:
    """Return the period of some events. Their times may go back by an hour, where the home's clock does."""
    times = [event.time for event in events]
    return LabelledPeriod(min(times), max(times), label)


def _label(text: object, home: Home) -> str:
    """Return the home's label of a text, which may be the state of a label, or an alias."""
    for label in home.labels:
        if text in (label, state_of(label)):
            return label
    if isinstance(text, str) and text in home.aliases:
        return home.aliases[text]
    raise CorrectionError(f"unknown label {text!r}{nearest(text, home.labels)}")


def _number(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise CorrectionError(f"`{key}` is {value!r}; write a number, as the topics `windows` and `event` have it")
    return value


def _clock(value: object, home: Home) -> datetime:
    """Return a time on the home's clock, to the millisecond."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None:
        raise CorrectionError(f"{value!r} is no time: write ISO 8601, such as 2026-03-02T08:00:00")
    try:
        local = time.astimezone(ZoneInfo(home.timezone)).replace(tzinfo=None) if time.tzinfo else time
    except OverflowError:
        raise CorrectionError(f"{value!r} is outside the years 1 to 9999 on the home's clock") from None
    return local.replace(microsecond=local.microsecond // 1000 * 1000)
