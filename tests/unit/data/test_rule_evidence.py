"""Test which recorded events a rule names, and which rules cause a warning."""

import dataclasses

import pytest
from event_factories import FLAT
from hearth.data.events import event_table
from hearth.data.rule_evidence import FEW_EVENTS, count_rule_events, rule_warnings
from hearth.homes.home import Sensor

SENSORS = {
    "c1": Sensor("dining room", "chair_1", {"1": "OPENED", "0": "CLOSED"}),
    "c2": Sensor("dining room", "chair_2", {"1": "OPENED", "0": "CLOSED"}),
    "cd": Sensor("kitchen", "cabinet door", {"1": "OPENED"}),
    "fd": Sensor("kitchen", "food cabinet door", {"1": "OPENED"}),
    "S": Sensor("", "7", {"1": "rang"}),
}


def home(*rules, origins=()):
    return dataclasses.replace(FLAT, sensors=SENSORS, rules=rules, rule_origins=origins or ("",) * len(rules))


def events(**counts):
    """Return one session with events of each sensor in its first state, as many as `counts` says.

    They are labelled COOKING; those of a key such as c1_drinking, drinking.
    """
    row = {"session": "s", "residents": []}
    rows = []
    for key, count in counts.items():
        sensor, _, drinking = key.partition("_")
        spec = SENSORS[sensor]
        row["activity"] = FLAT.labels[bool(drinking)]
        words = next(iter(spec.states.values()))
        text = {"room": spec.room, "sensor": sensor, "state": words, "description": spec.describe(words)}
        rows += [{**row, **text, "time": len(rows) + number} for number in range(count)]
    return event_table(rows)


OPENED = ("dining room chair_1 OPENED", "dining room chair_2 OPENED")


@pytest.mark.parametrize(
    ("rule", "descriptions"),
    [
        ("For chairs, OPENED means that somebody sits down.", OPENED),
        ("Chair_1 is Anna's.", ()),
        (
            "A chair that is opened or CLOSED.",
            (OPENED[0], "dining room chair_1 CLOSED", OPENED[1], "dining room chair_2 CLOSED"),
        ),
        ("The food cabinet door is for meals.", ("kitchen food cabinet door OPENED",)),
        ("Cabinet doors, and food cabinet doors.", ("kitchen cabinet door OPENED", "kitchen food cabinet door OPENED")),
        ("Chairmen and armchairs do not count.", ()),
        ("It rang at 7.", ("7 rang",)),
        ("Breakfast is in the morning.", ()),
    ],
)
def test_a_rule_names_sensors_by_their_words(rule, descriptions):
    [evidence] = count_rule_events(events(c1=2, c2=1, fd=4), home(rule))
    assert evidence.descriptions == descriptions


def test_the_events_that_a_rule_names_are_counted():
    rules = ("Chairs are for sitting.", "The 7 is a phone.", "Dinner is late.")
    counted = count_rule_events(events(c1=2, c2=1, fd=4), home(*rules, origins=("data", "documentation", "")))
    assert [(each.rule, each.origin, each.events) for each in counted] == [
        ("Chairs are for sitting.", "data", 3),
        ("The 7 is a phone.", "documentation", 0),
        ("Dinner is late.", "", None),
    ]
    assert count_rule_events(events(c1=2), dataclasses.replace(FLAT, rules=("A stove is hot.",)))[0].origin == ""


@pytest.mark.parametrize(
    ("rule", "labels", "number"),
    [
        ("Chairs are for cooking.", FLAT.labels[:1], 7),
        ("Chairs: drinking water, coffee or drinks.", FLAT.labels[1:], 2),
        ("Chairs are for COOKING or drinking water, coffee or drinks.", FLAT.labels, 9),
        ("Chairs are for drinking water.", (), 9),
        ("COOKING is done standing.", FLAT.labels[:1], None),
    ],
)
def test_only_events_with_a_label_that_the_rule_names_are_counted(rule, labels, number):
    [evidence] = count_rule_events(events(c1=4, c2=3, c1_drinking=2, fd=5), home(rule))
    assert (evidence.labels, evidence.events) == (labels, number)


def test_a_common_sensor_with_one_event_of_the_label_is_warned_of():
    rule = "A chair may mean COOKING."
    [warning] = rule_warnings(count_rule_events(events(c1_drinking=50, c2=1), home(rule)))
    assert "chair_2 CLOSED and COOKING, of which the data hold 1 event(s)" in warning


@pytest.mark.parametrize(
    ("origin", "count", "warned"),
    [
        ("", FEW_EVENTS, True),
        ("data", 1, True),
        ("data", 0, True),
        ("", FEW_EVENTS + 1, False),
        ("documentation", 1, False),
        ("common sense", 1, False),
    ],
)
def test_a_rule_that_few_events_may_have_taught_is_warned_of(origin, count, warned):
    rule = "The food cabinet door is for meals."
    warnings = rule_warnings(count_rule_events(events(c1=9, fd=count), home(rule, origins=(origin,))))
    assert len(warnings) == warned
    for warning in warnings:
        assert f"the data hold {count} event(s)" in warning
        assert repr(rule) in warning
