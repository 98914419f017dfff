"""The input forms by name."""

from collections.abc import Callable, Sequence
from datetime import tzinfo

from hearth.service.inputs.eventstream import Eventstream
from hearth.service.inputs.json_topics import JsonTopics
from hearth.service.inputs.protocol import Input
from hearth.service.inputs.statestream import Statestream
from hearth.service.inputs.zigbee2mqtt import Zigbee2Mqtt

# From the name of a form to its maker, which takes the topic of the settings and the home's time zone.
FORMS: dict[str, Callable[[str, tzinfo], Input]] = {
    "json": JsonTopics,
    "zigbee2mqtt": lambda topic, zone: Zigbee2Mqtt(topic),
    "statestream": lambda topic, zone: Statestream(topic),
    "eventstream": lambda topic, zone: Eventstream(topic),
}


def make_input(form: str, topic: str, zone: tzinfo) -> Input:
    """Return the input of a form (a key of `FORMS`).

    `topic` is the topic filter of `json`, the base topic of `zigbee2mqtt` and `statestream`, or the topic of
    `eventstream`. Times without an offset are in `zone`, the home's.
    """
    return FORMS[form](topic, zone)


def matches(pattern: str, topic: str) -> bool:
    """Return whether a topic matches a topic filter of MQTT; names that begin with `$` match no leading wildcard."""
    parts, levels = pattern.split("/"), topic.split("/")
    if topic.startswith("$") and parts[0] in ("+", "#"):
        return False
    for place, part in enumerate(parts):
        if part == "#":
            return True
        if place >= len(levels) or part not in ("+", levels[place]):
            return False
    return len(parts) == len(levels)


def find_input(inputs: Sequence[Input], topic: str) -> Input | None:
    """Return the first of the inputs that subscribes to a topic; None if there is none."""
    return next((one for one in inputs if any(matches(pattern, topic) for pattern in one.subscriptions())), None)
