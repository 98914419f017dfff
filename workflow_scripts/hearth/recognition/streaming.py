"""Recognise a stream of events: cut them into windows as they arrive, and label every event."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NotRequired, TypedDict

from hearth.data.events import StreamEvent
from hearth.data.windows import WindowInput, starts_window
from hearth.engines.protocol import Decoding, Engine
from hearth.prompting.parsing import Status, parse
from hearth.prompting.predictions import Prediction
from hearth.prompting.prompts import Prompt
from hearth.recognition.requests import make_record, make_requests


class NumberedEvent(StreamEvent):
    """An event with its number in the stream."""

    event: int


class LabelledEvent(TypedDict):
    """An event with its label by strict parsing, or None; `time` is in ISO format.

    `status` is "ok" with a label, else the status of the window's answer. `confidence` is present if decoding asks for
    it.
    """

    event: int
    session: str
    time: str
    room: str
    sensor: str
    state: str
    description: str
    label: str | None
    status: Status
    confidence: NotRequired[float | None]


class WindowCutter:
    """Cut events into windows as they arrive, with the same result as `cut_windows` for recorded events."""

    def __init__(self, size: int, by: str = "count", seconds: float | None = None):
        self._size, self._kind, self._limit = size, by, timedelta(seconds=seconds or 0)
        self._open: list[NumberedEvent] = []

    def add(self, event: NumberedEvent) -> list[list[NumberedEvent]]:
        """Add an event and return the windows that it closes, as lists of events.

        An event that starts a window closes the one before; an event that fills a window closes this window.
        """
        closed = []
        if self._open:
            first, last = self._open[0], self._open[-1]
            since_first, since_last = event["time"] - first["time"], event["time"] - last["time"]
            if event["session"] != first["session"] or starts_window(self._kind, since_first, since_last, self._limit):
                closed += self.flush()
        self._open.append(event)
        if len(self._open) == self._size:
            closed += self.flush()
        return closed

    def flush(self) -> list[list[NumberedEvent]]:
        """Close the open window and return it in a list, which is empty without one. The next event starts another."""
        window, self._open = self._open, []
        return [window] if window else []


def make_window(events: Sequence[NumberedEvent]) -> WindowInput:
    """Return the window of `events` in the format that prompts take."""
    return {
        "window_id": f"{events[0]['session']}/{events[0]['event']}",
        "events": [
            {"id": number, "time": event["time"].strftime("%H:%M:%S"), "description": event["description"]}
            for number, event in enumerate(events, start=1)
        ],
    }


def recognise_windows(
    windows: Sequence[WindowInput], prompt: Prompt, engine: Engine, decoding: Decoding
) -> list[Prediction]:
    """Return the predictions for windows of a stream, in their order. Unlike for a shard, there is no journal."""
    prefix, requests = make_requests(prompt, windows, (), engine, decoding)
    sizes = {window["window_id"]: len(window["events"]) for window in windows}
    asked = {request.key: request for request in requests}
    predictions = {
        completion.key: make_record(completion, asked[completion.key], sizes[completion.key], decoding)
        for completions in engine.complete(prefix, requests, decoding)
        for completion in completions
    }
    return [{"window_id": key, **predictions[key]} for key in sizes]


def label_events(events: Sequence[NumberedEvent], prediction: Prediction, labels: Sequence[str]) -> list[LabelledEvent]:
    """Return the events of a window with the labels of its prediction; `labels` are the home's."""
    answer = parse(prediction["text"], len(events), labels, prediction["finish_reason"])
    confidences = prediction.get("confidences")
    rows = []
    for index, (event, label) in enumerate(zip(events, answer.labels, strict=True)):
        row: LabelledEvent = {
            "event": event["event"],
            "session": event["session"],
            "time": event["time"].isoformat(),
            "room": event["room"],
            "sensor": event["sensor"],
            "state": event["state"],
            "description": event["description"],
            "label": label,
            "status": answer.status if label is None else "ok",
        }
        if confidences is not None:
            row["confidence"] = None if label is None else confidences[index]
        rows.append(row)
    return rows
