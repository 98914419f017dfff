"""Connect to the MQTT broker: messages in, messages out, and what is to be done when the connection comes and goes.

MQTT 5 is used, not 3.1.1: only with it does a broker say why it ends a connection, so that a service learns that
another one has taken over its session, and only with it can a service say for how long its session is kept and how
many messages may be in flight.
"""

import logging
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from hearth.common.cli import UserError
from hearth.service.intake import Arrival
from hearth.service.messages import BusMessage
from hearth.service.ownership import Owner, Ownership
from hearth.service.settings import MqttSettings, TlsSettings, read_secret

log = logging.getLogger(__name__)

# Messages that the broker may send before one of them is acknowledged: they are written to the disk together.
IN_FLIGHT = 500
_MAX_BYTES = 1 << 20  # of a message, which brokers do not send if it is longer
_HANDSHAKE = 10.0  # seconds
_SESSION_TAKEN_OVER = 142
_PORT, _TLS_PORT = 1883, 8883


class Broker:
    """The connection to a broker, which a thread of paho keeps up.

    `receive` gets every message, in that thread. There, `connected` is called after each connection, when the
    subscriptions are made and before anything is published, and `ended` when there will be no other, for the reason
    `problem`. `last_will` is published by the broker if the connection is lost. Nothing is received or published before
    `ownership` is certain. A connection without it listens only: it leaves neither session nor will. `left_topics` are
    those to which the session may still be subscribed, and no longer should be.
    """

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        topics: Sequence[str],
        last_will: BusMessage,
        receive: Callable[[Arrival], None],
        connected: Callable[[], None],
        ended: Callable[[], None],
        ownership: Ownership | None,
        left_topics: Sequence[str] = (),
    ):
        self._settings, self._topics, self._left_topics = settings, topics, left_topics
        self._receive, self._connected, self._ended, self._ownership = receive, connected, ended, ownership
        self._held: list[Arrival] = []  # messages that came before ownership was certain
        self._resumed = ""
        self._connection = 0
        self._accepted = 0.0
        self._is_up = self._interrupted = False
        self.problem = ""
        self._acknowledged: set[int] = set()
        self._changed = threading.Condition()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id if ownership else "",
            protocol=mqtt.MQTTv5,
            manual_ack=True,
        )
        if ownership:
            self._client.will_set(last_will.topic, last_will.payload, qos=1, retain=last_will.is_retained)
        if settings["username"]:
            self._client.username_pw_set(settings["username"], read_secret(settings["password_file"]))
        if settings["tls"] is not None:
            self._client.tls_set_context(tls_context(settings["tls"]))
        self._client.reconnect_delay_set(1, settings["reconnect"])
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._said = ""

    @property
    def address(self) -> str:
        """Host and port of the broker."""
        return f"{self._settings['host']}:{broker_port(self._settings)}"

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._is_up

    def start(self) -> None:
        """Connect, now or as soon as the broker is there; return at once."""
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = self._settings["session_expiry"] if self._ownership else 0
        properties.ReceiveMaximum = IN_FLIGHT
        properties.MaximumPacketSize = _MAX_BYTES
        self._client.connect_async(
            self._settings["host"],
            broker_port(self._settings),
            self._settings["keepalive"],
            clean_start=not self._ownership,
            properties=properties,
        )
        self._client.loop_start()

    def stop(self) -> None:
        """End the connection; the broker keeps the session and publishes the last will.

        A message of the service itself could wait behind others, and would then be lost with them.
        """
        self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
        self._client.loop_stop()

    def check(self, seconds: float = _HANDSHAKE) -> None:
        """Log it if the broker does not deliver the messages of the ownership `seconds` after it took the connection.

        Access lists may let a client subscribe to topics whose messages it then never gets.
        """
        is_late = self._client.is_connected() and not self._is_up and time.monotonic() - self._accepted >= seconds
        if is_late and self._ownership:
            self._say(
                f"{self.address} does not deliver {self._ownership.topic}, so that nothing is read or published: its "
                "access list must let the service read and write its own topics"
            )

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Tell the broker that messages need not be sent again.

        A message of an earlier connection is not acknowledged: the broker sends it again, perhaps by another number.
        """
        for arrival in arrivals:
            if arrival.packet and arrival.connection == self._connection:
                self._client.ack(arrival.packet, qos=1)

    def wait(self) -> None:
        """Wait until there is a connection, or until `interrupt`."""
        with self._changed:
            self._changed.wait_for(lambda: self._interrupted or self._is_up)

    def publish(self, messages: Sequence[BusMessage]) -> bool:
        """Publish messages in their order, and wait until the broker has acknowledged all; return whether it has.

        One thread may call this. If the connection is lost meanwhile, all are published again over the next one, so
        that their order holds. It returns early after `interrupt`.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._interrupted or self._is_up)
                if self._interrupted:
                    return False
                connection = self._connection
                self._acknowledged.clear()
            # The library's lock is held while it calls `_on_publish`, so this class's lock may not be held here.
            packets = {self._send(message) for message in messages}
            with self._changed:
                self._changed.wait_for(
                    lambda packets=packets, connection=connection: (  # type: ignore[misc]
                        self._interrupted or packets <= self._acknowledged or not self._is_on(connection)
                    )
                )
                if packets <= self._acknowledged:
                    return True

    def _is_on(self, connection: int) -> bool:
        """Return whether this connection is still there."""
        return self._is_up and self._connection == connection

    def interrupt(self) -> None:
        """Let `publish` return."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def publish_later(self, messages: Sequence[BusMessage]) -> None:
        """Publish messages in their order without waiting; callbacks of this class may call it."""
        for message in messages:
            self._send(message)

    def _send(self, message: BusMessage) -> int:
        return self._client.publish(message.topic, message.payload, qos=1, retain=message.is_retained).mid

    def _on_connect(
        self, client: mqtt.Client, data: object, flags: mqtt.ConnectFlags, reason: ReasonCode, more: object
    ) -> None:
        if reason.is_failure:
            self._say(f"the broker {self.address} refuses the connection: {reason}{self._login_hint(reason)}")
            return
        # `publish` and `connected` publish unacknowledged messages of the last connection again, in order.
        client.drop_out_messages()
        self._accepted = time.monotonic()
        self._held = []
        self._connection += 1
        self._resumed = ", session resumed" if flags.session_present else ""
        # Retained messages are sent only to a new subscription, and have the flag only then.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        topics = [(topic, options) for topic in self._topics]
        if self._left_topics and flags.session_present:
            client.unsubscribe(list(self._left_topics))
        if self._ownership:
            # With QoS 0 nothing that was meant for an earlier process comes later.
            topics.append((self._ownership.topic, SubscribeOptions(qos=0)))
            if self._connection == 1:
                self._send(self._ownership.claim())
        client.subscribe(topics)
        if self._ownership:
            self._send(self._ownership.question())

    def _on_subscribe(
        self, client: mqtt.Client, data: object, packet: int, reasons: list[ReasonCode], more: object
    ) -> None:
        for topic, reason in zip(self._topics, reasons, strict=False):
            if reason.is_failure:
                log.warning("the broker refuses the subscription to %s: %s", topic, reason)
        if not self._ownership:
            self._be_up()

    def _be_up(self) -> None:
        """Begin to receive and publish over a new connection."""
        self._said = ""
        log.info("connected to %s%s", self.address, self._resumed)
        self._connected()
        with self._changed:
            self._is_up = True
            self._changed.notify_all()
        held, self._held = self._held, []
        for arrival in held:
            self._receive(arrival)

    def _learn_owner(self, owner: Owner | None) -> None:
        """Act on a message that says who the owner is."""
        if owner is Owner.OTHER:
            self._end(
                "another service of this home has connected: with the same mqtt.client_id, or below the same base "
                "topic; end one of them, or set both of one to others"
            )
        elif owner is not None and not self._is_up and self._ownership:
            if owner is Owner.NOBODY:
                self._send(self._ownership.claim())
            self._be_up()

    def _end(self, problem: str) -> None:
        """End the connection for good."""
        self.problem = problem
        with self._changed:
            self._is_up = False
        self._client.disconnect()
        self._ended()

    def _login_hint(self, reason: ReasonCode) -> str:
        if reason.value in (134, 135):  # bad user name or password, not authorized
            return "; check mqtt.username and mqtt.password_file"
        return ""

    def _on_connect_fail(self, client: mqtt.Client, data: object) -> None:
        # The library calls this while it handles the error.
        self._say(f"cannot connect to {self.address}: {sys.exception()}; trying again")

    def _on_disconnect(
        self, client: mqtt.Client, data: object, flags: object, reason: ReasonCode, more: object
    ) -> None:
        with self._changed:
            was_up, self._is_up = self._is_up, False
            self._changed.notify_all()
        if reason.value == _SESSION_TAKEN_OVER:
            self._end("another service has connected with the same mqtt.client_id; end one, or set another id")
        elif was_up and reason.is_failure:
            self._say(f"connection to {self.address} lost: {reason}; trying again")

    def _say(self, message: str) -> None:
        """Log a problem of the connection, unless it is the one that was logged last."""
        if message != self._said:
            log.warning("%s", message)
        self._said = message

    def _on_message(self, client: mqtt.Client, data: object, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        if self._ownership and topic == self._ownership.topic:
            self._learn_owner(self._ownership.read(bytes(message.payload)))
            return
        arrival = Arrival(
            topic=topic,
            payload=bytes(message.payload),
            arrived=datetime.now(UTC),
            packet=message.mid if message.qos else 0,
            connection=self._connection,
            is_retained=message.retain,
            is_repeated=message.dup,
        )
        if self._is_up:
            self._receive(arrival)
        else:
            self._held.append(arrival)

    def _on_publish(self, client: mqtt.Client, data: object, packet: int, reason: ReasonCode, more: object) -> None:
        if reason.is_failure:
            log.warning("the broker refuses a message: %s", reason)
        with self._changed:
            self._acknowledged.add(packet)
            self._changed.notify_all()


def broker_port(settings: MqttSettings) -> int:
    """Return the broker's port."""
    return settings["port"] or (_PORT if settings["tls"] is None else _TLS_PORT)


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return the context of an encrypted connection. Raises UserError, which names the files, if they do not fit."""
    try:
        context = ssl.create_default_context(cafile=settings["ca"] or None)
        if settings["cert"]:
            context.load_cert_chain(settings["cert"], settings["key"] or None)
    except (ssl.SSLError, OSError) as error:
        raise UserError(f"mqtt.tls: {settings['ca']} {settings['cert']} {settings['key']}: {error}") from None
    return context
