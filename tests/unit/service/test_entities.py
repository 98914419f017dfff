"""Test the map from entities of the bus to a home's sensors."""

import pytest
from factories import HOME
from hearth.homes.home import parse_home
from hearth.service.entities import EntityMap, SensorState, Unmapped

STATES = {"states": {"on": "turned ON", "off": "turned OFF"}, "room": "kitchen", "words": "kettle"}
DOOR = {"states": {"Open": "opened", "open": "half opened", "closed": "closed"}, "room": "kitchen", "words": "door"}
RAW = HOME | {
    "sensors": HOME["sensors"] | {"kettle_plug": STATES, "door": DOOR},
    "entities": {
        "binary_sensor.stove": {"sensor": "s1", "states": {"heating": "ON"}},
        "kettle/power": {
            "sensor": "kettle_plug",
            "threshold": {"at_least": 100, "reached": "on", "below": "off"},
        },
        "kettle/state": "kettle_plug",
        "binary_sensor.update": None,
    },
    "recording": {"ignored_sensors": ["*_temp"], "ignored_states": ["starting*"]}
    | {"label_rows": {"sensor": "input_select.activity"}},
}
ENTITIES = EntityMap(parse_home(RAW, "home"), own=["sensor.home_activity", "s1"])


@pytest.mark.parametrize(
    ("entity", "state", "sensor", "meant"),
    [
        ("s1", "ON", "s1", "ON"),
        ("s1", "on", "s1", "ON"),
        ("binary_sensor.stove", "heating", "s1", "ON"),
        ("binary_sensor.stove", "ON", "s1", "ON"),
        ("kettle/state", "OFF", "kettle_plug", "off"),
        ("kettle/power", "100", "kettle_plug", "on"),
        ("kettle/power", "99.9", "kettle_plug", "off"),
        ("kettle_plug", "on", "kettle_plug", "on"),
        ("door", "open", "door", "open"),
        ("door", "CLOSED", "door", "closed"),
    ],
)
def test_an_entity_is_the_sensor_that_the_home_says(entity, state, sensor, meant):
    assert ENTITIES.find(entity, state) == SensorState(sensor, meant)


@pytest.mark.parametrize(
    ("entity", "state", "reason"),
    [
        ("kettle_plgu", "on", Unmapped.UNKNOWN_ENTITY),
        ("kettle/battery", "87", Unmapped.IGNORED),
        ("bath_temp", "warm", Unmapped.IGNORED),
        ("binary_sensor.update", "on", Unmapped.IGNORED),
        ("sensor.home_activity", "cooking", Unmapped.IGNORED),
        ("input_select.activity", "cooking", Unmapped.IGNORED),
        ("binary_sensor.other", "unavailable", Unmapped.IGNORED),
        ("s1", "unavailable", Unmapped.IGNORED),
        ("s1", "starting up", Unmapped.IGNORED),
        ("s1", "OPEN", Unmapped.UNKNOWN_STATE),
        ("s1", "1", Unmapped.UNKNOWN_STATE),
        ("kettle/power", "off by hand", Unmapped.UNKNOWN_STATE),
        ("kettle/power", "nan", Unmapped.UNKNOWN_STATE),
        ("door", "OPEN", Unmapped.UNKNOWN_STATE),  # differs from two states in case alone
    ],
)
def test_a_reading_that_is_no_event_has_a_reason(entity, state, reason):
    assert ENTITIES.find(entity, state) is reason


def test_unknown_entities_and_states_are_explained_with_a_remedy():
    assert ENTITIES.explain("kettle_plgu", "on") == (
        "unknown entity 'kettle_plgu' (did you mean 'kettle_plug'?): map it to a sensor in the home's `entities`, or "
        "to null"
    )
    assert ENTITIES.explain("zzz", "on").startswith("unknown entity 'zzz': map it")
    assert ENTITIES.explain("s1", "OPEN") == (
        "unknown state 'OPEN' of entity 's1': sensor 's1' has 'ON'; map it in the home's `entities`"
    )
