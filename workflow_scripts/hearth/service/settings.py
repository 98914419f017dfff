"""Read and check the settings of the service (`config/schemas/service.schema.yaml`)."""

from pathlib import Path
from typing import Any, TypedDict

from hearth.common.cli import UserError
from hearth.common.records import check_record
from hearth.common.schemas import dotted, read_yaml, schema_problems, with_defaults

SCHEMA = Path(__file__).resolve().parents[3] / "config" / "schemas" / "service.schema.yaml"


class StudentSettings(TypedDict):
    """The student that labels the events."""

    folder: str
    form: str
    dataset: str
    direct: bool
    home: str
    confidence: bool
    threads: int | None


class TlsSettings(TypedDict):
    """The files of an encrypted connection; '' for none."""

    ca: str
    cert: str
    key: str


class MqttSettings(TypedDict):
    """The MQTT broker and how the service connects to it."""

    host: str
    port: int | None
    client_id: str
    username: str
    password_file: str
    keepalive: int
    session_expiry: int
    reconnect: int
    tls: TlsSettings | None


class InputSettings(TypedDict):
    """A form of messages, and where they come from: `topic`, or `url` and `token_file`."""

    form: str
    topic: str
    url: str
    token_file: str


class DiscoverySettings(TypedDict):
    """Settings of MQTT discovery, by which Home Assistant learns of the service."""

    enabled: bool
    prefix: str
    rooms: bool


class ServiceSettings(TypedDict):
    """All settings of the service. Paths are absolute; '' stands for none."""

    student: StudentSettings
    state: str
    mqtt: MqttSettings
    inputs: list[InputSettings]
    base_topic: str
    discovery: DiscoverySettings
    wait: float | None
    min_confidence: float
    clock_tolerance: float
    keep_windows: int


def read_settings(path: Path) -> ServiceSettings:
    """Read the settings of a service, with defaults filled in and relative paths resolved against the file's folder.

    Raises UserError, one line a problem: file, key, value and remedy.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of settings")
    raw, schema = read_yaml(path), read_yaml(SCHEMA)
    if problems := schema_problems(raw, schema):
        raise UserError("\n".join(f"{path}: {dotted(place)}: {message}" for place, message in problems))
    settings = check_record(with_defaults(raw, schema), ServiceSettings, str(path))
    folder = path.resolve().parent
    for place, one in enumerate(settings["inputs"]):
        for key in ("url", "token_file") if one["form"] == "websocket" else ("topic",):
            if not one[key]:
                raise UserError(f"{path}: inputs.{place}: {key} is missing, which form {one['form']} needs")
        if problem := topic_problem(one["form"], one["topic"]):
            raise UserError(f"{path}: inputs.{place}.topic: {one['topic']!r} {problem}")
    settings["state"] = str(folder / settings["state"])
    if Path(settings["state"]).exists() and not Path(settings["state"]).is_dir():
        raise UserError(f"{path}: state: {settings['state']} is a file; name a folder")
    tls: dict[str, Any] = dict(settings["mqtt"]["tls"] or {})
    owners: list[tuple[str, Any, tuple[str, ...]]] = [
        ("student", settings["student"], ("folder", "home")),
        ("mqtt", settings["mqtt"], ("password_file",)),
        *((f"inputs.{place}", one, ("token_file",)) for place, one in enumerate(settings["inputs"])),
        ("mqtt.tls", tls, tuple(tls)),
    ]
    for name, owner, keys in owners:
        for key in keys:
            if owner[key]:
                owner[key] = str(folder / owner[key])
                if not Path(owner[key]).exists():
                    raise UserError(f"{path}: {name}.{key}: {owner[key]} does not exist")
                if Path(owner[key]).is_dir() and key != "folder":
                    raise UserError(f"{path}: {name}.{key}: {owner[key]} is a folder; name a file")
    if settings["mqtt"]["tls"] is not None:
        settings["mqtt"]["tls"] = check_record(tls, TlsSettings, f"{path}: mqtt.tls")
    return settings


def topic_problem(form: str, topic: str) -> str:
    """Return why a form of input cannot have a topic, and the remedy; '' if it can.

    The MQTT library would end its thread on a topic that is no filter.
    """
    levels = topic.split("/")
    if form == "websocket" or not ("#" in topic or "+" in topic):
        return ""
    if form != "json":
        base = "/".join(levels[:-1]) if levels[-1] in ("#", "+") else ""
        example = f", such as {base}" if base and not ("#" in base or "+" in base) else ""
        return f"has a wildcard; form {form} needs a topic without one{example}"
    alone = all(level in ("#", "+") for level in levels if "#" in level or "+" in level)
    if not alone or "#" in levels[:-1]:
        return "is no topic filter: + is a whole level, # the whole last level, such as sensors/+/state or sensors/#"
    return ""


def read_secret(path: str) -> str | None:
    """Return the first line of a file with a password or token; None without a file. Raises UserError if it is empty.

    The secret goes to the library that connects, never into a message.
    """
    if not path:
        return None
    secret = Path(path).read_text(encoding="utf-8").split("\n", 1)[0].strip("\r")
    if not secret:
        raise UserError(f"{path}: the first line is empty; it must be the password or token")
    return secret
