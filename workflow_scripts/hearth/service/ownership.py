"""Find out whether another process has taken over a service's topics, or its session with the broker.

A broker ends the connection of a client when another one of the same id connects. Not all brokers say why, and two
services that connect again would end each other's connections for ever. So a process leaves its id as a retained
message when it connects first. At each later connection it looks whose id is there, before it takes or publishes
anything else.
"""

import secrets
from enum import StrEnum

from hearth.service.messages import BusMessage


class Owner(StrEnum):
    """The process that a message on the topic of the owner names."""

    SELF = "this process"
    OTHER = "another process"
    NOBODY = "no process"


class Ownership:
    """Writes and reads the messages on the topic of the owner. The broker may not keep or repeat them to others."""

    def __init__(self, topic: str):
        self.topic = topic
        self._id = secrets.token_hex(8)

    def claim(self) -> BusMessage:
        """Return the message that says that this process is the owner."""
        return BusMessage(self.topic, self._id, is_retained=True)

    def question(self) -> BusMessage:
        """Return a message to send after subscribing: it arrives after the retained message, if there is one."""
        return BusMessage(self.topic, f"?{self._id}")

    def read(self, payload: bytes) -> Owner | None:
        """Return the owner that a message names; None for what other processes ask."""
        text = payload.decode("utf-8", "replace")
        if text == f"?{self._id}":
            return Owner.NOBODY
        if not text or text.startswith("?"):
            return None
        return Owner.SELF if text == self._id else Owner.OTHER
