"""Test the description of a home's device against the rules of Home Assistant."""

import json

import pytest
from factories import LABELS
from hearth.service.discovery import HomeDevice
from hearth.service.states import StateError
from hearth.service.topics import Topics, slug, slugs
from home_assistant import problems
from jinja2 import Environment
from service_factories import service_home


def make_device(has_rooms: bool = True, expire_after: int | None = None, **changes: object) -> HomeDevice:
    home = service_home(**changes)
    return HomeDevice(
        home, slug(home.name), Topics("hearth/made_up_home"), "tiny", "homeassistant", has_rooms, expire_after
    )


@pytest.mark.parametrize("has_rooms", [False, True])
@pytest.mark.parametrize("name", ["Made-up home", "我的家", "Wohnung 3/+#"])
def test_home_assistant_accepts_the_description(has_rooms, name):
    message = make_device(has_rooms, 600, name=name).config()
    assert message.is_retained
    assert problems(message.topic, json.loads(message.payload)) == []


def test_the_check_finds_what_home_assistant_would_refuse():
    message = make_device().config()
    description = json.loads(message.payload)
    description["objectid"] = "x"
    description["device"].pop("identifiers")
    description["components"]["activity"] |= {"device_class": None, "state_topics": "x"}
    description["components"]["change"].pop("event_types")
    description["components"]["correction"]["unique_id"] = description["components"]["activity"]["unique_id"]
    assert set(problems("homeassistant/device/a b/config", description)) == {
        "topic homeassistant/device/a b/config",
        ": unknown key objectid",
        "device: neither identifiers nor connections",
        "components: a unique_id is missing or occurs twice",
        "activity: unknown key state_topics",
        "activity: options need the device class enum",
        "change: missing key event_types",
    }


def test_the_device_has_a_sensor_an_event_a_select_and_a_button():
    description = json.loads(make_device().config().payload)
    assert description["device"] == {
        "identifiers": ["hearth_made_up_home_home"],
        "name": "Made-up home",
        "manufacturer": "Hearth",
        "model": "tiny",
    }
    assert description["availability_topic"] == "hearth/made_up_home/status"
    components = description["components"]
    assert components["activity"]["options"] == LABELS
    assert components["activity"]["state_topic"] == "hearth/made_up_home/state"
    assert components["activity"]["default_entity_id"] == "sensor.made_up_home_activity"
    assert "expire_after" not in components["activity"]
    assert components["change"]["event_types"] == components["correction"]["options"] == LABELS
    assert components["correction"]["command_topic"] == "hearth/made_up_home/correct"
    assert json.loads(components["confirmation"]["payload_press"]) == {"right": True}


def test_the_select_sends_a_label_with_quotes_as_json():
    environment = Environment(autoescape=False)
    environment.filters["to_json"] = json.dumps  # as Home Assistant's filter does
    template = json.loads(make_device().config().payload)["components"]["correction"]["command_template"]
    assert json.loads(environment.from_string(template).render(value='the "good" tea')) == {"label": 'the "good" tea'}


def test_rooms_with_sensors_have_sensors_of_their_own():
    components = json.loads(make_device().config().payload)["components"]
    assert [key for key in components if key.startswith("room_")] == ["room_kitchen", "room_salle_a_manger"]
    assert components["room_kitchen"]["name"] == "Activity in kitchen"
    assert components["room_kitchen"]["state_topic"] == "hearth/made_up_home/rooms/kitchen/state"


def test_sensors_of_rooms_that_are_no_longer_wanted_are_removed():
    components = json.loads(make_device(has_rooms=False).config().payload)["components"]
    assert components["room_kitchen"] == components["room_salle_a_manger"] == {"platform": "sensor"}


def test_the_sensor_may_expire():
    assert json.loads(make_device(expire_after=60).config().payload)["components"]["activity"]["expire_after"] == 60


def test_labels_that_are_states_of_home_assistant_get_brackets():
    labels = ["None", "unknown", "COOKING"]
    event = {"time": "08:00:00", "sensor": "s1", "state": "ON", "label": "COOKING"}
    device = make_device(labels=labels, example={"reasoning": "x", "events": [event] * 2})
    components = json.loads(device.config().payload)["components"]
    assert components["activity"]["options"] == ["(None)", "(unknown)", "COOKING"]


def test_a_label_that_is_too_long_for_a_state_is_refused():
    with pytest.raises(StateError, match=r"label 'x+'\.\.\.: Home Assistant takes states of 255 characters at most"):
        make_device(labels=[*LABELS, "x" * 256]).config()


def test_the_names_of_its_entities_are_those_that_home_assistant_gives_them():
    assert make_device(has_rooms=False, name="Flat").entities() == [
        "sensor.flat_activity",
        "event.flat_change",
        "select.flat_correction",
        "button.flat_confirmation",
    ]
    assert "sensor.flat_room_kitchen" in make_device(name="Flat").entities()


def test_removal_empties_every_retained_topic():
    messages = make_device().removal()
    assert {(message.payload, message.is_retained) for message in messages} == {("", True)}
    assert [message.topic for message in messages] == [
        "homeassistant/device/hearth_made_up_home_home/config",
        "hearth/made_up_home/status",
        "hearth/made_up_home/owner",
        "hearth/made_up_home/state",
        "hearth/made_up_home/attributes",
        "hearth/made_up_home/corrected",
        "hearth/made_up_home/rooms/kitchen/state",
        "hearth/made_up_home/rooms/kitchen/attributes",
        "hearth/made_up_home/rooms/salle_a_manger/state",
        "hearth/made_up_home/rooms/salle_a_manger/attributes",
    ]


def test_the_availability_is_retained():
    device = make_device()
    online, offline = device.status(is_online=True), device.status(is_online=False)
    assert (online.payload, offline.payload) == ("online", "offline")
    assert (online.is_retained, offline.is_retained) == (True, True)
    assert device.birth_topic == "homeassistant/status"


def test_slugs_are_ascii_and_different():
    assert slug("Salle à manger (2)") == "salle_a_manger_2"
    assert slug("客厅") != slug("厨房")
    assert list(slugs(["a b", "a-b", "a_b_2", "a.b"]).values()) == ["a_b", "a_b_2", "a_b_2_2", "a_b_3"]
