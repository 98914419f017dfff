"""Factories of windows with given times and residents, and of their recorded and answered events."""

from collections.abc import Sequence

from count_factories import encode_windows
from factories import make_window
from hearth.data.windows import Window
from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.recorded_events import RecordedEvents, RecordedEventsBuilder

# One event: time, residents as letters, gold label and predicted label.
Event = tuple[str, str, str, str | None]


def make_recorded_window(session: str, index: int, events: Sequence[Event]) -> Window:
    """Return a window with these times, residents and gold labels."""
    window = make_window(session, index, [gold for _, _, gold, _ in events])
    for event, (time, _, _, _) in zip(window["events"], events, strict=True):
        event["time"] = time
    window["residents"] = [list(names) for _, names, _, _ in events]
    return window


def record(windows: Sequence[Window]) -> RecordedEvents:
    """Return the recorded events of windows."""
    builder = RecordedEventsBuilder()
    for window in windows:
        builder.add(window)
    return builder.build()


def make_recorded(
    labels: Sequence[str], windows: Sequence[tuple[str, Sequence[Event]]]
) -> tuple[EncodedWindows, RecordedEvents]:
    """Return the answered windows and their recorded events; each window is a pair of its session and its events."""
    recorded = record([make_recorded_window(session, index, events) for index, (session, events) in enumerate(windows)])
    encoded = encode_windows(
        labels,
        [[gold for _, _, gold, _ in events] for _, events in windows],
        [[label for _, _, _, label in events] for _, events in windows],
        ["missing_events" if any(label is None for *_, label in events) else "ok" for _, events in windows],
        [session for session, _ in windows],
    )
    return encoded, recorded
