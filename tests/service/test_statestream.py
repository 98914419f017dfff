"""Test that a state of Home Assistant's statestream gets its time from the message that follows it."""

import shutil
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service_runs import HomeService, wait_until

TOPIC = "states/binary_sensor/fridge"


def test_a_state_has_the_time_that_follows_it(mosquitto, student, make_client, home, tmp_path):
    folder = shutil.copytree(student, tmp_path / "student")
    with open(folder / "home.yaml", "a") as text:
        text.write("entities: {binary_sensor.fridge: R7}\n")
    inputs = [{"form": "statestream", "topic": "states"}]
    service = HomeService(tmp_path / "service", folder, mosquitto.port, inputs=inputs, wait=1)
    sensors = make_client(mosquitto.port, "sensors")
    service.start()
    wait_until(lambda: service.rows("SELECT 1 FROM marks WHERE name = 'topics of the session'"), "the subscription")
    changed = datetime.now(UTC).replace(microsecond=512000) - timedelta(seconds=60)
    sensors.publish(["on"], f"{TOPIC}/state")
    time.sleep(0.05)  # as Home Assistant on a busy hub
    sensors.publish([changed.isoformat()], f"{TOPIC}/last_changed")
    wait_until(lambda: service.answered() == 1, "the state is answered")
    assert service.end() == 0
    (event,) = service.events()
    assert datetime.fromisoformat(event["time"]) == changed.astimezone(ZoneInfo(home.timezone)).replace(tzinfo=None)
