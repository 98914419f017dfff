"""Topics of a home's service below its base topic, and the id of a home in topics and in Home Assistant."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from hearth.common.files import digest

ROOT = "hearth"
ONLINE, OFFLINE = "online", "offline"  # payloads of `status`


def slug(name: str) -> str:
    """Return a name in lower-case letters, digits and underscores; a digest if it has no Latin letters or digits."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or digest(name)[:8]


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return a dict from names to their slugs, with a number at the end of a slug that an earlier name has."""
    found: dict[str, str] = {}
    for name in names:
        first = slug(name)
        taken = set(found.values())
        numbered = (f"{first}_{number}" for number in range(2, len(taken) + 3))
        found[name] = first if first not in taken else next(text for text in numbered if text not in taken)
    return found


@dataclass(frozen=True)
class Topics:
    """The topics of one service. `base` is its base topic."""

    base: str

    @property
    def status(self) -> str:
        """Return the topic of the availability: `online`, or `offline`, also as the last will. Retained."""
        return f"{self.base}/status"

    @property
    def owner(self) -> str:
        """Return the topic of the id of the process that publishes below the base topic. Retained."""
        return f"{self.base}/owner"

    @property
    def state(self) -> str:
        """Return the topic of the home's activity. Retained."""
        return f"{self.base}/state"

    @property
    def attributes(self) -> str:
        """Return the topic of what belongs to the home's activity, as JSON. Retained."""
        return f"{self.base}/attributes"

    @property
    def event(self) -> str:
        """Return the topic of changes of the activity, as JSON."""
        return f"{self.base}/event"

    @property
    def windows(self) -> str:
        """Return the topic of answered windows, as JSON."""
        return f"{self.base}/windows"

    @property
    def correct(self) -> str:
        """Return the topic on which people say what was right."""
        return f"{self.base}/correct"

    @property
    def corrected(self) -> str:
        """Return the topic of the home's activity as people last corrected it, else as the student said. Retained."""
        return f"{self.base}/corrected"

    def room_state(self, room: str) -> str:
        """Return the topic of a room's activity; `room` is a slug. Retained."""
        return f"{self.base}/rooms/{room}/state"

    def room_attributes(self, room: str) -> str:
        """Return the topic of what belongs to a room's activity, as JSON; `room` is a slug. Retained."""
        return f"{self.base}/rooms/{room}/attributes"
