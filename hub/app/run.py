"""Start the service as an app of Home Assistant: complete its settings with the broker and token of the Supervisor.

The user's settings lie below /share. A copy beside them, `.<name>.app.yaml`, gets what they leave out: host, port, user
and password of the broker, and URL and token of inputs of the form websocket. Secrets lie in /data, which only the app
can read.
"""

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

import yaml

DATA = Path("/data")
PROGRAM = "/opt/hearth/workflow_scripts/home_service.py"
WEBSOCKET = "ws://supervisor/core/websocket"


def fetch_broker(token: str) -> dict[str, Any]:
    """Return what the Supervisor knows of the MQTT broker: host, port, username, password."""
    request = urllib.request.Request("http://supervisor/services/mqtt", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - always this address
        found: dict[str, Any] = json.load(answer)["data"]
    return found


def complete(settings: dict[str, Any], broker: dict[str, Any], secrets: Path, token: str) -> dict[str, Any]:
    """Return the settings with what they leave out; write password and token into the folder `secrets`."""
    mqtt = settings.get("mqtt") or {}
    if "host" not in mqtt:
        given = {"host": broker["host"], "port": broker["port"], "username": broker.get("username") or ""}
        if broker.get("password"):
            given["password_file"] = _write_secret(secrets / "mqtt.password", broker["password"])
        if broker.get("ssl"):
            given["tls"] = {}
        mqtt = given | mqtt
    inputs = []
    for one in settings.get("inputs") or []:
        if one.get("form") == "websocket" and not one.get("url"):
            one = one | {"url": WEBSOCKET, "token_file": _write_secret(secrets / "token", token)}
        inputs.append(one)
    return settings | {"mqtt": mqtt, "inputs": inputs}


def _write_secret(path: Path, secret: str) -> str:
    """Write a secret that only its owner can read; return the path."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{secret}\n")
    return str(path)


def main() -> None:
    """Write the completed settings, and become the service."""
    path = Path(json.loads((DATA / "options.json").read_text(encoding="utf-8"))["settings"])
    if not path.exists():
        sys.exit(f"{path} does not exist: write it as DOCS.md says, or name another file in the app's configuration")
    token = os.environ["SUPERVISOR_TOKEN"]
    settings = complete(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, fetch_broker(token), DATA, token)
    completed = path.with_name(f".{path.stem}.app.yaml")
    completed.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")
    os.execv(sys.executable, [sys.executable, PROGRAM, "--config", str(completed), "--verbose"])


if __name__ == "__main__":
    main()
