"""Describe a home's service to Home Assistant by MQTT discovery, as one device.

Its entities are a sensor of the home's activity and, if wanted, of each room's; an event at each change; a select that
shows the activity and corrects it; and a button that confirms it. Home Assistant reads the description at its start,
and again whenever it comes; the service sends it again when Home Assistant says that it has started (`birth_topic`).
"""

import json
from dataclasses import dataclass
from typing import Any

from hearth.homes.home import Home
from hearth.service.messages import BusMessage
from hearth.service.states import label_states, room_slugs
from hearth.service.topics import OFFLINE, ONLINE, Topics

BIRTH = "online"  # payload of Home Assistant's birth message
_NAME = "Hearth"


@dataclass(frozen=True)
class HomeDevice:
    """The device of a home's service.

    `home_id` names it in topics and ids. `prefix` is Home Assistant's discovery prefix. `has_rooms`: whether each room
    has a sensor. `expire_after` is the number of seconds without a message after which Home Assistant shows the home's
    activity as unavailable; None for never.
    """

    home: Home
    home_id: str
    topics: Topics
    student: str
    prefix: str
    has_rooms: bool
    expire_after: int | None = None

    @property
    def birth_topic(self) -> str:
        """Return the topic of Home Assistant's birth message, whose payload is `BIRTH`."""
        return f"{self.prefix}/status"

    def status(self, *, is_online: bool) -> BusMessage:
        """Return the message of the availability; that of a service that is not online is also its last will."""
        return BusMessage(self.topics.status, ONLINE if is_online else OFFLINE, is_retained=True)

    def config(self) -> BusMessage:
        """Return the message that describes the device. Raises StateError for a label that cannot be a state."""
        description = {
            "device": {
                "identifiers": [self._unique("home")],
                "name": self.home.name,
                "manufacturer": _NAME,
                "model": self.student,
            },
            "origin": {"name": _NAME},
            "availability_topic": self.topics.status,
            "qos": 1,
            "components": self._components(),
        }
        return BusMessage(self._config_topic, json.dumps(description, ensure_ascii=False), is_retained=True)

    def entities(self) -> list[str]:
        """Return the names that Home Assistant gives to the device's entities, unless somebody renames them."""
        components = self._components().values()
        return [component["default_entity_id"] for component in components if "default_entity_id" in component]

    def removal(self) -> list[BusMessage]:
        """Return the messages that remove the device from Home Assistant, and what the broker keeps of it."""
        topics = [self._config_topic, self.topics.status, self.topics.owner, self.topics.state, self.topics.attributes]
        topics.append(self.topics.corrected)
        for room in room_slugs(self.home).values():
            topics += [self.topics.room_state(room), self.topics.room_attributes(room)]
        return [BusMessage(topic, "", is_retained=True) for topic in topics]

    @property
    def _config_topic(self) -> str:
        return f"{self.prefix}/device/{self._unique('home')}/config"

    def _unique(self, part: str) -> str:
        """Return the unique id of a part of the device."""
        return f"hearth_{self.home_id}_{part}"

    def _components(self) -> dict[str, dict[str, Any]]:
        """Return the descriptions of the entities by key. A room's is empty, which removes it, without `has_rooms`."""
        states = list(label_states(self.home.labels).values())
        activity = self._sensor("activity", "Activity", self.topics.state, self.topics.attributes, states)
        if self.expire_after is not None:
            activity["expire_after"] = self.expire_after
        correction = self._entity("select", "correction", "Activity was", "mdi:account-edit")
        button = self._entity("button", "confirmation", "Activity is right", "mdi:check")
        change = self._entity("event", "change", "Activity change", "mdi:home-switch")
        components = {
            "activity": activity,
            "change": change | {"state_topic": self.topics.event, "event_types": states},
            "correction": correction
            | {
                "state_topic": self.topics.corrected,
                "command_topic": self.topics.correct,
                "command_template": '{{ {"label": value} | to_json }}',
                "options": states,
            },
            "confirmation": button | {"command_topic": self.topics.correct, "payload_press": '{"right": true}'},
        }
        for room, name in room_slugs(self.home).items():
            topics = self.topics.room_state(name), self.topics.room_attributes(name)
            sensor = self._sensor(f"room_{name}", f"Activity in {room}", *topics, states)
            components[f"room_{name}"] = sensor if self.has_rooms else {"platform": "sensor"}
        return components

    def _sensor(self, key: str, name: str, state: str, attributes: str, states: list[str]) -> dict[str, Any]:
        """Return the description of a sensor whose states are activities."""
        return self._entity("sensor", key, name, "mdi:home-account") | {
            "device_class": "enum",
            "options": states,
            "state_topic": state,
            "json_attributes_topic": attributes,
        }

    def _entity(self, platform: str, key: str, name: str, icon: str) -> dict[str, Any]:
        """Return the part of an entity's description that all have."""
        return {
            "platform": platform,
            "unique_id": self._unique(key),
            "default_entity_id": f"{platform}.{self.home_id}_{key}",
            "name": name,
            "icon": icon,
        }
