"""Cut the events of the journal into windows, and have the student answer each of them once."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from hearth.prompting.parsing import parse
from hearth.prompting.predictions import Prediction
from hearth.recognition.streaming import NumberedEvent, WindowCutter, label_events, make_window, recognise_windows
from hearth.service.journal import Journal, WaitingEvent
from hearth.service.messages import AnsweredWindow, BusMessage
from hearth.service.student import Student

log = logging.getLogger(__name__)

_FETCHED = 100  # events at a time
_GRACE = 10.0  # seconds after the start in which events may come that the broker kept; an open window waits for them


class Answering:
    """Answers windows as the events of the journal fill them, or after `wait` seconds without events (None: never).

    `announce` makes the messages to publish of an answered window.
    """

    def __init__(
        self,
        student: Student,
        journal: Journal,
        announce: Callable[[AnsweredWindow], Sequence[BusMessage]],
        wait: float | None,
        keep_windows: int,
    ):
        self._student, self._journal, self._announce = student, journal, announce
        self._wait, self._keep = wait, keep_windows
        self._cutter = WindowCutter(**student.windows)
        self._taken = 0  # number of the last event that the cutter has
        self._open: WaitingEvent | None = None  # the last event of the open window
        self._deadline: float | None = None
        self._news = threading.Event()
        self._stopping = False
        self._started = time.monotonic()

    def notify(self) -> None:
        """Say that the journal has new events."""
        self._news.set()

    def stop(self) -> None:
        """End `run` after the window that is being answered."""
        self._stopping = True
        self._news.set()

    def run(self, answered: Callable[[], None] = lambda: None) -> None:
        """Answer windows until `stop` is called; call `answered` after each."""
        while not self._stopping:
            self._news.clear()
            if self.answer_waiting(answered):
                continue
            if self._deadline is None:
                self._news.wait()
            elif not self._news.wait(max(0.0, self._deadline - time.monotonic())):
                self._close(answered)

    def answer_waiting(self, answered: Callable[[], None] = lambda: None) -> bool:
        """Answer the windows that the journal's events fill; return whether there were new events."""
        waiting = self._journal.waiting_events(self._taken, _FETCHED)
        for one in waiting:
            if self._stopping:
                break
            if self._open is not None and self._is_pause(self._open, one):
                self._close(answered)
            for window in self._cutter.add(one.event):
                self._answer(window)
                answered()
            self._taken = one.event["event"]
            self._open = one
        if waiting:
            self._set_deadline()
        return bool(waiting)

    def _is_pause(self, before: WaitingEvent, after: WaitingEvent) -> bool:
        """Return whether the window would have been closed between two events, had the service not been away."""
        pause = (after.event["time"] - before.event["time"]).total_seconds()
        return self._wait is not None and pause > self._wait

    def _set_deadline(self) -> None:
        """Set the time at which the open window is closed if nothing comes."""
        self._deadline = None
        if self._wait is None or self._open is None:
            return
        silence = (datetime.now(UTC) - self._open.arrived).total_seconds()
        left = min(max(self._wait - silence, 0.0), self._wait)
        self._deadline = max(time.monotonic() + left, self._started + min(self._wait, _GRACE))

    def _close(self, answered: Callable[[], None]) -> None:
        """Close the open window and answer it, if there is one."""
        self._deadline, self._open = None, None
        for window in self._cutter.flush():
            self._answer(window)
            answered()

    def _answer(self, events: Sequence[NumberedEvent]) -> None:
        """Answer a window, and put the answer and its messages into the journal."""
        started = time.monotonic()
        prediction = self._ask(events)
        labels = self._student.prompt["labels"]
        answer = parse(prediction["text"], len(events), labels, prediction["finish_reason"])
        window: AnsweredWindow = {
            "window": self._journal.next_window(),
            "events": label_events(events, prediction, labels),
            "reasoning": answer.reasoning,
            "answered": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "seconds": round(time.monotonic() - started, 3),
        }
        with self._journal.transaction():
            self._journal.add_window(window, self._announce(window), self._keep)
            self._journal.count("windows")
            self._journal.count(f"windows: {answer.status}")

    def _ask(self, events: Sequence[NumberedEvent]) -> Prediction:
        """Return the student's prediction for a window. A window that the engine refuses stays without an answer."""
        student = self._student
        try:
            return recognise_windows([make_window(events)], student.prompt, student.engine, student.decoding)[0]
        except ValueError as error:
            log.error("events %d to %d stay without an answer: %s", events[0]["event"], events[-1]["event"], error)
            return {
                "window_id": "",
                "text": "",
                "finish_reason": "unanswered",
                "prompt_tokens": 0,
                "completion_tokens": 0,
                "seed": student.decoding.seed,
                "unanswered_reason": str(error),
            }
