"""Rules of Home Assistant for MQTT discovery, transcribed from its source (home-assistant/core, 2026).

`components/mqtt/schemas.py` has the keys of a device's description and those of all entities, `config.py` those of
entities with topics, and `sensor.py`, `event.py`, `select.py` and `button.py` those of a platform. `discovery.py` has
the pattern of the topic, `entity.py` the attributes that entities may not set. Keys that a schema does not name are
dropped by Home Assistant without a word, so that a misspelt one would go unseen.
"""

import re
from typing import Any

TOPIC = re.compile(r"homeassistant/device/[a-zA-Z0-9_-]+/config")
DESCRIPTION = {
    *("device", "components", "origin", "state_topic", "command_topic", "message_expiry_interval", "qos", "encoding"),
    *("availability", "availability_topic", "availability_template", "availability_mode"),
    *("payload_available", "payload_not_available"),
}
DEVICE = {
    *("identifiers", "connections", "manufacturer", "model", "model_id", "name", "hw_version", "serial_number"),
    *("sw_version", "via_device", "suggested_area", "configuration_url"),
}
ORIGIN = {"name", "sw_version", "support_url"}
ENTITY = {
    *("platform", "device", "entity_picture", "origin", "enabled_by_default", "entity_category", "icon"),
    *("json_attributes_topic", "json_attributes_template", "default_entity_id", "message_expiry_interval"),
    *("unique_id", "visible_by_default", "qos", "encoding", "group", "name"),
    *("availability", "availability_topic", "availability_template", "availability_mode"),
    *("payload_available", "payload_not_available"),
}
READ_ONLY = {"state_topic", "value_template"}
# From a platform to its further keys, and to those that it requires.
PLATFORMS = {
    "sensor": {
        *READ_ONLY,
        *("device_class", "expire_after", "force_update", "last_reset_value_template", "options"),
        *("suggested_display_precision", "state_class", "unit_of_measurement"),
    },
    "event": {*READ_ONLY, "device_class", "event_types"},
    "select": {*READ_ONLY, "command_topic", "command_template", "optimistic", "retain", "options"},
    "button": {"command_topic", "command_template", "device_class", "payload_press", "retain"},
}
REQUIRED = {
    "sensor": {"state_topic"},
    "event": {"state_topic", "event_types"},
    "select": {"command_topic", "options"},
    "button": {"command_topic"},
}
BLOCKED_ATTRIBUTES = {
    *("assumed_state", "available", "device_class", "device_info", "entity_category", "entity_picture"),
    *("entity_registry_enabled_default", "extra_state_attributes", "force_update", "icon", "friendly_name", "name"),
    *("should_poll", "state", "supported_features", "unique_id", "unit_of_measurement"),
    *("last_reset", "state_class", "options", "event_type", "event_types"),
}
LONGEST_STATE, LARGEST_ATTRIBUTES = 255, 16384  # characters; bytes that the recorder keeps


def problems(topic: str, description: dict[str, Any]) -> list[str]:
    """Return what Home Assistant would refuse, drop or ignore of the description of a device."""
    found = [] if TOPIC.fullmatch(topic) else [f"topic {topic}"]
    found += _unknown("", description, DESCRIPTION) + _missing("", description, {"device", "components", "origin"})
    found += _unknown("device", description["device"], DEVICE) + _unknown("origin", description["origin"], ORIGIN)
    found += _missing("origin", description["origin"], {"name"})
    if not description["device"].get("identifiers") and not description["device"].get("connections"):
        found.append("device: neither identifiers nor connections")
    unique = [entity.get("unique_id") for entity in description["components"].values() if len(entity) > 1]
    if None in unique or len(set(unique)) < len(unique):
        found.append("components: a unique_id is missing or occurs twice")
    for key, entity in description["components"].items():
        platform = entity["platform"]
        if entity.keys() == {"platform"}:  # removes the entity
            continue
        found += _unknown(key, entity, ENTITY | PLATFORMS[platform]) + _missing(key, entity, REQUIRED[platform])
        found += [
            f"{key}: {name}" for name, value in entity.items() if name.endswith("topic") and set(value) & set("+#")
        ]
        domain, _, name = entity.get("default_entity_id", f"{platform}.x").partition(".")
        if domain != platform or not re.fullmatch(r"[a-z0-9_]+", name):
            found.append(f"{key}: default_entity_id")
        if platform == "sensor" and "options" in entity:
            if not entity["options"] or entity.get("device_class") != "enum":
                found.append(f"{key}: options need the device class enum")
            if entity.keys() & {"state_class", "unit_of_measurement"}:
                found.append(f"{key}: options exclude state_class and unit_of_measurement")
    return found


def shown_state(payload: str, options: list[str]) -> str:
    """Return the state that an enum sensor shows for a payload. Raises ValueError for one that it drops."""
    if payload == "None":
        return "unknown"
    if payload not in options or len(payload) > LONGEST_STATE:
        raise ValueError(f"dropped: {payload}")
    return payload


def _unknown(place: str, value: dict[str, Any], known: set[str]) -> list[str]:
    return [f"{place}: unknown key {key}" for key in value.keys() - known]


def _missing(place: str, value: dict[str, Any], required: set[str]) -> list[str]:
    return [f"{place}: missing key {key}" for key in required - value.keys()]
