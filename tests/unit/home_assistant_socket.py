"""A stand-in for Home Assistant's WebSocket: a small server that speaks its documented protocol."""

import json
import queue
import threading
from datetime import datetime
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

TOKEN = "a-secret-token"
WAIT = 20.0  # seconds, for what should come at once


def state_of(entity: str, state: str, changed: datetime) -> dict[str, Any]:
    """Return a state object of Home Assistant."""
    return {"entity_id": entity, "state": state, "attributes": {}, "last_changed": changed.isoformat()}


class StandIn:
    """A stand-in for Home Assistant: one token, some states, and events that a test sends."""

    def __init__(self) -> None:
        self.states: list[Any] = []
        self.commands: list[dict[str, Any]] = []
        self.refuses = ""  # type of a command that it refuses
        self.port = 0
        self._connections: queue.Queue[ServerConnection] = queue.Queue()
        self._server: Any = None

    def start(self) -> None:
        self._server = serve(self._talk, "127.0.0.1", self.port, close_timeout=1)
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        while not self._connections.empty():
            self._connections.get().close()

    def connection(self) -> ServerConnection:
        """Return the next connection that has subscribed."""
        return self._connections.get(timeout=WAIT)

    def _talk(self, connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "auth_required", "ha_version": "2026.11.0"}))
        if json.loads(connection.recv()) != {"type": "auth", "access_token": TOKEN}:
            connection.send(json.dumps({"type": "auth_invalid", "message": "Invalid access token or password"}))
            return
        connection.send(json.dumps({"type": "auth_ok", "ha_version": "2026.11.0"}))
        last = 0
        try:
            for message in connection:
                command = json.loads(message)
                self.commands.append(command)
                assert command["id"] > last
                last = command["id"]
                if command["type"] == self.refuses:
                    error = {"code": "unauthorized", "message": "Unauthorized"}
                    connection.send(json.dumps({"id": last, "type": "result", "success": False, "error": error}))
                    continue
                result = self.states if command["type"] == "get_states" else None
                connection.send(json.dumps({"id": last, "type": "result", "success": True, "result": result}))
                if command["type"] == "get_states":
                    self._connections.put(connection)
        except ConnectionClosed:
            pass


def send_change(
    connection: ServerConnection, entity: str, old: str | None, new: str, changed: datetime, number: int = 1
) -> None:
    """Send the event of a change to the subscription `number`."""
    data = {
        "entity_id": entity,
        "old_state": None if old is None else state_of(entity, old, changed),
        "new_state": state_of(entity, new, changed),
    }
    event = {"event_type": "state_changed", "data": data, "time_fired": changed.isoformat(), "origin": "LOCAL"}
    connection.send(json.dumps({"id": number, "type": "event", "event": event}))
