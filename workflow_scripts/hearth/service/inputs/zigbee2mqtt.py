"""Read the states of devices that Zigbee2MQTT publishes on `<base topic>/<friendly name>`.

Each property of a message is an entity of its own, `<friendly name>/<property>`, such as `kitchen pir/occupancy`. A
message repeats all properties of its device, so most of them are no change. With `output: attribute` of Zigbee2MQTT
each property has its own topic, and the same names result.
"""

import json
from datetime import UTC

from hearth.service.inputs.protocol import decode_text, join_topic, parse_object, parse_time, state_text
from hearth.service.messages import Reading

# Last levels of topics that are no states: availability of a device, and commands to it.
_OTHER_TOPICS = ("availability", "set", "get")
_LAST_SEEN = "last_seen"  # in any of its forms: ISO_8601, ISO_8601_local, epoch (milliseconds)


class Zigbee2Mqtt:
    """An input of Zigbee2MQTT."""

    def __init__(self, topic: str):
        """`topic` is the base topic of Zigbee2MQTT."""
        self._base = join_topic(topic, "")

    def subscriptions(self) -> list[str]:
        """Return the filter of all devices: their names may have several levels."""
        return [f"{self._base}#"]

    def read(self, topic: str, payload: bytes) -> list[Reading]:
        """Return a reading for each property that is a text, a number or a truth value. Raises MessageError."""
        name = topic.removeprefix(self._base)
        levels = name.split("/")
        if levels[0] == "bridge" or levels[-1] in _OTHER_TOPICS or "set" in levels[1:]:
            return []
        text = decode_text(topic, payload).strip()
        if not text:  # removes a retained message
            return []
        if not text.startswith("{"):
            return [] if levels[-1] == _LAST_SEEN else [Reading(name, _plain_state(text))]
        device = parse_object(topic, payload)
        time = parse_time(topic, device.pop(_LAST_SEEN, None), UTC)
        states = ((key, state_text(value)) for key, value in device.items())
        return [Reading(f"{name}/{key}", state, time) for key, state in states if state is not None]


def _plain_state(text: str) -> str:
    """Return the state of a payload that is one value: a JSON text without its quotes, anything else as it is."""
    if text.startswith('"'):
        try:
            return state_text(json.loads(text)) or ""
        except json.JSONDecodeError:
            return text
    return text
