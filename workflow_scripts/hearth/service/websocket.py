"""Read the states of a home from Home Assistant's WebSocket, in a thread of its own.

After each connection all states are read once. Those that changed since the last change that the service knows of are
news, the others are not. Of the time without a connection only the last change of each entity can be known.
"""

import dataclasses
import json
import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from hearth.service.inputs.protocol import MessageError, parse_object
from hearth.service.inputs.state_changes import EVENT_TYPE, read_state, read_state_change
from hearth.service.messages import Reading

log = logging.getLogger(__name__)

_LARGEST = 64 * 2**20  # bytes of a message: the states of a large home take megabytes
_FIRST_PAUSE = 1.0  # seconds before the second attempt to connect; each further pause is twice as long
_PING = 20.0  # seconds between pings, and for the answer to one


class RefusedError(Exception):
    """Home Assistant refuses the token, or the subscription: another attempt would be refused, too."""


class HomeAssistantSocket:
    """Delivers the readings of Home Assistant's event `state_changed`, and connects again whenever it must.

    `deliver` takes each reading, and `fail` a message when the thread ends because Home Assistant refuses the token;
    both are called in the thread. `connected` is called after each connection, before its readings, with the time of
    the last change that the service knows of, or None; at the start that is `since`. `longest_pause` is the longest
    time in seconds between two attempts. The token goes nowhere but to Home Assistant. Raises ValueError for a URL of
    another kind.
    """

    def __init__(
        self,
        url: str,
        token: str,
        deliver: Callable[[Reading], None],
        fail: Callable[[str], None],
        connected: Callable[[datetime | None], None] = lambda last: None,
        *,
        longest_pause: float,
        since: datetime | None = None,
        context: ssl.SSLContext | None = None,
        ping_seconds: float = _PING,
    ):
        if not url.startswith(("ws://", "wss://")):
            raise ValueError(f"{url}: write a URL such as ws://homeassistant.local:8123/api/websocket")
        self._url, self._token, self._context = url, token, context
        self._deliver, self._fail, self._connected = deliver, fail, connected
        self._longest, self._ping = longest_pause, ping_seconds
        self._stopped, self._woken = threading.Event(), threading.Event()
        self._connection: ClientConnection | None = None
        self._last = since  # the last change that was delivered, by Home Assistant's clock
        self.malformed = 0  # messages that could not be read
        self._thread = threading.Thread(target=self._run, name="websocket", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End the thread; wait for it for some seconds."""
        self._stopped.set()
        self._woken.set()
        if (connection := self._connection) is not None:
            connection.close()
        self._thread.join(seconds)

    def wake(self) -> None:
        """Connect at once, if the thread waits before another attempt: Home Assistant is there again."""
        self._woken.set()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            try:
                with self._connect() as self._connection:
                    self._log_in(self._connection)
                    pause = _FIRST_PAUSE
                    self._read(self._connection)
            except RefusedError as refusal:
                self._fail(f"{self._url}: {refusal}")
                return
            except (OSError, WebSocketException, MessageError) as error:
                if not self._stopped.is_set():
                    log.warning("%s: %s; connecting again in %.0f s", self._url, error, pause)
            finally:
                self._connection = None
            is_woken = self._woken.wait(pause)
            self._woken.clear()
            pause = _FIRST_PAUSE if is_woken else min(2 * pause, self._longest)

    def _connect(self) -> ClientConnection:
        # Proxies of the environment are for the internet, not for a hub.
        return connect(
            self._url,
            ssl=self._context,
            proxy=None,
            max_size=_LARGEST,
            ping_interval=self._ping,
            ping_timeout=self._ping,
            close_timeout=self._ping,
        )

    def _log_in(self, connection: ClientConnection) -> None:
        """Give Home Assistant the token. Raises RefusedError if it is not accepted."""
        message = self._receive(connection)
        if message.get("type") == "auth_required":
            connection.send(json.dumps({"type": "auth", "access_token": self._token}))
            message = self._receive(connection)
        if message.get("type") == "auth_invalid":
            raise RefusedError(f"Home Assistant refuses the token: {message.get('message', '')}")
        if message.get("type") != "auth_ok":
            raise MessageError(
                f"expected auth_ok, got {message.get('type')!r}: is this Home Assistant's /api/websocket?"
            )

    def _read(self, connection: ClientConnection) -> None:
        """Subscribe, read all states, and deliver changes until the connection ends."""
        subscription, states = 1, 2  # ids of the commands; those of a connection must increase
        since = self._last  # changes that come before the states would hide those that were missed
        # Subscribed first, so that no change falls between the two.
        connection.send(json.dumps({"id": subscription, "type": "subscribe_events", "event_type": EVENT_TYPE}))
        connection.send(json.dumps({"id": states, "type": "get_states"}))
        self._connected(since)
        log.info("%s: connected", self._url)
        while not self._stopped.is_set():
            try:
                message = self._receive(connection)
                number, kind = message.get("id"), message.get("type")
                if kind == "result" and not message.get("success"):
                    raise RefusedError(f"Home Assistant refuses command {number}: {message.get('error')}")
                if kind == "result" and number == states:
                    self._deliver_states(message.get("result") or [], since)
                elif kind == "event" and number == subscription:
                    self._deliver_change(message.get("event"))
            except MessageError as error:
                self.malformed += 1
                log.debug("%s", error)

    def _deliver_states(self, states: Sequence[object], since: datetime | None) -> None:
        """Deliver all states, last those that changed after `since`, which are news, in the order of their changes."""
        old, news = [], []
        for state in states:
            try:
                reading = read_state(self._url, state, is_retained=False)
            except MessageError:
                self.malformed += 1
                continue
            if since is not None and reading.time is not None and reading.time > since:
                news.append((reading.time, reading))
            else:
                old.append(dataclasses.replace(reading, is_retained=True))
        readings = old + [reading for _, reading in sorted(news, key=lambda pair: pair[0])]
        for reading in readings:
            self._deliver(reading)
        self._remember(readings)

    def _deliver_change(self, event: Any) -> None:
        """Deliver the reading of an event, if it has one."""
        if isinstance(event, dict) and event.get("event_type") == EVENT_TYPE:
            readings = read_state_change(self._url, event.get("data"))
            for reading in readings:
                self._deliver(reading)
            self._remember(readings)

    def _remember(self, readings: Sequence[Reading]) -> None:
        """Keep the time of the last change."""
        times = [time for time in (self._last, *(reading.time for reading in readings)) if time is not None]
        self._last = max(times, default=None)

    def _receive(self, connection: ClientConnection) -> dict[str, Any]:
        """Return the next message. Raises MessageError if it is not a JSON object."""
        message = connection.recv()
        return parse_object(self._url, message.encode() if isinstance(message, str) else message)
