"""Keep the event log up to date with the journal, and take the corrections of people."""

import logging
from collections.abc import Sequence
from pathlib import Path

from hearth.service.corrections import CorrectionError
from hearth.service.event_log import EventLog
from hearth.service.intake import Arrival
from hearth.service.journal import Journal
from hearth.service.reporting import NowAndThen
from hearth.service.states import StateMessages

log = logging.getLogger(__name__)

LOGGED = "last window in the event log"  # a mark of the journal
FOLDER = "log"  # of the event log, in the folder of the service's state


class Feedback:
    """The event log of a service, in the folder of its state."""

    def __init__(self, state: Path, home: Path, journal: Journal, states: StateMessages):
        """`home` is the yaml of the home. The log gets the windows of the journal that it does not have yet."""
        self._journal, self._states = journal, states
        self._refused = NowAndThen()
        self._log = open_log(state / FOLDER, home, journal.next_window())
        # Not by the log's files alone: of its last window some events may be missing, and people delete months of it.
        logged = journal.mark(LOGGED)
        self._logged = self._log.last_window - 1 if logged is None else int(logged)
        self.add_answered()

    def add_answered(self) -> None:
        """Add the windows that were answered since the last call."""
        for window in self._journal.windows(after=self._logged):
            self._log.add(window)
            self._logged = window["window"]
            self._journal.set_mark(LOGGED, str(self._logged))

    def take(self, arrivals: Sequence[Arrival]) -> bool:
        """Take messages of the topic for corrections; return whether there are new messages to publish.

        Retained messages are left alone, and those that the broker delivers again: what they correct is not what is
        shown when they come again.
        """
        is_news = False
        for arrival in arrivals:
            if arrival.is_retained or not arrival.payload:
                continue
            if arrival.is_repeated and self._log.has_correction(arrival.payload, arrival.packet):
                continue
            try:
                correction = self._log.correct(arrival.payload, arrival.arrived, arrival.packet)
            except CorrectionError as error:
                self._journal.count("corrections: refused")
                self._refused.warn(f"correction: {error}")
                continue
            self._journal.count("corrections")
            if correction.is_shown and correction.label is not None:
                self._journal.add_message(self._states.corrected(correction.label))
                is_news = True
        return is_news


def open_log(folder: Path, home: Path, next_window: int) -> EventLog:
    """Return the event log in `folder`.

    A log that has windows from `next_window` on is of an earlier journal, whose numbers came to an end with it. It is
    moved aside, to `<folder>-<number>`, and a new one begins.
    """
    opened = EventLog(folder, home)
    if opened.last_window < next_window:
        return opened
    number = next(number for number in range(1, 10_000) if not folder.with_name(f"{folder.name}-{number}").exists())
    aside = folder.with_name(f"{folder.name}-{number}")
    folder.rename(aside)
    log.warning("the journal is new: the event log of the earlier one is now %s", aside)
    return EventLog(folder, home)
