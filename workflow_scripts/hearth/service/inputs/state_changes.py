"""Read Home Assistant's event `state_changed`, which its eventstream and its WebSocket both deliver."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from hearth.service.inputs.protocol import MessageError, parse_time
from hearth.service.messages import Reading

EVENT_TYPE = "state_changed"


def read_state_change(origin: str, data: object) -> list[Reading]:
    """Return the reading of an event's data: `entity_id`, `old_state` and `new_state`.

    There is none if the entity was removed, or if only its attributes changed. The first state of an entity, which has
    no old one, is no change: it counts as one that the broker kept. Raises MessageError naming `origin`.
    """
    if not isinstance(data, Mapping):
        raise MessageError(f"{origin}: the event has no data")
    entity, old, new = data.get("entity_id"), data.get("old_state"), data.get("new_state")
    if not isinstance(entity, str) or not entity:
        raise MessageError(f"{origin}: the event names no `entity_id`")
    if new is None:
        return []
    reading = read_state(origin, new, entity, is_retained=old is None)
    return [] if isinstance(old, Mapping) and old.get("state") == reading.state else [reading]


def read_state(origin: str, value: object, entity: str = "", *, is_retained: bool) -> Reading:
    """Return the reading of a state object of Home Assistant, with the time of its last change.

    `entity` is its name if the object has none. Raises MessageError naming `origin`.
    """
    state: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    name = entity or state.get("entity_id")
    if not isinstance(name, str) or not isinstance(state.get("state"), str):
        raise MessageError(f"{origin}: no state of an entity: {value!r:.80}")
    return Reading(name, state["state"], parse_time(origin, state.get("last_changed"), UTC), is_retained)
