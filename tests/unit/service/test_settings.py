"""Check that wrong settings of the service are refused with their place and a remedy."""

import pytest
import yaml
from hearth.common.cli import UserError
from hearth.service.settings import read_secret, read_settings

SETTINGS = {"student": {"folder": "student"}, "state": "state", "inputs": [{"form": "json", "topic": "sensors/+"}]}


def write(folder, **changes):
    (folder / "student").mkdir(exist_ok=True)
    path = folder / "service.yaml"
    path.write_text(yaml.safe_dump(SETTINGS | changes))
    return path


def test_paths_are_relative_to_the_file_and_defaults_are_filled_in(tmp_path):
    (tmp_path / "ca.crt").write_text("")
    settings = read_settings(write(tmp_path, mqtt={"tls": {"ca": "ca.crt"}}))
    assert settings["student"]["folder"] == str(tmp_path / "student")
    assert settings["state"] == str(tmp_path / "state")
    assert settings["mqtt"]["tls"] == {"ca": str(tmp_path / "ca.crt"), "cert": "", "key": ""}
    assert (settings["mqtt"]["host"], settings["wait"]) == ("localhost", 60)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wiat": 3}, "unknown key 'wiat'; did you mean 'wait'"),
        ({"min_confidence": 50}, "min_confidence: 50 is greater than the maximum of 1"),
        ({"inputs": [{"form": "statestream"}]}, "inputs.0: topic is missing, which form statestream needs"),
        ({"inputs": [{"form": "websocket", "url": "ws://x"}]}, "inputs.0: token_file is missing"),
        ({"mqtt": {"password_file": "absent"}}, r"mqtt\.password_file: .*absent does not exist"),
        ({"mqtt": {"password_file": "student"}}, r"mqtt\.password_file: .*student is a folder; name a file"),
        ({"mqtt": {"tls": {"ca": "absent"}}}, r"mqtt\.tls\.ca: .*absent does not exist"),
        ({"student": {"folder": "absent"}}, r"student\.folder: .*absent does not exist"),
        ({"state": "service.yaml"}, "state: .*service.yaml is a file; name a folder"),
        ({"discovery": {"prefix": "homeassistant/#"}}, r"discovery\.prefix: 'homeassistant/#'"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, changes, said):
    with pytest.raises(UserError, match=said):
        read_settings(write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("form", "topic", "said"),
    [
        ("json", "sensors#", "is no topic filter"),
        ("json", "sensors/#/state", "is no topic filter"),
        ("json", "sensors/room+/state", "is no topic filter"),
        ("statestream", "states/#", "form statestream needs a topic without one, such as states$"),
        ("zigbee2mqtt", "+", "form zigbee2mqtt needs a topic without one$"),
        ("eventstream", "ha/+/events", "form eventstream needs a topic without one$"),
    ],
)
def test_a_topic_to_which_nobody_can_subscribe_is_refused(tmp_path, form, topic, said):
    with pytest.raises(UserError, match=f"inputs.0.topic: .*{said}"):
        read_settings(write(tmp_path, inputs=[{"form": form, "topic": topic}]))


@pytest.mark.parametrize("topic", ["#", "+", "sensors/#", "sensors/+/state", "+/+/#", "sensors"])
def test_a_topic_filter_is_taken(tmp_path, topic):
    assert read_settings(write(tmp_path, inputs=[{"form": "json", "topic": topic}]))["inputs"][0]["topic"] == topic


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match="no such file of settings"):
        read_settings(tmp_path / "absent.yaml")


def test_a_secret_is_the_first_line_of_its_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("se cret\r\nnote\n")
    assert read_secret(str(path)) == "se cret"
    assert read_secret("") is None
    path.write_text("\n")
    with pytest.raises(UserError, match="the first line is empty"):
        read_secret(str(path))
