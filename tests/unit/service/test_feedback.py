"""Test that the event log follows the journal, and that corrections are taken from the bus."""

import csv
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from config_factories import write_yaml
from factories import HOME, LABELS
from hearth.service.feedback import LOGGED, Feedback, open_log
from hearth.service.intake import Arrival
from hearth.service.journal import Journal
from hearth.service.messages import BusMessage
from hearth.service.states import StateMessages
from hearth.service.topics import Topics
from service_factories import answered_window, labelled_event, service_home

COOKING, DRINKING, EATING = LABELS
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOPICS = Topics("h")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_yaml(tmp_path / "home.yaml", HOME)


def answer(journal: Journal, *labels: str | None, begin: str = "2026-03-02T08:00:00") -> None:
    """Put a window with these answers into a journal, as the service does."""
    start, numbers = pd.Timestamp(begin), []
    for _ in labels:
        event = labelled_event(1)
        added = {key: event[key] for key in ("session", "room", "sensor", "state", "description")}
        numbers.append(journal.add_event({**added, "time": start}, NOW))  # type: ignore[typeddict-item]
    events = [
        labelled_event(number, label, time=(start + timedelta(seconds=number)).isoformat())
        for number, label in zip(numbers, labels, strict=True)
    ]
    window = answered_window(*events, number=journal.next_window())
    journal.add_window(window, [], keep=100)


def make_feedback(tmp_path: Path, home: Path, journal: Journal) -> Feedback:
    return Feedback(tmp_path / "state", home, journal, StateMessages(service_home(), TOPICS, "tiny", 0, False))


def logged_events(folder: Path) -> list[int]:
    return [int(row["event"]) for path in sorted(folder.glob("events/*.csv")) for row in csv.DictReader(path.open())]


def say(said: object, **changes: Any) -> Arrival:
    payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Arrival(TOPICS.correct, payload, NOW, **changes)


def test_the_log_has_every_window_of_the_journal_once(tmp_path, home):
    journal = Journal(None)
    answer(journal, COOKING, COOKING)
    feedback = make_feedback(tmp_path, home, journal)
    answer(journal, EATING)
    feedback.add_answered()
    feedback.add_answered()
    answer(journal, DRINKING)  # the service is killed before it is in the log
    make_feedback(tmp_path, home, journal)
    assert logged_events(tmp_path / "state" / "log") == [1, 2, 3, 4]


def test_a_window_that_is_in_the_log_in_part_is_completed(tmp_path, home):
    journal = Journal(None)
    make_feedback(tmp_path, home, journal)
    answer(journal, *[COOKING] * 4)
    other = Journal(None)
    answer(other, *[COOKING] * 2)
    make_feedback(tmp_path, home, other)  # as if the power had been lost after two rows of the four
    make_feedback(tmp_path, home, journal)
    assert logged_events(tmp_path / "state" / "log") == [1, 2, 3, 4]


def test_months_that_people_delete_do_not_come_back(tmp_path, home):
    journal = Journal(None)
    answer(journal, COOKING)
    make_feedback(tmp_path, home, journal)
    for path in (tmp_path / "state" / "log" / "events").iterdir():
        path.unlink()
    answer(journal, EATING)
    make_feedback(tmp_path, home, journal)
    assert logged_events(tmp_path / "state" / "log") == [2]


def test_a_clock_that_was_wrong_for_a_while_doubles_and_hides_nothing(tmp_path, home):
    journal = Journal(None)
    for begin in ("2026-03-02T08:00:00", "2036-01-01T00:00:00", "2026-03-02T08:05:00", "2026-03-02T08:06:00"):
        answer(journal, COOKING, begin=begin)
        feedback = make_feedback(tmp_path, home, journal)
    journal.set_mark(LOGGED, "3")  # as if it had been killed before it set the mark
    feedback = make_feedback(tmp_path, home, journal)
    assert sorted(logged_events(tmp_path / "state" / "log")) == [1, 2, 3, 4]
    feedback.take([say({"label": EATING, "event": 3}), say({"label": EATING, "window": 4})])
    assert journal.counts() == {"corrections": 2}


def test_a_correction_that_the_broker_delivers_again_is_taken_once(tmp_path, home):
    journal = Journal(None)
    answer(journal, COOKING)
    feedback = make_feedback(tmp_path, home, journal)
    feedback.take([say(EATING.encode(), packet=7)])
    answer(journal, COOKING)  # the service is killed before it acknowledges, and shows another window afterwards
    feedback = make_feedback(tmp_path, home, journal)
    feedback.take([say(EATING.encode(), packet=7, is_repeated=True)])
    assert journal.counts() == {"corrections": 1}
    feedback.take([say(EATING.encode(), packet=8, is_repeated=True)])  # whose first delivery was lost
    assert journal.counts() == {"corrections": 2}


def test_what_is_right_is_shown_as_such(tmp_path, home):
    journal = Journal(None)
    answer(journal, COOKING)
    feedback = make_feedback(tmp_path, home, journal)
    assert feedback.take([say({"label": EATING})])
    assert journal.outbox(9) == [(1, BusMessage("h/corrected", EATING, is_retained=True))]
    assert not feedback.take([say({"label": EATING, "window": 1}), say({"label": None})])
    assert feedback.take([say({"right": True})])
    # The last of the topic's retained messages is enough.
    assert [message.payload for _, message in journal.outbox(9)] == [COOKING]
    assert journal.counts() == {"corrections": 4}


def test_corrections_that_cannot_be_read_are_counted_and_named(tmp_path, home, caplog):
    caplog.set_level(logging.WARNING)
    journal = Journal(None)
    answer(journal, COOKING)
    feedback = make_feedback(tmp_path, home, journal)
    assert not feedback.take([say(b"COKING"), say({"label": EATING, "window": 7})])
    assert journal.counts() == {"corrections: refused": 2}
    assert "correction: unknown label 'COKING'; did you mean 'COOKING'?" in caplog.text


def test_retained_corrections_are_left_alone(tmp_path, home):
    journal = Journal(None)
    answer(journal, COOKING)
    feedback = make_feedback(tmp_path, home, journal)
    assert not feedback.take([say(EATING.encode(), is_retained=True), say(b"")])
    assert journal.counts() == {}


def test_the_log_of_an_earlier_journal_is_moved_aside(tmp_path, home, caplog):
    first = Journal(None)
    answer(first, COOKING, COOKING)
    make_feedback(tmp_path, home, first)
    second = Journal(None)
    feedback = make_feedback(tmp_path, home, second)
    answer(second, EATING)
    feedback.add_answered()
    assert logged_events(tmp_path / "state" / "log") == [1]
    assert logged_events(tmp_path / "state" / "log-1") == [1, 2]
    assert "the event log of the earlier one is now" in caplog.text
    open_log(tmp_path / "state" / "log", home, next_window=1)
    assert logged_events(tmp_path / "state" / "log-2") == [1]
