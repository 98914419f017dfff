"""Test the service process with corrections over a real broker, and with a stand-in for Home Assistant's WebSocket."""

import csv
import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hearth.data.sources.registry import read
from hearth.homes.home import load_home
from hearth.service.topics import ROOT, Topics, slug
from home_assistant_socket import TOKEN, StandIn, send_change, state_of
from service_runs import wait_until


def logged_events(state: Path) -> list[int]:
    return [int(row["event"]) for path in sorted(state.glob("log/events/*.csv")) for row in csv.DictReader(path.open())]


@pytest.fixture
def home_assistant() -> Iterator[StandIn]:
    stand_in = StandIn()
    stand_in.start()
    yield stand_in
    stand_in.stop()


def test_corrections_outlive_kills_and_are_a_dataset(mosquitto, make_service, make_client, day, home):
    topics = Topics(f"{ROOT}/{slug(home.name)}")
    service, sensors = make_service(mosquitto.port), make_client(mosquitto.port, "sensors")
    people = make_client(mosquitto.port, "people", topics.corrected)
    service.start()
    wait_until(lambda: "connected" in service.log, "the service is there")
    sensors.publish([change.payload() for change in day[:20]])
    wait_until(lambda: service.answered() == 20, "two windows are answered")
    right = home.labels[0]
    people.publish([json.dumps({"label": right}), "no label of the home"], topics.correct)
    wait_until(lambda: right in people.payloads(topics.corrected), "the correction is shown")
    wait_until(lambda: service.counts().get("corrections: refused") == 1, "the other one is refused")
    service.end(signal.SIGKILL)
    people.publish([json.dumps({"label": home.labels[1], "window": 1})], topics.correct)  # while nobody is there
    service.start()
    sensors.publish([change.payload() for change in day[20:30]])
    wait_until(lambda: service.answered() == 30, "the third window is answered")
    wait_until(lambda: service.counts().get("corrections") == 2, "what was said meanwhile is taken")
    assert service.end() == 0
    log = service.state / "log"
    assert logged_events(service.state) == list(range(1, 31))
    events, report = read("table", log, load_home(log / "home.yaml"))
    assert events["activity"].tolist() == [home.labels[1]] * 10 + [right] * 10
    assert report.broken == []


def test_changes_come_from_home_assistant_through_its_restart(
    home_assistant, mosquitto, make_service, day, home, tmp_path
):
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    inputs = [
        {
            "form": "websocket",
            "url": f"ws://127.0.0.1:{home_assistant.port}/api/websocket",
            "token_file": str(token),
        }
    ]
    start = datetime.now(UTC)
    states = {sensor: next(reversed(spec.states)) for sensor, spec in home.sensors.items()}
    home_assistant.states = [state_of(sensor, state, start) for sensor, state in states.items()]
    service = make_service(mosquitto.port, inputs=inputs)
    service.start()
    connection = home_assistant.connection()
    sent = 0
    for change in day[:20]:
        if states[change.sensor] != change.state:
            send_change(connection, change.sensor, states[change.sensor], change.state, datetime.now(UTC))
            states[change.sensor] = change.state
            sent += 1
    assert sent > 10
    wait_until(lambda: service.taken_in() == sent, "all changes are taken in")
    home_assistant.stop()
    missed = next(sensor for sensor, spec in home.sensors.items() if len(spec.states) > 1)
    states[missed] = next(state for state in home.sensors[missed].states if state != states[missed])
    home_assistant.states = [state_of(sensor, state, start) for sensor, state in states.items() if sensor != missed]
    home_assistant.states.append(state_of(missed, states[missed], datetime.now(UTC)))
    home_assistant.start()
    wait_until(lambda: service.taken_in() == sent + 1, "what was missed is taken in")
    assert service.end() == 0
    assert "secret" not in service.log


def test_a_refused_token_ends_the_service(home_assistant, mosquitto, make_service, tmp_path):
    token = tmp_path / "token"
    token.write_text("another-secret\n")
    url = f"ws://127.0.0.1:{home_assistant.port}/api/websocket"
    service = make_service(mosquitto.port, inputs=[{"form": "websocket", "url": url, "token_file": str(token)}])
    service.start()
    assert service.process.wait(60) == 3
    assert f"{url}: Home Assistant refuses the token: Invalid access token" in service.log
    assert "secret" not in service.log


def test_a_removed_device_leaves_nothing_at_the_broker(mosquitto, make_service, make_client, home):
    service, watcher = make_service(mosquitto.port), make_client(mosquitto.port, "watcher", "#")
    service.start()
    wait_until(lambda: "online" in watcher.payloads(f"{ROOT}/{slug(home.name)}/status"), "the service is there")
    service.end()
    subprocess.run([*service.command, "--remove"], check=True)
    late = make_client(mosquitto.port, "late", "#", f"{ROOT}/marker")
    late.publish(["here"], f"{ROOT}/marker")
    wait_until(lambda: late.payloads(f"{ROOT}/marker"), "what the broker keeps has come")
    assert [message.topic for message in late.messages] == [f"{ROOT}/marker"]


def test_a_device_cannot_be_removed_while_its_service_runs_or_without_a_broker(mosquitto, make_service, home):
    service = make_service(mosquitto.port)
    service.start()
    wait_until(lambda: "connected" in service.log, "the service is there")
    told = subprocess.run([*service.command, "--remove"], capture_output=True, text=True, check=False)
    assert (told.returncode, "another service uses this state folder" in told.stderr) == (1, True)
    service.end()
    mosquitto.end()
    told = subprocess.run([*service.command, "--remove"], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert f":{mosquitto.port}: " in told.stderr
