"""Check the journal: each event has one answer, what a transaction wrote stays, and nothing grows without bounds."""

from datetime import UTC, datetime, timedelta

import pytest
from hearth.common.cli import UserError
from hearth.service import journal as journals
from hearth.service.journal import Journal
from hearth.service.messages import BusMessage

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def add_events(journal, count):
    for number in range(count):
        time = datetime(2026, 3, 2, 13) + timedelta(seconds=number)
        event = {"session": "1", "time": time, "room": "hall", "sensor": "p", "state": "on", "description": "hall p on"}
        journal.add_event(event, NOW)


def window(number, events):
    rows = [{"event": event, "label": None, "status": "malformed"} for event in events]
    return {"window": number, "events": rows, "reasoning": "", "answered": NOW.isoformat(), "seconds": 0.1}


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path)
    yield opened
    opened.close()


def test_events_wait_until_their_window_is_answered_also_in_another_process(journal, tmp_path):
    add_events(journal, 5)
    assert [one.event["event"] for one in journal.waiting_events(0, 10)] == [1, 2, 3, 4, 5]
    journal.add_window(window(1, [1, 2, 3]), [BusMessage("a", "x"), BusMessage("s", "y", is_retained=True)], keep=100)
    journal.close()
    again = Journal(tmp_path)
    assert [one.event["event"] for one in again.waiting_events(0, 10)] == [4, 5]
    assert again.waiting_events(4, 10)[0].event["time"] == datetime(2026, 3, 2, 13, 0, 4)
    assert again.next_window() == 2
    assert [message for _, message in again.outbox(10)] == [BusMessage("a", "x"), BusMessage("s", "y", True)]
    assert again.retained() == [BusMessage("s", "y", True)]
    again.remove_published(again.outbox(1)[0][0])
    assert [message.topic for _, message in again.outbox(10)] == ["s"]
    again.close()


def test_of_retained_messages_only_the_last_of_a_topic_is_published(journal):
    for topic, payload, is_retained in [
        ("state", "a", True),
        ("windows", "1", False),
        ("room", "a", True),
        ("windows", "2", False),
        ("state", "b", True),
    ]:
        journal.add_message(BusMessage(topic, payload, is_retained))
    assert [message.payload for _, message in journal.outbox(10)] == ["1", "a", "2", "b"]


@pytest.mark.parametrize("events", [[1, 2], [4, 5], [3, 5]], ids=["answered", "an earlier one waits", "not adjacent"])
def test_an_event_is_answered_once_and_in_order(journal, events):
    add_events(journal, 5)
    journal.add_window(window(1, [1, 2]), [], keep=100)
    with pytest.raises(ValueError, match="window 2 has the events"):
        journal.add_window(window(2, events), [BusMessage("a", "x")], keep=100)
    assert journal.outbox(10) == []
    assert len(journal.windows()) == 1


def test_a_transaction_is_written_as_a_whole_or_not_at_all(journal):
    def fail():
        with journal.transaction():
            journal.count("messages")
            with journal.transaction():
                journal.set_state("p", "on")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (journal.counts(), journal.state("p")) == ({}, None)
    with journal.transaction():
        journal.count("messages", 2)
    journal.count("messages")
    assert journal.counts() == {"messages": 3}


def test_old_windows_deliveries_and_readings_are_forgotten(journal, monkeypatch):
    monkeypatch.setattr(journals, "_DELIVERIES", 3)
    monkeypatch.setattr(journals, "_READINGS", 3)
    add_events(journal, 6)
    for number in range(1, 7):
        journal.add_window(window(number, [number]), [], keep=2)
        journal.add_delivery(number, "digest")
        assert journal.add_reading("p", "on", NOW + timedelta(seconds=number))
    assert [one["window"] for one in journal.windows()] == [5, 6]
    assert [journal.was_delivered(number, "digest") for number in range(1, 7)] == [False] * 3 + [True] * 3
    assert not journal.was_delivered(6, "another")
    assert not journal.add_reading("p", "on", NOW + timedelta(seconds=6))
    assert journal.add_reading("p", "on", NOW + timedelta(seconds=1))
    assert journal.next_window() == 7


def test_a_state_folder_has_one_service_and_a_file_that_is_a_journal(journal, tmp_path):
    with pytest.raises(UserError, match="another service uses this state folder"):
        Journal(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / journals.FILE).write_text("no database" * 1000)
    with pytest.raises(UserError, match="not a journal, or damaged"):
        Journal(other)
