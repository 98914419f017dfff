"""Test the files for home hubs: pins, systemd unit, container and app folder."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import home_service
import pytest
import yaml
from hearth.service.settings import read_settings
from hearth.workflow.code_hash import SCRIPTS
from package_pins import PIN, imported, pins
from repository import REPOSITORY

HUB = REPOSITORY / "hub"
# Imported by functions that the service does not call: those of training, of few-shot examples and of other engines.
NOT_AT_HOME = {"scikit-learn", "torch", "transformers", "peft", "safetensors", "gguf"}
# From the documentation of Home Assistant for developers (docs/apps/configuration.md, 2026): required and other keys.
REQUIRED = {"name", "version", "slug", "description", "arch"}
OPTIONAL = {"startup", "stage", "services", "homeassistant_api", "map", "options", "schema", "timeout"}
BROKER = {"host": "core-mosquitto", "port": 1883, "username": "addons", "password": "very-secret", "ssl": False}


def requirements() -> dict[str, str]:
    return pins((HUB / "requirements.txt").read_text())


def test_the_pins_of_a_hub_are_those_of_the_project():
    lines = [line for line in (HUB / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(PIN.match(line) for line in lines)
    ours = pins((REPOSITORY / "constraints.txt").read_text()) | pins((REPOSITORY / "requirements.txt").read_text())
    assert requirements() == {name: ours.get(name) for name in requirements()}


def test_a_hub_installs_what_the_service_imports():
    needed = imported("home_service") - NOT_AT_HOME
    assert len(needed) > 8
    assert needed - requirements().keys() == set()
    assert requirements().keys() - needed == {"tzdata"}  # time zones, which Debian's slim images lack


def test_the_service_starts_without_what_a_hub_does_not_have():
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'peft', 'gguf', 'sklearn', 'scipy', 'safetensors', 'snakemake'):\n"
        "    sys.modules[name] = None\n"
        f"sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "import home_service, hearth.service.websocket\n"
        "try:\n"
        "    home_service.main(['--config', 'nowhere.yaml'])\n"
        "except Exception as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "nowhere.yaml: no such file of settings\n"


def test_the_unit_starts_the_program_with_options_that_it_has():
    text = (HUB / "hearth.service").read_text()
    program, *options = re.search(r"^ExecStart=/opt/hearth/\.venv/bin/python /opt/hearth/(.*)$", text, re.M)[1].split()
    usage = subprocess.run(
        [sys.executable, str(REPOSITORY / program), "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert [option for option in options if option.startswith("--") and option not in usage] == []
    assert "\nRestartPreventExitStatus=3\n" in text
    assert home_service.NO_RESTART == 3


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit(tmp_path):
    text = (HUB / "hearth.service").read_text().replace("/opt/hearth/.venv/bin/python", sys.executable)
    unit = tmp_path / "hearth.service"
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "hearth.service" in line] == []


@pytest.mark.parametrize("name", ["Containerfile", "app/Dockerfile"])
def test_a_container_copies_files_that_exist(name):
    text = (HUB / name).read_text()
    sources = [source for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for source in line.split()]
    assert len(sources) > 3
    for source in sources:
        places = [REPOSITORY / source, HUB / source, HUB / "app" / source]
        assert any(place.exists() for place in places), source
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"FROM docker.io/library/python:{version}-slim-" in text
    assert "libgomp1" in text


def test_the_app_folder_is_filled_with_all_that_it_copies(tmp_path):
    subprocess.run(
        ["make", "--old-file=setup", "hub-app", f"OUT={tmp_path / 'hearth'}"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    dockerfile = (tmp_path / "hearth" / "Dockerfile").read_text()
    sources = [source for line in re.findall(r"^COPY (.*) \S+$", dockerfile, re.M) for source in line.split()]
    assert [source for source in sources if not (tmp_path / "hearth" / source).exists()] == []
    program = tmp_path / "hearth" / "workflow_scripts" / "home_service.py"
    usage = subprocess.run([sys.executable, str(program), "--help"], capture_output=True, text=True, check=True)
    assert "--dry-run" in usage.stdout
    assert (tmp_path / "hearth" / "config" / "schemas" / "service.schema.yaml").exists()


def test_the_app_has_keys_that_home_assistant_knows():
    config = yaml.safe_load((HUB / "app" / "config.yaml").read_text())
    assert REQUIRED - config.keys() == set()
    assert config.keys() - REQUIRED - OPTIONAL == set()
    assert set(config["arch"]) == {"aarch64", "amd64"}
    assert config["services"] == ["mqtt:need"]
    assert config["options"].keys() == config["schema"].keys()
    assert re.search(r'^version = "(.*)"$', (REPOSITORY / "pyproject.toml").read_text(), re.M)[1] == config["version"]


def complete(tmp_path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as the app completes them."""
    return runpy.run_path(str(HUB / "app" / "run.py"))["complete"](settings, BROKER, tmp_path, "a-token")


def test_the_app_completes_settings_of_its_own_documentation(tmp_path):
    example = re.search(r"```yaml\n(.*?)```", (HUB / "app" / "DOCS.md").read_text(), re.S)[1]
    settings = yaml.safe_load(re.sub(r"^   ", "", example, flags=re.M))
    (tmp_path / "student").mkdir()
    path = tmp_path / "service.yaml"
    path.write_text(json.dumps(complete(tmp_path, settings)))
    checked = read_settings(path)
    assert checked["mqtt"]["host"] == "core-mosquitto"
    assert Path(checked["mqtt"]["password_file"]).read_text() == "very-secret\n"
    assert checked["inputs"][0]["url"] == "ws://supervisor/core/websocket"
    token = Path(checked["inputs"][0]["token_file"])
    assert token.read_text() == "a-token\n"
    assert token.stat().st_mode & 0o077 == 0
    assert "secret" not in path.read_text()


def test_the_app_leaves_another_broker_and_url_as_they_are(tmp_path):
    settings = {"mqtt": {"host": "nas"}, "inputs": [{"form": "websocket", "url": "ws://x", "token_file": "t"}]}
    assert complete(tmp_path, settings) == settings
    assert list(tmp_path.iterdir()) == []
