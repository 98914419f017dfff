"""Read the events that Home Assistant's `mqtt_eventstream` publishes on one topic; only `state_changed` is of use."""

from hearth.service.inputs.protocol import parse_object
from hearth.service.inputs.state_changes import EVENT_TYPE, read_state_change
from hearth.service.messages import Reading


class Eventstream:
    """An input of Home Assistant's `mqtt_eventstream`."""

    def __init__(self, topic: str):
        """`topic` is the `publish_topic` of `mqtt_eventstream`."""
        self._topic = topic

    def subscriptions(self) -> list[str]:
        """Return the topic."""
        return [self._topic]

    def read(self, topic: str, payload: bytes) -> list[Reading]:
        """Return the reading of an event `state_changed`. Raises MessageError."""
        event = parse_object(topic, payload)
        return read_state_change(topic, event.get("event_data")) if event.get("event_type") == EVENT_TYPE else []
