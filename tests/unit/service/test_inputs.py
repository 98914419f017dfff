"""Test the input forms with messages as devices, Zigbee2MQTT and Home Assistant write them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hearth.service.inputs.protocol import MessageError
from hearth.service.inputs.registry import FORMS, find_input, make_input, matches
from hearth.service.messages import Reading, ReadingTime

PARIS = ZoneInfo("Europe/Paris")
TIME = datetime(2026, 11, 29, 16, 18, 18, 500000, UTC)
TOPICS = {"json": "flat/+/+", "zigbee2mqtt": "zigbee2mqtt", "statestream": "ha/states/", "eventstream": "ha/events"}


def read(form: str, topic: str, payload: object, pattern: str | None = None) -> Sequence[Reading | ReadingTime]:
    """Return the readings of a message; a payload that is no bytes is written as JSON."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return make_input(form, pattern or TOPICS[form], PARIS).read(topic, data)


def state_changed(old: str | None, new: str | None, **changes: Any) -> dict[str, Any]:
    """Return an event of Home Assistant."""
    state = {"entity_id": "light.desk", "attributes": {}, "last_changed": "2026-11-29T16:18:18.500000+00:00"}
    data = {"entity_id": "light.desk"} | {
        f"{name}_state": None if value is None else state | {"state": value}
        for name, value in (("old", old), ("new", new))
    }
    return {"event_type": "state_changed", "event_data": data} | changes


@pytest.mark.parametrize(
    ("message", "reading"),
    [
        ({"state": "on"}, Reading("kitchen/pir", "on")),
        ({"entity": "pir", "state": True}, Reading("pir", "true")),
        ({"entity": "pir", "state": 1}, Reading("pir", "1")),
        ({"state": "on", "time": "2026-11-29T16:18:18.5Z"}, Reading("kitchen/pir", "on", TIME)),
        ({"state": "on", "time": "2026-11-29T17:18:18.5"}, Reading("kitchen/pir", "on", TIME)),  # on the home's clock
        ({"state": "on", "time": 1795969098.5}, Reading("kitchen/pir", "on", TIME)),
        ({"state": "on", "time": 1795969098500}, Reading("kitchen/pir", "on", TIME)),
    ],
)
def test_json_topics(message, reading):
    assert read("json", "flat/kitchen/pir", message) == [reading]


def test_the_entity_of_a_json_topic_is_what_its_wildcards_match():
    assert read("json", "a/b/c", {"state": "x"}, "a/#") == [Reading("b/c", "x")]
    assert read("json", "a/b/state", {"state": "x"}, "a/+/state") == [Reading("b", "x")]
    assert read("json", "a/b", {"state": "x"}, "a/b") == [Reading("b", "x")]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"on", "flat/kitchen/pir: not JSON: "),
        (b"\xff", "flat/kitchen/pir: not UTF-8: "),
        (b"[" * 100_000, "flat/kitchen/pir: not JSON: "),
        (b'{"state": ' + b"1" * 5_000 + b"}", "flat/kitchen/pir: not JSON: a number has too many digits"),
        ([], "expected a JSON object, found list"),
        ({}, "`state` is None; write a text, a number, true or false"),
        ({"state": {"on": 1}}, "`state` is {'on': 1}"),
        ({"state": "on", "entity": 7}, "`entity` is 7; write the name of the sensor"),
        ({"state": "on", "time": "noon"}, "'noon' is no time: write ISO 8601, or seconds or milliseconds"),
        ({"state": "on", "time": 1e300}, "1e+300 is no time"),
        ({"state": "on", "time": True}, "True is no time"),
    ],
)
def test_a_malformed_message_is_named(payload, message):
    with pytest.raises(MessageError) as raised:
        read("json", "flat/kitchen/pir", payload)
    assert message in str(raised.value)


@pytest.mark.parametrize("last_seen", ["2026-11-29T16:18:18.500Z", "2026-11-29T17:18:18.500+01:00", 1795969098500])
def test_a_message_of_zigbee2mqtt_has_a_reading_for_each_property(last_seen):
    device = {"occupancy": True, "battery": 87, "action": "single", "update": {"state": "idle"}, "tamper": None}
    assert read("zigbee2mqtt", "zigbee2mqtt/kitchen/pir", device | {"last_seen": last_seen}) == [
        Reading("kitchen/pir/occupancy", "true", TIME),
        Reading("kitchen/pir/battery", "87", TIME),
        Reading("kitchen/pir/action", "single", TIME),
    ]


