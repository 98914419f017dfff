"""Read the states that Home Assistant's `mqtt_statestream` publishes on `<base topic>/<domain>/<object>/state`.

Home Assistant writes the state as it is; its documentation shows it as JSON, so both are read. The topics
`last_changed` and `last_updated` follow the state and are left alone: a state that was kept back for its time would be
lost if the service stopped in between. States therefore have no times, and those that the broker kept while the service
was away get the time of their arrival. A change of attributes repeats the state.
"""

import json

from hearth.service.inputs.protocol import decode_text, join_topic
from hearth.service.messages import Reading


class Statestream:
    """An input of Home Assistant's `mqtt_statestream`."""

    def __init__(self, topic: str):
        """`topic` is the `base_topic` of `mqtt_statestream`."""
        self._base = join_topic(topic, "")

    def subscriptions(self) -> list[str]:
        """Return the filter of all states."""
        return [f"{self._base}+/+/state"]

    def read(self, topic: str, payload: bytes) -> list[Reading]:
        """Return the reading of a state, `<domain>.<object>`. Raises MessageError."""
        levels = topic.removeprefix(self._base).split("/")
        state = _unquoted(decode_text(topic, payload))
        if len(levels) != 3 or levels[2] != "state" or not state:
            return []
        return [Reading(f"{levels[0]}.{levels[1]}", state)]


def _unquoted(text: str) -> str:
    """Return a state without the quotes of JSON, if it has them."""
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        try:
            return str(json.loads(text))
        except json.JSONDecodeError:
            return text
    return text
