"""Run mosquitto and the service of a home as processes of their own, publish readings and watch what is published."""

import contextlib
import getpass
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from hearth.service.journal import FILE
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from repository import SCRIPTS

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
TIMEOUT_S = 60
INPUT_TOPIC = "sensors/states"


def wait_until(condition: Callable[[], Any], what: str, timeout: float = TIMEOUT_S, pause: float = 0.01) -> Any:
    """Wait until a condition holds and return its value; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout} seconds"
        time.sleep(pause)
    return value


class Mosquitto:
    """A broker on a free port of this machine, which keeps its messages on the disk through kills."""

    def __init__(self, folder: Path, *settings: str):
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._folder = folder
        self._process: subprocess.Popen | None = None
        lines = [
            f"user {getpass.getuser()}",
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_on_changes true",
            "autosave_interval 1",
            "max_queued_messages 0",
            *(settings or ["allow_anonymous true"]),
        ]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Start the broker and wait until it listens."""
        assert MOSQUITTO
        with open(self._folder / "mosquitto.log", "ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self._folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        wait_until(self._listens, "mosquitto listens", 10)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the broker by a signal, and wait until it has ended."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(TIMEOUT_S)
            self._process = None


class HomeService:
    """A process of home_service.py with settings and journal in `folder`."""

    def __init__(self, folder: Path, student: Path, port: int, /, **settings: Any):
        self.folder, self.state = folder, folder / "state"
        folder.mkdir(parents=True, exist_ok=True)
        document: dict[str, Any] = {
            "student": {"folder": str(student), "threads": 1},
            "state": "state",
            "mqtt": {"host": "127.0.0.1", "port": port, "reconnect": 1} | settings.pop("mqtt", {}),
            "inputs": [{"form": "json", "topic": INPUT_TOPIC}],
            "wait": None,
        }
        (folder / "service.yaml").write_text(yaml.safe_dump(document | settings))
        self.process: subprocess.Popen | None = None

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(SCRIPTS / "home_service.py"), "--config", str(self.folder / "service.yaml")]

    @property
    def log(self) -> str:
        """The messages of all starts so far."""
        return (self.folder / "log").read_text()

    def start(self, *options: str) -> None:
        """Start the service; return at once."""
        with open(self.folder / "log", "ab") as log, open(self.folder / "out", "ab") as out:
            self.process = subprocess.Popen([*self.command, "--verbose", *options], stdout=out, stderr=log)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the service by a signal; return its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(TIMEOUT_S)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query to the journal, which a service may be writing."""
        if not (self.state / FILE).exists():
            return []
        with contextlib.closing(sqlite3.connect(self.state / FILE, timeout=10)) as journal:
            try:
                return journal.execute(query).fetchall()
            except sqlite3.OperationalError:  # the service has not made its tables yet
                return []

    def windows(self) -> list[dict[str, Any]]:
        """Return the answered windows."""
        return [json.loads(content) for (content,) in self.rows("SELECT content FROM windows ORDER BY window")]

    def events(self) -> list[dict[str, Any]]:
        """Return the answered events in the order of their windows."""
        return [event for window in self.windows() for event in window["events"]]

    def counts(self) -> dict[str, int]:
        """Return what the service has counted."""
        return dict(self.rows("SELECT name, count FROM counts"))

    def taken_in(self) -> int:
        """Return the number of events in the journal."""
        return self.counts().get("events", 0)

    def answered(self) -> int:
        """Return the number of answered events."""
        return self.rows("SELECT MAX(last) FROM windows")[0][0] or 0 if self.rows("SELECT 1 FROM windows") else 0


class Client:
    """An MQTT client with a session that survives the broker, and its messages in the order in which they came."""

    def __init__(self, port: int, name: str, *topics: str, username: str = "", password: str = ""):
        self.messages: list[mqtt.MQTTMessage] = []
        self.published = 0
        self._topics = topics
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        if username:
            self.client.username_pw_set(username, password)
        self.client.max_inflight_messages = 100
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda client, data, message: self.messages.append(message)
        self._is_ready = not topics
        self.client.on_subscribe = self._on_subscribe
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_until(lambda: self._is_ready, "subscription")

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        for topic in self._topics:
            client.subscribe(topic, qos=1)

    def _on_subscribe(self, *_: object) -> None:
        self._is_ready = True

    def close(self) -> None:
        """End the connection."""
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, payloads: Sequence[str | bytes], topic: str = INPUT_TOPIC, *, retain: bool = False) -> None:
        """Publish payloads in order, and wait until the broker has them."""
        self.wait_for([self.client.publish(topic, payload, qos=1, retain=retain) for payload in payloads])

    def start_publishing(self, payloads: Iterable[str], topic: str = INPUT_TOPIC) -> threading.Thread:
        """Publish payloads in a thread, each when the broker has the one before: so their order holds through kills."""

        def publish() -> None:
            for payload in payloads:
                self.wait_for([self.client.publish(topic, payload, qos=1)])
                self.published += 1

        thread = threading.Thread(target=publish, daemon=True)
        thread.start()
        return thread

    def wait_for(self, published: Sequence[mqtt.MQTTMessageInfo]) -> None:
        """Wait until the broker has messages, even if it is away meanwhile."""

        def has_all() -> bool:
            with contextlib.suppress(RuntimeError):  # there was no connection at first
                return all(info.is_published() for info in published)
            return not self.client._out_messages

        wait_until(has_all, "the broker has the messages", pause=0.0005)

    def payloads(self, topic: str) -> list[str]:
        """Return the payloads of a topic, in order."""
        return [message.payload.decode() for message in list(self.messages) if message.topic == topic]


@dataclass(frozen=True)
class Change:
    """A change of a sensor's state, as raw files spell both."""

    sensor: str
    state: str

    def payload(self, **more: Any) -> str:
        """Return the message of the change, which happens now."""
        return json.dumps({"entity": self.sensor, "state": self.state, "time": datetime.now(UTC).isoformat()} | more)


def only_changes(changes: Sequence[Change]) -> Iterator[Change]:
    """Yield changes without those that repeat the state of their sensor."""
    last: dict[str, str] = {}
    for change in changes:
        if last.get(change.sensor) != change.state:
            last[change.sensor] = change.state
            yield change
