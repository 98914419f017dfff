"""Test the service with a real Home Assistant, named by environment variables; skipped with the reason without them.

    HEARTH_HOME_ASSISTANT_URL         such as http://127.0.0.1:8123
    HEARTH_HOME_ASSISTANT_TOKEN_FILE  file with a long-lived token
    HEARTH_HOME_ASSISTANT_BROKER      host:port of the broker of its MQTT integration, which needs no password

The test makes an entity and a device there, and removes both.
"""

import contextlib
import json
import os
import shutil
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hearth.homes.home import parse_home
from hearth.service.discovery import HomeDevice
from hearth.service.topics import ROOT, Topics
from repository import HOMES
from service_runs import HomeService, wait_until
from websockets.sync.client import connect

NAMES = ("URL", "TOKEN_FILE", "BROKER")
MISSING = [name for name in NAMES if not os.environ.get(f"HEARTH_HOME_ASSISTANT_{name}")]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"no HEARTH_HOME_ASSISTANT_{', '.join(MISSING)} in the environment"
)
ENTITY, HOME_ID = "binary_sensor.hearth_test_fridge", "hearth_test_home"
ACTIVITY, SELECT = f"sensor.{HOME_ID}_activity", f"select.{HOME_ID}_correction"
RAW = yaml.safe_load((HOMES / "marble.yaml").read_text()) | {
    "name": "Hearth test home",
    "entities": {ENTITY: "R7"},
}


class HomeAssistant:
    """The REST API and the registries of a Home Assistant."""

    def __init__(self, url: str, token_file: Path):
        self.token_file = token_file
        self.socket = f"{url.replace('http', 'ws', 1)}/api/websocket"
        self._url, self._token = url, token_file.read_text().strip()

    def call(self, path: str, data: object = None, method: str | None = None) -> Any:
        """Return the answer to a request, with `data` as JSON."""
        request = urllib.request.Request(
            f"{self._url}/api/{path}",
            None if data is None else json.dumps(data).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def state(self, entity: str) -> dict[str, Any]:
        """Return an entity's state and attributes; {} if there is none."""
        return next((one for one in self.call("states") if one["entity_id"] == entity), {})

    def registry(self, kind: str) -> list[dict[str, Any]]:
        """Return the registry of devices or entities."""
        with connect(self.socket, proxy=None, max_size=None) as connection:
            connection.recv()
            connection.send(json.dumps({"type": "auth", "access_token": self._token}))
            connection.recv()
            connection.send(json.dumps({"id": 1, "type": f"config/{kind}_registry/list"}))
            found: list[dict[str, Any]] = json.loads(connection.recv())["result"]
            return found


@pytest.fixture
def home_assistant() -> Iterator[HomeAssistant]:
    found = HomeAssistant(
        os.environ["HEARTH_HOME_ASSISTANT_URL"], Path(os.environ["HEARTH_HOME_ASSISTANT_TOKEN_FILE"]).resolve()
    )
    yield found
    with contextlib.suppress(OSError):
        found.call(f"states/{ENTITY}", method="DELETE")


@pytest.fixture
def service(tmp_path, student, make_client, home_assistant) -> Iterator[HomeService]:
    """Return the service of a home with one entity, by the WebSocket; its device is removed at the end."""
    host, port = os.environ["HEARTH_HOME_ASSISTANT_BROKER"].rsplit(":", 1)
    folder = shutil.copytree(student, tmp_path / "student")
    (folder / "home.yaml").write_text(yaml.safe_dump(RAW))
    service = HomeService(
        tmp_path / "service",
        folder,
        int(port),
        mqtt={"host": host, "session_expiry": 60},
        inputs=[{"form": "websocket", "url": home_assistant.socket, "token_file": str(home_assistant.token_file)}],
    )
    yield service
    if service.process is not None:
        service.end(signal.SIGKILL)
    home = parse_home(RAW, "home")
    client = make_client(int(port), "hearth-test-removal")
    device = HomeDevice(home, HOME_ID, Topics(f"{ROOT}/{HOME_ID}"), "random", "homeassistant", has_rooms=True)
    for message in device.removal():
        client.publish([message.payload], message.topic, retain=True)


def is_shown(home_assistant: HomeAssistant, test: Callable[[dict[str, Any]], bool]) -> Callable[[], bool]:
    """Return whether the activity that Home Assistant shows passes a test, to be asked again and again."""
    return lambda: test(home_assistant.state(ACTIVITY))


def test_a_home_assistant_shows_what_the_service_says(home_assistant, service):
    home_assistant.call(f"states/{ENTITY}", {"state": "off"})
    service.start()
    wait_until(is_shown(home_assistant, lambda one: one.get("state") == "unknown"), "the device", pause=0.2)
    wait_until(lambda: "websocket: connected" in service.log, "the WebSocket")
    devices = [device for device in home_assistant.registry("device") if device["name"] == RAW["name"]]
    assert [device["identifiers"] for device in devices] == [[["mqtt", f"hearth_{HOME_ID}_home"]]]
    entities = [one for one in home_assistant.registry("entity") if one["device_id"] == devices[0]["id"]]
    device = HomeDevice(parse_home(RAW, "home"), HOME_ID, Topics("x"), "random", "homeassistant", has_rooms=True)
    assert {one["entity_id"] for one in entities} == set(device.entities())

    for number in range(1, 11):
        home_assistant.call(f"states/{ENTITY}", {"state": "on" if number % 2 else "off"})
    wait_until(
        is_shown(home_assistant, lambda one: one["attributes"].get("event_count") == 10), "the answer", pause=0.2
    )
    shown = home_assistant.state(ACTIVITY)
    assert shown["state"] == "unknown"  # a student with random weights gives no label
    assert shown["attributes"]["options"] == RAW["labels"]
    assert shown["attributes"]["activity"] is None

    option = {"entity_id": SELECT, "option": RAW["labels"][0]}
    home_assistant.call("services/select/select_option", option)
    wait_until(lambda: RAW["labels"][0] in (service.state / "log" / "labels.csv").read_text(), "the correction")
    wait_until(lambda: home_assistant.state(SELECT)["state"] == RAW["labels"][0], "the corrected select", pause=0.2)

    service.process.kill()
    wait_until(is_shown(home_assistant, lambda one: one["state"] == "unavailable"), "the last will", pause=0.2)
    home_assistant.call(f"states/{ENTITY}", {"state": "on"})
    service.process.wait()
    service.start()
    wait_until(is_shown(home_assistant, lambda one: one["state"] == "unknown"), "the restart", pause=0.2)
    wait_until(lambda: service.taken_in() == 11, "the change while the service was away")
