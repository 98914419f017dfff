"""Events as they come to windows, and what a model says of a window to a line an event."""

from collections.abc import Sequence
from datetime import timedelta

from hearth.data.windows import WindowEvent, WindowInput, starts_window
from hearth.prompting.parsing import parse


class Cutter:
    """Cuts events as they come into windows, as `cut_windows` cuts recorded ones: none crosses sessions."""

    def __init__(self, size: int, by: str = "count", seconds: float | None = None):
        self._size, self._kind, self._limit = size, by, timedelta(seconds=seconds or 0)
        self._open: list[dict] = []

    def add(self, event: dict) -> list[list[dict]]:
        """The windows, lists of events, that this event ends: the one before it, the one that it fills, or none."""
        ended = []
        if self._open:
            first, last = self._open[0], self._open[-1]
            since_first, since_last = event["time"] - first["time"], event["time"] - last["time"]
            if event["session"] != first["session"] or starts_window(self._kind, since_first, since_last, self._limit):
                ended += self.rest()
        self._open.append(event)
        if len(self._open) == self._size:
            ended += self.rest()
        return ended

    def rest(self) -> list[list[dict]]:
        """The window that is not full yet, if there is one; the next event begins another."""
        rest, self._open = self._open, []
        return [rest] if rest else []


def window_of(events: Sequence[dict]) -> WindowInput:
    """The window of events that a prompt shows; each has `event`, its number in the stream."""
    return {
        "window_id": f"{events[0]['session']}/{events[0]['event']}",
        "events": [
            WindowEvent(id=number, time=event["time"].strftime("%H:%M:%S"), description=event["description"])
            for number, event in enumerate(events, start=1)
        ],
    }


def labelled(events: Sequence[dict], prediction: dict, labels: Sequence[str]) -> list[dict]:
    """A row an event: what it is, its label by strict parsing or None, and why there is none.

    `status` is "ok" for an event with a label, else the status of its window's answer; `confidence` is there where the
    prediction has confidences.
    """
    answer = parse(prediction["text"], len(events), tuple(labels), prediction["finish_reason"])
    confidences = prediction.get("confidences")
    rows = []
    for place, (event, label) in enumerate(zip(events, answer.labels, strict=True)):
        row = {
            **{key: event[key] for key in ("event", "session")},
            "time": event["time"].isoformat(),
            **{key: event[key] for key in ("room", "sensor", "state", "description")},
            "label": label,
            "status": answer.status if label is None else "ok",
        }
        if confidences is not None:
            row["confidence"] = None if label is None else confidences[place]
        rows.append(row)
    return rows
