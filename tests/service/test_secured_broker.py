"""Run the service against a mosquitto that asks for a password, or encrypts: secrets stay out of every message."""

import subprocess

import pytest
from service_runs import Client, Mosquitto, wait_until

USER, PASSWORD = "hearth", "correct-horse-7f3a"
WRONG = "wrong-horse-91bc"
STATUS = "hearth/marble/status"


@pytest.fixture
def secured(tmp_path):
    """Return a running broker that asks for a password."""
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    subprocess.run(["mosquitto_passwd", "-b", "-c", folder / "passwords", USER, PASSWORD], check=True)
    broker = Mosquitto(folder, f"password_file {folder / 'passwords'}", "allow_anonymous false")
    broker.start()
    yield broker
    broker.end()


def test_a_password_is_read_from_its_file_and_never_said(secured, make_service):
    service = make_service(secured.port, mqtt={"username": USER, "password_file": "password"})
    (service.folder / "password").write_text(f"{WRONG}\n")
    service.start()
    wait_until(lambda: "refuses the connection" in service.log, "the wrong password is refused")
    assert "check mqtt.username and mqtt.password_file" in service.log
    service.end()
    (service.folder / "password").write_text(f"{PASSWORD}\n")
    service.start()
    wait_until(lambda: "connected" in service.log, "the right password is accepted")
    watcher = Client(secured.port, "watcher", STATUS, username=USER, password=PASSWORD)
    wait_until(lambda: watcher.payloads(STATUS) == ["online"], "the service is there")
    watcher.close()
    service.end()
    said = service.log + (service.folder / "out").read_text()
    kept = b"".join(path.read_bytes() for path in service.state.rglob("*") if path.is_file())
    for secret in (PASSWORD, WRONG):
        assert secret not in said
        assert secret.encode() not in kept


def make_certificates(folder):
    """Make an authority, and a certificate that it signs for this machine."""
    folder.mkdir()
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    steps = [
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=authority",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=broker",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile names",
    ]
    for step in steps:
        subprocess.run(["openssl", *step.split()], cwd=folder, check=True, capture_output=True)


def test_an_encrypted_broker_must_be_signed_by_the_given_authority(tmp_path, make_service):
    keys, others = tmp_path / "keys", tmp_path / "others"
    for folder in (keys, others):
        make_certificates(folder)
    broker = Mosquitto(
        tmp_path / "mosquitto",
        "allow_anonymous true",
        *(f"{name} {keys / file}" for name, file in [("certfile", "server.crt"), ("keyfile", "server.key")]),
    )
    broker.start()
    try:
        stranger = make_service(broker.port, "stranger", mqtt={"tls": {"ca": str(others / "ca.crt")}})
        stranger.start()
        wait_until(lambda: "certificate verify failed" in stranger.log, "another authority is not trusted")
        stranger.end()
        service = make_service(broker.port, mqtt={"tls": {"ca": str(keys / "ca.crt")}})
        service.start()
        wait_until(lambda: "connected" in service.log, "the authority is trusted")
        assert service.end() == 0
    finally:
        broker.end()