def test_properties_of_zigbee2mqtt_may_have_topics_of_their_own():
    assert read("zigbee2mqtt", "zigbee2mqtt/pir/occupancy", b"true") == [Reading("pir/occupancy", "true")]
    assert read("zigbee2mqtt", "zigbee2mqtt/plug/state", b"ON") == [Reading("plug/state", "ON")]
    assert read("zigbee2mqtt", "zigbee2mqtt/plug/state", b'"ON"') == [Reading("plug/state", "ON")]
    assert read("zigbee2mqtt", "zigbee2mqtt/plug/last_seen", b"2026-11-29T16:18:18Z") == []


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("zigbee2mqtt/bridge/state", {"state": "online"}),
        ("zigbee2mqtt/bridge/devices", []),
        ("zigbee2mqtt/pir/availability", {"state": "online"}),
        ("zigbee2mqtt/plug/set", {"state": "ON"}),
        ("zigbee2mqtt/plug/set/state", b"ON"),
        ("zigbee2mqtt/plug/get", {"state": ""}),
        ("zigbee2mqtt/removed device", b""),
    ],
)
def test_other_topics_of_zigbee2mqtt_are_no_states(topic, payload):
    assert read("zigbee2mqtt", topic, payload) == []


def test_a_broken_message_of_zigbee2mqtt_is_named():
    with pytest.raises(MessageError, match="zigbee2mqtt/pir: not JSON"):
        read("zigbee2mqtt", "zigbee2mqtt/pir", b'{"occupancy": tr')


@pytest.mark.parametrize(
    ("payload", "state"),
    [(b"on", "on"), (b'"on"', "on"), (b'"', '"'), (b'"a"b"', '"a"b"'), ("zu Hause \u00e4".encode(), "zu Hause \u00e4")],
)
def test_states_of_statestream_may_have_quotes(payload, state):
    assert read("statestream", "ha/states/binary_sensor/hall_pir/state", payload) == [
        Reading("binary_sensor.hall_pir", state)
    ]


@pytest.mark.parametrize("payload", [b"2026-11-29T16:18:18.500000+00:00", b'"2026-11-29T16:18:18.500000+00:00"'])
def test_the_time_of_a_state_of_statestream_is_a_message_of_its_own(payload):
    assert read("statestream", "ha/states/light/desk/last_changed", payload) == [ReadingTime("light.desk", TIME)]


@pytest.mark.parametrize(
    "topic", ["light/desk/last_updated", "light/desk/brightness", "light/state", "light/desk/x/state"]
)
def test_other_topics_of_statestream_are_no_states(topic):
    assert read("statestream", f"ha/states/{topic}", b"on") == []
    subscribed = make_input("statestream", TOPICS["statestream"], PARIS).subscriptions()
    assert not any(matches(pattern, f"ha/states/{topic}") for pattern in subscribed)


def test_an_event_of_home_assistant_is_a_reading_with_the_time_of_the_change():
    assert read("eventstream", "ha/events", state_changed("off", "on")) == [Reading("light.desk", "on", TIME)]


def test_the_first_state_of_an_entity_is_no_change():
    assert read("eventstream", "ha/events", state_changed(None, "on")) == [Reading("light.desk", "on", TIME, True)]


@pytest.mark.parametrize(
    "event",
    [
        state_changed("on", "on"),
        state_changed("on", None),
        state_changed("off", "on", event_type="call_service"),
        {"event_type": "time_changed", "event_data": {}},
    ],
    ids=["attributes alone", "entity removed", "other event", "without a state"],
)
def test_events_without_a_change_have_no_reading(event):
    assert read("eventstream", "ha/events", event) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "the event has no data"),
        ({"new_state": {"state": "on"}}, "the event names no `entity_id`"),
        ({"entity_id": "light.desk", "new_state": {"state": 3}}, "no state of an entity: {'state': 3}"),
        ({"entity_id": "light.desk", "new_state": {"state": "on", "last_changed": "now"}}, "'now' is no time"),
    ],
)
def test_a_malformed_event_is_named(data, message):
    with pytest.raises(MessageError) as raised:
        read("eventstream", "ha/events", {"event_type": "state_changed", "event_data": data})
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("a/+/c", "a/b/c", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/b", "a/b", True),
        ("a/b/c", "a/b", False),
        ("#", "$SYS/uptime", False),
        ("+/uptime", "$SYS/uptime", False),
        ("$SYS/#", "$SYS/uptime", True),
    ],
)
def test_topic_filters(pattern, topic, expected):
    assert matches(pattern, topic) is expected


def test_a_topic_finds_its_input():
    inputs = [make_input(form, TOPICS[form], PARIS) for form in FORMS]
    topics = ["flat/kitchen/pir", "zigbee2mqtt/pir", "ha/states/light/desk/state", "ha/events"]
    assert [find_input(inputs, topic) for topic in topics] == inputs
    assert find_input(inputs, "elsewhere") is None
