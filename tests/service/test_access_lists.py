"""Test that a broker whose access list is too narrow for the service is named."""

from hearth.service.broker import Broker
from hearth.service.messages import BusMessage
from hearth.service.ownership import Ownership
from service_runs import Mosquitto, wait_until

MQTT = {
    **{"host": "127.0.0.1", "client_id": "", "username": "", "password_file": ""},
    **{"keepalive": 30, "session_expiry": 60, "reconnect": 1, "tls": None},
}


def test_a_broker_that_keeps_the_services_own_messages_from_it_is_named(tmp_path, caplog):
    (tmp_path / "acl").write_text("topic read sensors/#\ntopic write hearth/#\n")
    mosquitto = Mosquitto(tmp_path / "mosquitto", "allow_anonymous true", f"acl_file {tmp_path / 'acl'}")
    mosquitto.start()
    will, port = BusMessage("hearth/status", "offline", is_retained=True), {"port": mosquitto.port}
    nothing = lambda *_: None  # noqa: E731
    ownership = Ownership("hearth/owner")
    broker = Broker(MQTT | port, "hearth", ["sensors/#"], will, nothing, nothing, nothing, ownership)
    broker.start()
    try:
        wait_until(lambda: broker.check(0) or "does not deliver hearth/owner" in caplog.text, "the broker is named")
        assert not broker.is_connected
    finally:
        broker.stop()
        mosquitto.end()
