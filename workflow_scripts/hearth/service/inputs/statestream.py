"""Read the states that Home Assistant's `mqtt_statestream` publishes on `<base topic>/<domain>/<object>/state`.

Home Assistant writes the state as it is; its documentation shows it as JSON, so both are read. With
`publish_timestamps` the time of the change follows on the topic `last_changed`; without it a state has no time. A
change of attributes repeats state and time.
"""

import json
from datetime import UTC

from hearth.service.inputs.protocol import decode_text, join_topic, parse_time
from hearth.service.messages import Reading, ReadingTime

_STATE, _TIME = "state", "last_changed"


class Statestream:
    """An input of Home Assistant's `mqtt_statestream`."""

    def __init__(self, topic: str):
        """`topic` is the `base_topic` of `mqtt_statestream`."""
        self._base = join_topic(topic, "")

    def subscriptions(self) -> list[str]:
        """Return the filters of all states and of their times."""
        return [f"{self._base}+/+/{last}" for last in (_STATE, _TIME)]

    def read(self, topic: str, payload: bytes) -> list[Reading | ReadingTime]:
        """Return the reading of a state, of entity `<domain>.<object>`, or the time of one. Raises MessageError."""
        levels = topic.removeprefix(self._base).split("/")
        text = _unquoted(decode_text(topic, payload))
        if len(levels) != 3 or not text:
            return []
        entity = f"{levels[0]}.{levels[1]}"
        if levels[2] == _TIME:
            time = parse_time(topic, text, UTC)
            return [ReadingTime(entity, time)] if time else []
        return [Reading(entity, text)] if levels[2] == _STATE else []


def _unquoted(text: str) -> str:
    """Return a text without the quotes of JSON, if it has them."""
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        try:
            return str(json.loads(text))
        except json.JSONDecodeError:
            return text
    return text
