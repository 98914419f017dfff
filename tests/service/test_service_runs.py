"""Run the service against a real mosquitto: every event is answered once, in order, whatever ends meanwhile."""

import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import yaml
from service_runs import Change, HomeService, wait_until

BASE = "hearth/marble"
WINDOWS = f"{BASE}/windows"


def assert_answered(service: HomeService, changes: list[Change], home) -> None:
    """Check that the journal has an answer to each change, once and in order, in windows that are numbered."""
    expected = [(change.sensor, home.describe(change.sensor, change.state).description) for change in changes]
    events = service.events()
    assert [(event["sensor"], event["description"]) for event in events] == expected
    assert [event["event"] for event in events] == list(range(1, len(changes) + 1))
    assert [window["window"] for window in service.windows()] == list(range(1, len(service.windows()) + 1))
    assert all(before["time"] <= after["time"] for before, after in pairwise(events))


def assert_published(payloads: list[str], service: HomeService) -> None:
    """Check that each window was published, at least once, with the same content, and each first in order."""
    published = [json.loads(payload) for payload in payloads]
    firsts = list({window["window"]: window for window in reversed(published)}.values())[::-1]
    assert sorted(firsts, key=lambda window: window["window"]) == service.windows()
    seen = list(dict.fromkeys(window["window"] for window in published))
    assert seen == sorted(seen)


def slowly(changes: list[Change]) -> Iterator[str]:
    """Yield the messages of changes, fifty a second."""
    for change in changes:
        time.sleep(0.02)
        yield change.payload()


def test_a_day_is_answered_and_the_service_resumes_where_it_ended(mosquitto, make_service, make_client, day, home):
    service, sensors = make_service(mosquitto.port, wait=2), make_client(mosquitto.port, "sensors")
    watcher = make_client(mosquitto.port, "watcher", f"{BASE}/#", "homeassistant/#")
    service.start()
    wait_until(lambda: watcher.payloads(f"{BASE}/status") == ["online"], "the service is there")
    first = day[:124]
    sensors.publish([change.payload() for change in first])
    wait_until(lambda: service.answered() == 124, "all are answered, those of the open window after the wait")
    assert service.end() == 0
    wait_until(lambda: watcher.payloads(f"{BASE}/status") == ["online", "offline"], "it has said that it ends")
    sensors.publish([change.payload() for change in day[124:150]])
    service.start()
    wait_until(lambda: service.answered() == 150, "what came meanwhile is answered")
    wait_until(lambda: not service.rows("SELECT 1 FROM outbox"), "all is published")
    service.end()
    assert_answered(service, day[:150], home)
    assert [len(window["events"]) for window in service.windows()[11:14]] == [10, 4, 10]
    assert_published(watcher.payloads(WINDOWS), service)
    (config,) = {payload for payload in watcher.payloads("homeassistant/device/hearth_marble_home/config")}
    assert set(json.loads(config)["components"]) >= {"activity", "change"}
    assert watcher.payloads(f"{BASE}/state")
    assert "session resumed" in service.log


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_nothing_is_lost_when_the_broker_ends(how, mosquitto, make_service, make_client, day, home):
    service, sensors = make_service(mosquitto.port), make_client(mosquitto.port, "sensors")
    watcher = make_client(mosquitto.port, "watcher", f"{BASE}/#")
    service.start()
    wait_until(lambda: watcher.payloads(f"{BASE}/status"), "the service is there")
    publishing = sensors.start_publishing(slowly(day[:200]))
    for number in (60, 130):
        wait_until(lambda least=number: service.taken_in() > least, "events are in the journal")
        mosquitto.end(how)
        time.sleep(0.2)
        mosquitto.start()
    publishing.join(60)
    wait_until(lambda: service.answered() == 200, "all are answered")
    wait_until(lambda: not service.rows("SELECT 1 FROM outbox"), "all are published")
    service.end()
    assert_answered(service, day[:200], home)
    wait_until(lambda: len(set(watcher.payloads(WINDOWS))) == 20, "all windows are published")
    assert_published(watcher.payloads(WINDOWS), service)
    assert service.log.count("lost") == 2


