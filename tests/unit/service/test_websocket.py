"""Test the WebSocket client against a stand-in for Home Assistant, a small server that speaks its protocol."""

import json
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hearth.service.messages import Reading
from hearth.service.websocket import HomeAssistantSocket
from home_assistant_socket import TOKEN, WAIT, StandIn, send_change, state_of


def at(second: int) -> datetime:
    return datetime(2026, 3, 2, 8, 0, second, tzinfo=UTC)


class Client:
    """A client, and what it delivers."""

    def __init__(self, port: int, token: str = TOKEN, **options: Any):
        self.readings: queue.Queue[Reading] = queue.Queue()
        self.failures: queue.Queue[str] = queue.Queue()
        self.socket = HomeAssistantSocket(
            f"ws://127.0.0.1:{port}/api/websocket",
            token,
            self.readings.put,
            self.failures.put,
            **({"longest_pause": 1} | options),
        )
        self.socket.start()

    def next(self, count: int = 1) -> list[Reading]:
        return [self.readings.get(timeout=WAIT) for _ in range(count)]


@pytest.fixture
def home() -> Iterator[StandIn]:
    home = StandIn()
    home.start()
    yield home
    home.stop()


@pytest.fixture
def make_client() -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def make(*values: Any, **options: Any) -> Client:
        clients.append(Client(*values, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.socket.stop(WAIT)


def test_changes_are_delivered_after_the_states(home, make_client):
    home.states = [state_of("light.desk", "off", at(1)), state_of("light.bed", "on", at(2))]
    client = make_client(home.port)
    connection = home.connection()
    send_change(connection, "light.desk", "off", "on", at(5))
    send_change(connection, "light.desk", "on", "on", at(6))  # attributes alone
    send_change(connection, "light.new", None, "on", at(7))
    assert client.next(4) == [
        Reading("light.desk", "off", at(1), is_retained=True),
        Reading("light.bed", "on", at(2), is_retained=True),
        Reading("light.desk", "on", at(5)),
        Reading("light.new", "on", at(7), is_retained=True),
    ]
    assert home.commands == [
        {"id": 1, "type": "subscribe_events", "event_type": "state_changed"},
        {"id": 2, "type": "get_states"},
    ]


def test_changes_that_were_missed_are_delivered_in_order_after_a_restart_of_home_assistant(home, make_client):
    home.states = [
        state_of("light.desk", "off", at(1)),
        state_of("light.bed", "off", at(2)),
        state_of("light.hall", "off", at(3)),
    ]
    client = make_client(home.port)
    connection = home.connection()
    send_change(connection, "light.desk", "off", "on", at(5))
    client.next(4)
    home.stop()
    home.states = [
        state_of("light.desk", "on", at(5)),
        state_of("light.bed", "on", at(9)),
        state_of("light.hall", "on", at(8)),
    ]
    home.start()
    send_change(home.connection(), "light.desk", "on", "off", at(12))
    assert client.next(4) == [
        Reading("light.desk", "on", at(5), is_retained=True),
        Reading("light.hall", "on", at(8)),
        Reading("light.bed", "on", at(9)),
        Reading("light.desk", "off", at(12)),
    ]


def test_changes_since_the_last_run_of_the_service_are_news(home, make_client):
    home.states = [state_of("light.desk", "off", at(1)), state_of("light.bed", "on", at(9))]
    connected: queue.Queue[datetime | None] = queue.Queue()
    client = make_client(home.port, connected=connected.put, since=at(5))
    assert connected.get(timeout=WAIT) == at(5)
    assert client.next(2) == [
        Reading("light.desk", "off", at(1), is_retained=True),
        Reading("light.bed", "on", at(9)),
    ]


def test_a_refused_token_ends_the_client_and_is_in_no_message(home, make_client, caplog):
    caplog.set_level(logging.DEBUG, logger="hearth")
    client = make_client(home.port, "another-secret")
    message = client.failures.get(timeout=WAIT)
    assert message == (
        f"ws://127.0.0.1:{home.port}/api/websocket: Home Assistant refuses the token: Invalid access token or password"
    )
    assert "secret" not in caplog.text


@pytest.mark.parametrize("command", ["subscribe_events", "get_states"])
def test_a_refused_command_ends_the_client(home, make_client, command):
    home.refuses = command
    client = make_client(home.port)
    assert "Home Assistant refuses command" in client.failures.get(timeout=WAIT)


def test_malformed_messages_are_counted_and_skipped(home, make_client):
    home.states = [{"entity_id": 3}, state_of("light.desk", "off", at(1))]
    client = make_client(home.port)
    connection = home.connection()
    for text in (
        "{",
        "[]",
        json.dumps({"id": 1, "type": "event", "event": {"event_type": "state_changed", "data": 3}}),
    ):
        connection.send(text)
    send_change(connection, "light.desk", "off", "on", at(5), number=7)  # of no subscription
    send_change(connection, "light.desk", "off", "on", at(6))
    assert client.next(2) == [Reading("light.desk", "off", at(1), is_retained=True), Reading("light.desk", "on", at(6))]
    assert client.socket.malformed == 4


def test_a_home_assistant_that_comes_later_is_found(make_client):
    home = StandIn()
    with socket.create_server(("127.0.0.1", 0)) as free:
        home.port = free.getsockname()[1]
    home.states = [state_of("light.desk", "off", at(1))]
    client = make_client(home.port)
    time.sleep(0.5)  # the first attempt has failed by then
    home.start()
    try:
        assert client.next() == [Reading("light.desk", "off", at(1), is_retained=True)]
    finally:
        home.stop()


def test_a_pause_ends_when_home_assistant_says_that_it_is_there(make_client, caplog):
    home = StandIn()
    with socket.create_server(("127.0.0.1", 0)) as free:
        home.port = free.getsockname()[1]
    home.states = [state_of("light.desk", "off", at(1))]
    client = make_client(home.port, longest_pause=600)
    while "connecting again in 4 s" not in caplog.text:
        time.sleep(0.01)
    home.start()
    client.socket.wake()
    try:
        assert client.readings.get(timeout=3) == Reading("light.desk", "off", at(1), is_retained=True)
    finally:
        home.stop()


def test_a_connection_that_no_longer_answers_is_left(make_client):
    attempts = []
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        silent.settimeout(WAIT)
        relay = StandIn()
        relay.states = [state_of("light.desk", "off", at(1))]
        relay.start()
        port = silent.getsockname()[1]
        client = make_client(port, ping_seconds=0.3)
        for _ in range(2):
            near, _ = silent.accept()
            attempts.append(near)
            far = socket.create_connection(("127.0.0.1", relay.port))
            pumps = [threading.Thread(target=_pump, args=pair, daemon=True) for pair in ((near, far), (far, near))]
            for pump in pumps:
                pump.start()
            assert client.next() == [Reading("light.desk", "off", at(1), is_retained=True)]
            far.shutdown(socket.SHUT_RD)  # from here on nothing comes back, not even the end of the connection
    relay.stop()
    assert len(attempts) == 2


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes from a socket; do not pass on its end."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass


def test_another_url_is_refused():
    with pytest.raises(ValueError, match="http://x: write a URL such as ws://"):
        HomeAssistantSocket("http://x", TOKEN, print, print, longest_pause=1)
