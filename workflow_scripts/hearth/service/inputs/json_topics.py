"""Read own JSON topics: `{"entity": ..., "state": ..., "time": ...}`, a message a change.

Without `entity`, the part of the topic that the wildcards of its filter match is the entity: with the filter
`sensors/+`, a message on `sensors/kitchen_pir` is of `kitchen_pir`. `time` may be missing.
"""

from datetime import tzinfo

from hearth.service.inputs.protocol import MessageError, parse_object, parse_time, state_text
from hearth.service.messages import Reading


class JsonTopics:
    """An input of own JSON topics."""

    def __init__(self, topic: str, zone: tzinfo):
        """`topic` is a topic filter. Times without an offset are in `zone`."""
        self._filter, self._zone = topic, zone

    def subscriptions(self) -> list[str]:
        """Return the filter."""
        return [self._filter]

    def read(self, topic: str, payload: bytes) -> list[Reading]:
        """Return the reading of a message. Raises MessageError."""
        message = parse_object(topic, payload)
        entity = message.get("entity", _wildcard_part(self._filter, topic))
        if not isinstance(entity, str) or not entity:
            raise MessageError(f"{topic}: `entity` is {entity!r}; write the name of the sensor")
        state = state_text(message.get("state"))
        if state is None:
            raise MessageError(f"{topic}: `state` is {message.get('state')!r}; write a text, a number, true or false")
        return [Reading(entity, state, parse_time(topic, message.get("time"), self._zone))]


def _wildcard_part(pattern: str, topic: str) -> str:
    """Return the levels of a topic that the wildcards of its filter match, or its last level if it has none."""
    levels, matched = topic.split("/"), []
    for place, part in enumerate(pattern.split("/")):
        if part == "#":
            matched += levels[place:]
        elif part == "+" and place < len(levels):
            matched.append(levels[place])
    return "/".join(matched or levels[-1:])
