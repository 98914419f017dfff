"""Test the messages of answered windows."""

import json
from typing import Any

import pytest
from factories import LABELS
from hearth.service.messages import AnsweredWindow, BusMessage
from hearth.service.states import StateMessages, label_states
from hearth.service.topics import Topics
from home_assistant import BLOCKED_ATTRIBUTES, LARGEST_ATTRIBUTES, shown_state
from service_factories import answered_window, labelled_event, service_home

COOKING, DRINKING, EATING = LABELS


def make_messages(
    window: AnsweredWindow, last: str | None = None, min_confidence: float = 0.5, has_rooms: bool = False
) -> tuple[list[BusMessage], str | None]:
    messages = StateMessages(service_home(), Topics("h"), "tiny", min_confidence, has_rooms)
    return messages.messages(window, last)


def payloads(window: AnsweredWindow, topic: str, **settings: Any) -> list[str]:
    """Return the payloads of a window's messages on a topic."""
    return [message.payload for message in make_messages(window, **settings)[0] if message.topic == topic]


def test_the_state_is_the_activity_of_the_last_event():
    window = answered_window(labelled_event(1, EATING), labelled_event(2, COOKING))
    messages, last = make_messages(window)
    assert last == COOKING
    assert [(message.topic, message.is_retained) for message in messages] == [
        ("h/windows", False),
        ("h/attributes", True),
        ("h/state", True),
        ("h/corrected", True),
        ("h/event", False),
        ("h/event", False),
    ]
    assert payloads(window, "h/state") == payloads(window, "h/corrected") == [COOKING]
    assert json.loads(payloads(window, "h/windows")[0]) == window


@pytest.mark.parametrize(
    ("event", "min_confidence", "state"),
    [
        (labelled_event(1, COOKING, confidence=0.5), 0.5, COOKING),
        (labelled_event(1, COOKING, confidence=0.49), 0.5, "unknown"),
        (labelled_event(1, COOKING, confidence=0.01), 0, COOKING),
        (labelled_event(1, COOKING, confidence=None), 0.5, "unknown"),
        (labelled_event(1, COOKING, confidence=None), 0, COOKING),
        (labelled_event(1, None), 0, "unknown"),
    ],
)
def test_home_assistant_shows_unknown_below_the_least_confidence(event, min_confidence, state):
    payload = payloads(answered_window(event), "h/state", min_confidence=min_confidence)[0]
    assert shown_state(payload, list(label_states(LABELS).values())) == state


def test_attributes_say_what_the_state_leaves_out():
    window = answered_window(labelled_event(1, EATING), labelled_event(2, COOKING, confidence=0.2), number=7)
    attributes = json.loads(payloads(window, "h/attributes")[0])
    assert attributes == {
        "activity": COOKING,
        "confidence": 0.2,
        "answer": "ok",
        "activities": [EATING, COOKING],
        "window": 7,
        "window_begin": "2026-03-02T08:00:01+01:00",
        "window_end": "2026-03-02T08:00:02+01:00",
        "event_count": 2,
        "answered": "2026-03-02T07:01:00+00:00",
        "seconds": 1.235,
        "student": "tiny",
        "reasoning": "Someone cooks.",
    }
    assert attributes.keys() & BLOCKED_ATTRIBUTES == set()


def test_attributes_of_a_long_reasoning_can_be_recorded():
    window = answered_window(labelled_event(1), reasoning="厨" * 20_000)
    attributes = payloads(window, "h/attributes")[0]
    assert len(attributes.encode()) < LARGEST_ATTRIBUTES
    assert json.loads(attributes)["reasoning"].endswith("厨…")
    assert json.loads(payloads(window, "h/windows")[0])["reasoning"] == "厨" * 20_000


def test_each_change_of_the_known_activity_is_an_event():
    events = [COOKING, COOKING, None, EATING, COOKING]
    window = answered_window(*(labelled_event(number, label) for number, label in enumerate(events, start=1)), number=3)
    changes = [json.loads(payload) for payload in payloads(window, "h/event", last=COOKING)]
    assert [(change["event_type"], change["previous"], change["event"]) for change in changes] == [
        (EATING, COOKING, 4),
        (COOKING, EATING, 5),
    ]
    assert changes[0] == {
        "event_type": EATING,
        "previous": COOKING,
        "confidence": 0.9,
        "room": "kitchen",
        "event": 4,
        "window": 3,
        "time": "2026-03-02T08:00:04+01:00",
    }


def test_what_is_unknown_changes_nothing():
    window = answered_window(labelled_event(1, EATING, confidence=0.1), labelled_event(2, None))
    assert make_messages(window, last=COOKING)[1] == COOKING
    assert payloads(window, "h/event", last=COOKING) == []
    assert payloads(window, "h/state", last=COOKING) == ["None"]


def test_a_room_has_the_activity_of_its_last_event():
    there = "Salle à manger"
    events = [labelled_event(1, EATING, room=there), labelled_event(2), labelled_event(3, DRINKING, room="")]
    window = answered_window(*events)
    topics = [message.topic for message in make_messages(window, has_rooms=True)[0]]
    assert [topic for topic in topics if "/rooms/" in topic] == [
        "h/rooms/kitchen/attributes",
        "h/rooms/kitchen/state",
        "h/rooms/salle_a_manger/attributes",
        "h/rooms/salle_a_manger/state",
    ]
    assert payloads(window, "h/rooms/salle_a_manger/state", has_rooms=True) == [EATING]
    attributes = json.loads(payloads(window, "h/rooms/salle_a_manger/attributes", has_rooms=True)[0])
    assert (attributes["event_count"], attributes["window_end"]) == (1, "2026-03-02T08:00:01+01:00")


def test_a_room_without_an_event_keeps_its_activity():
    topics = [message.topic for message in make_messages(answered_window(labelled_event(1)), has_rooms=True)[0]]
    assert not [topic for topic in topics if "salle_a_manger" in topic]
