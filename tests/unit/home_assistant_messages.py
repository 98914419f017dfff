"""Messages that were recorded from Home Assistant 2026.2.3, of an `input_boolean` that was turned on and off.

Then an attribute of it was changed, and Home Assistant restarted. The ids in `context` are shortened.
"""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

CHANGED = [datetime(2026, 11, 29, 17, 0, 52, microsecond, UTC) for microsecond in (512150, 821960)]
# `mqtt_statestream` with `publish_timestamps` and `publish_attributes`: topics below its base topic, and payloads.
STATESTREAM = [
    ("input_boolean/hall_pir/state", "on"),
    ("input_boolean/hall_pir/last_updated", "2026-11-29T17:00:52.512150+00:00"),
    ("input_boolean/hall_pir/last_changed", "2026-11-29T17:00:52.512150+00:00"),
    ("input_boolean/hall_pir/editable", "false"),
    ("input_boolean/hall_pir/friendly_name", '"Hall PIR"'),
    ("input_boolean/hall_pir/state", "off"),
    ("input_boolean/hall_pir/last_updated", "2026-11-29T17:00:52.821960+00:00"),
    ("input_boolean/hall_pir/last_changed", "2026-11-29T17:00:52.821960+00:00"),
    ("input_boolean/hall_pir/editable", "false"),
    ("input_boolean/hall_pir/friendly_name", '"Hall PIR"'),
    ("input_boolean/hall_pir/state", "off"),
    ("input_boolean/hall_pir/last_updated", "2026-11-29T17:00:56.193355+00:00"),
    ("input_boolean/hall_pir/last_changed", "2026-11-29T17:00:52.821960+00:00"),
    ("input_boolean/hall_pir/editable", "false"),
    ("input_boolean/hall_pir/friendly_name", '"Hall PIR"'),
    ("input_boolean/hall_pir/note", '"x"'),
]


def _state(state: str, changed: str, updated: str | None = None, **attributes: str) -> dict[str, Any]:
    return {
        "entity_id": "input_boolean.hall_pir",
        "state": state,
        "attributes": {"editable": False, "friendly_name": "Hall PIR"} | attributes,
        "last_changed": changed,
        "last_reported": updated or changed,
        "last_updated": updated or changed,
        "context": {"id": "01M8M3Z6FCH4WYCVMDRV97CG00", "parent_id": None, "user_id": "bfde8f07"},
    }


_STATES = [
    _state("off", "2026-11-29T16:59:46.540427+00:00"),
    _state("on", "2026-11-29T17:00:52.512150+00:00"),
    _state("off", "2026-11-29T17:00:52.821960+00:00"),
    _state("off", "2026-11-29T17:00:52.821960+00:00", "2026-11-29T17:00:56.193355+00:00", note="x"),
]
_CHANGES = [
    *({"old_state": old, "new_state": new} for old, new in pairwise(_STATES)),
    {"old_state": None, "new_state": _state("off", "2026-11-29T17:01:09.869323+00:00")},
]
# `mqtt_eventstream`: payloads.
EVENTSTREAM: list[dict[str, Any]] = [
    {
        "event_type": "call_service",
        "event_data": {
            "domain": "input_boolean",
            "service": "turn_on",
            "service_data": {"entity_id": "input_boolean.hall_pir"},
        },
    },
    *(
        {"event_type": "state_changed", "event_data": {"entity_id": "input_boolean.hall_pir"} | change}
        for change in _CHANGES[:3]
    ),
    {"event_type": "homeassistant_stop", "event_data": {}},
    {"event_type": "component_loaded", "event_data": {"component": "mqtt_eventstream"}},
    {"event_type": "state_changed", "event_data": {"entity_id": "input_boolean.hall_pir"} | _CHANGES[3]},
]