def test_nothing_is_lost_or_answered_twice_when_the_service_is_killed(mosquitto, make_service, make_client, day, home):
    service, sensors = make_service(mosquitto.port), make_client(mosquitto.port, "sensors")
    watcher = make_client(mosquitto.port, "watcher", f"{BASE}/#")
    service.start()
    wait_until(lambda: watcher.payloads(f"{BASE}/status"), "the service is there")
    publishing = sensors.start_publishing(slowly(day[:250]))
    for number in (50, 110, 170):
        wait_until(lambda least=number: service.answered() > least, "some events are answered")
        # It answers what its journal has also before it is connected.
        wait_until(lambda: watcher.payloads(f"{BASE}/status")[-1] == "online", "the service is there")
        service.end(signal.SIGKILL)
        least = min(sensors.published + 15, 250)
        wait_until(lambda least=least: sensors.published >= least, "others come meanwhile")
        service.start()
    publishing.join(60)
    wait_until(lambda: service.answered() == 250, "all are answered")
    wait_until(lambda: not service.rows("SELECT 1 FROM outbox"), "all are published")
    service.end()
    assert_answered(service, day[:250], home)
    # The last will of each service; one that is killed at once may not have said that it is there.
    wait_until(lambda: watcher.payloads(f"{BASE}/status").count("offline") == 4, "all is published")
    assert_published(watcher.payloads(WINDOWS), service)


