"""Publish messages over a connection of their own, as those that remove the service's device."""

from collections.abc import Sequence
from typing import Any

from paho.mqtt import MQTTException, publish

from hearth.common.cli import UserError
from hearth.service.broker import broker_port, tls_context
from hearth.service.messages import BusMessage
from hearth.service.settings import MqttSettings, read_secret


def publish_once(settings: MqttSettings, messages: Sequence[BusMessage]) -> None:
    """Publish messages, and wait until the broker has all. Raises UserError if it cannot be reached, or refuses."""
    login: publish.AuthParameter = {"username": settings["username"]}
    if password := read_secret(settings["password_file"]):
        login["password"] = password
    # The type of the argument in paho 2.2 lacks the contexts that its documentation names.
    tls: Any = None if settings["tls"] is None else tls_context(settings["tls"])
    try:
        publish.multiple(
            [(message.topic, message.payload, 1, message.is_retained) for message in messages],
            settings["host"],
            broker_port(settings),
            keepalive=settings["keepalive"],
            auth=login if settings["username"] else None,
            tls=tls,
        )
    except (OSError, MQTTException) as error:
        raise UserError(f"broker {settings['host']}:{broker_port(settings)}: {error}") from None