def test_a_flood_is_answered_in_order(mosquitto, make_service, make_client, day, home):
    flood = day * 4
    service, sensors = make_service(mosquitto.port), make_client(mosquitto.port, "sensors")
    service.start()
    wait_until(lambda: "connected" in service.log, "the service is there")
    sensors.publish([change.payload() for change in flood])
    wait_until(lambda: service.counts().get("messages") == len(flood), "all are in the journal")
    wait_until(lambda: service.answered() == service.taken_in() // 10 * 10, "all are answered")
    service.end()
    counts = service.counts()
    assert counts["messages"] == len(flood)
    assert counts["events"] + counts.get("readings: same state", 0) == len(flood)
    assert [event["event"] for event in service.events()] == list(range(1, service.answered() + 1))


def test_what_is_no_news_makes_no_event_and_is_said_once(mosquitto, make_service, make_client, day, home):
    first, *others = day[:10]
    service, sensors = make_service(mosquitto.port), make_client(mosquitto.port, "sensors")
    sensors.publish([first.payload()], retain=True)
    service.start()
    wait_until(lambda: service.counts().get("readings: retained") == 1, "the retained state is known")
    again = others[0].payload()
    noise = [b"\xff", "no json", "[1]", '{"entity": "R1"}', '{"entity": "nobody", "state": "on"}'] * 30
    noise += [Change("R1", "open-ish").payload()] * 5
    sensors.publish([first.payload(), "x" * 2**21, *noise, again, again, *(change.payload() for change in others[1:])])
    wait_until(lambda: service.taken_in() == 9, "the news are in the journal")
    service.end()
    counts = service.counts()
    assert counts["malformed messages"] == 120
    assert counts["readings: unknown entity"] == 30
    assert counts["readings: unknown state"] == 5
    assert counts["readings: same state"] == 1
    assert counts["readings: sent again"] == 1
    assert service.log.count("nobody") == 1
    assert service.log.count("open-ish") == 1
    assert service.log.count("unreadable message") == 1


def test_times_of_wrong_clocks_are_those_of_arrival_and_never_go_back(mosquitto, make_service, make_client, day, home):
    now = datetime.now(UTC)
    offsets = [0, 3 * 3600, -86400, -30, 5, 365 * 86400, 1, 1, 1, 1]
    service, sensors = make_service(mosquitto.port, clock_tolerance=60), make_client(mosquitto.port, "sensors")
    service.start()
    wait_until(lambda: "connected" in service.log, "the service is there")
    times = [(now + timedelta(seconds=offset)).isoformat() for offset in offsets]
    sensors.publish([change.payload(time=when) for change, when in zip(day[:10], times, strict=True)])
    wait_until(lambda: service.answered() == 10, "all are answered")
    service.end()
    assert_answered(service, day[:10], home)
    counts = service.counts()
    assert counts["events: time of arrival"] == 3
    assert counts["events: time of the event before"] >= 2
    local = now.astimezone().replace(tzinfo=None)
    spread = [datetime.fromisoformat(event["time"]) - local for event in service.events()]
    assert max(spread) - min(spread) < timedelta(seconds=60)
    assert service.log.count("the clock of") == 1


def test_a_state_of_statestream_gets_the_time_that_follows_it(
    mosquitto, make_service, make_client, student, day, tmp_path
):
    raw = yaml.safe_load((student / "home.yaml").read_text()) | {"entities": {"input_boolean.pir": day[0].sensor}}
    (tmp_path / "home.yaml").write_text(yaml.safe_dump(raw))
    service = make_service(
        mosquitto.port,
        wait=1,
        inputs=[{"form": "statestream", "topic": "states"}],
        student={"folder": str(student), "threads": 1, "home": str(tmp_path / "home.yaml")},
    )
    home_assistant = make_client(mosquitto.port, "home assistant")
    service.start()
    wait_until(lambda: "connected" in service.log, "the service is there")
    changed = datetime.now(UTC) - timedelta(seconds=20)
    home_assistant.publish([day[0].state], "states/input_boolean/pir/state")
    time.sleep(0.05)
    home_assistant.publish([changed.isoformat()], "states/input_boolean/pir/last_changed")
    wait_until(lambda: service.answered() == 1, "the state is answered")
    service.end()
    (event,) = service.events()
    found = datetime.fromisoformat(event["time"]).replace(tzinfo=ZoneInfo(raw["timezone"]))
    assert abs(found - changed) < timedelta(seconds=1)


def test_a_second_service_is_refused(mosquitto, make_service, make_client):
    first, second = make_service(mosquitto.port), make_service(mosquitto.port)
    other = make_service(mosquitto.port, "elsewhere")
    first.start()
    wait_until(lambda: "connected" in first.log, "the service is there")
    second.start()
    assert second.process.wait(30) == 1
    assert "another service uses this state folder" in second.log
    other.start()  # with another state folder, but the same session
    assert first.process.wait(30) == 3
    assert "another service of this home has connected" in first.log
    watcher = make_client(mosquitto.port, "watcher", f"{BASE}/status")
    # The first has ended the other's connection once, to find out.
    wait_until(lambda: watcher.payloads(f"{BASE}/status")[-1:] == ["online"], "the other is there")
    time.sleep(2)  # a fight would last
    assert other.process.poll() is None
    assert watcher.payloads(f"{BASE}/status")[-1] == "online"


def test_a_service_of_the_same_home_with_another_session_ends_the_first(mosquitto, make_service):
    first, second = (make_service(mosquitto.port, name, mqtt={"client_id": name}) for name in ("one", "two"))
    first.start()
    wait_until(lambda: "connected" in first.log, "the service is there")
    second.start()
    assert first.process.wait(30) == 3
    assert "another service of this home has connected" in first.log
    assert second.end() == 0


def test_home_assistant_gets_the_device_again_when_it_starts(mosquitto, make_service, make_client, day):
    service, sensors = make_service(mosquitto.port), make_client(mosquitto.port, "sensors")
    service.start()
    wait_until(lambda: "connected" in service.log, "the service is there")
    sensors.publish([change.payload() for change in day[:10]])
    wait_until(lambda: service.answered() == 10, "a window is answered")
    wait_until(lambda: not service.rows("SELECT 1 FROM outbox"), "all is published")
    watcher = make_client(mosquitto.port, "watcher", f"{BASE}/#", "homeassistant/device/#")
    retained = dict(service.rows("SELECT topic, payload FROM retained"))
    assert retained.keys() >= {f"{BASE}/{name}" for name in ("state", "attributes", "rooms/kitchen/state")}
    # Beside them: configuration, status, and the id of the process.
    wait_until(lambda: len(watcher.messages) == len(retained) + 3, "what the broker keeps")
    assert all(message.retain for message in watcher.messages)
    watcher.messages.clear()
    sensors.publish(["online"], "homeassistant/status")
    wait_until(lambda: watcher.payloads(f"{BASE}/status") == ["online"], "the device again")
    again = {message.topic: message.payload.decode() for message in watcher.messages}
    assert again.pop("homeassistant/device/hearth_marble_home/config")
    assert again == retained | {f"{BASE}/status": "online"}


def test_a_dry_run_prints_and_publishes_nothing(mosquitto, make_service, make_client, day):
    service, sensors = make_service(mosquitto.port), make_client(mosquitto.port, "sensors")
    watcher = make_client(mosquitto.port, "watcher", "hearth/#", "homeassistant/#")
    service.start("--dry-run")
    wait_until(lambda: "connected" in service.log, "the service is there")
    sensors.publish([change.payload() for change in day[:10]])
    out = service.folder / "out"
    wait_until(lambda: f"{WINDOWS}: " in out.read_text(), "the window is printed")
    assert service.end() == 0
    printed = [line.partition(": ")[0] for line in out.read_text().splitlines()]
    assert printed[0].startswith("homeassistant/device/")
    assert f"{BASE}/status (retained)" in printed
    assert watcher.messages == []
    assert not service.state.exists()
