"""Fixtures: an exported student with random weights, a broker, and clients; skipped where mosquitto is absent."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hearth.common import files
from hearth.distillation import gguf_file
from hearth.engines.protocol import Decoding
from hearth.homes.home import Home, load_home
from hearth.simulation.formats import FORMATS
from random_model import make_model
from repository import HOMES
from service_runs import MOSQUITTO, Change, Client, HomeService, Mosquitto, only_changes
from simulated_homes import marble_instances

HOME = HOMES / "marble.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder with the reason where they cannot run."""
    if MOSQUITTO is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="no mosquitto: apt install mosquitto"))


@pytest.fixture(scope="session")
def home() -> Home:
    return load_home(HOME)


@pytest.fixture(scope="session")
def student(home, tmp_path_factory) -> Path:
    """Return the folder of an export whose model has random weights: it answers fast, and never with a label."""
    folder = tmp_path_factory.mktemp("student")
    merged = make_model(folder / "model")
    merged.rename(folder / "merged")
    (folder / "gguf").mkdir()
    gguf_file.write_gguf(folder / "merged", folder / "gguf" / "random-f32.gguf", "random")
    prompt = {
        "version": "test@000000000000",
        "template": "test",
        "reasoning": "none",
        "labels": list(home.labels),
        "system": "Name the activity of each event.",
    }
    files.write_json(folder / "prompt.json", prompt)
    (folder / "home.yaml").write_bytes(HOME.read_bytes())
    export = {
        "student": "random",
        "dtype": "float32",
        "gguf": {
            "files": {"f32": "gguf/random-f32.gguf"},
            "default": "f32",
            "why_not": "",
            "pre_tokenizer": gguf_file.pre_tokenizer_name(folder / "merged"),
        },
        "source": "marble",
        "windows": {"by": "count", "size": 10, "seconds": None},
        "decoding": asdict(Decoding.greedy(8)),
    }
    files.write_json(folder / "export.json", export)
    return folder


@pytest.fixture(scope="session")
def day(home, tmp_path_factory) -> list[Change]:
    """Return the changes of a simulated day."""
    folder = tmp_path_factory.mktemp("simulated")
    FORMATS["marble"](folder, 1, 8, home, 0)
    changes = [
        Change(sensor, state) for instance in marble_instances(folder) for _, sensor, state, _ in instance["events"]
    ]
    return list(only_changes(changes))


@pytest.fixture
def mosquitto(tmp_path) -> Iterator[Mosquitto]:
    """Return a running broker."""
    broker = Mosquitto(tmp_path / "mosquitto")
    broker.start()
    yield broker
    broker.end()


@pytest.fixture
def make_service(tmp_path, student) -> Iterator[Callable[..., HomeService]]:
    """Return a function that makes the service of a broker's port; all services end with the test."""
    made: list[HomeService] = []

    def make(port: int, name: str = "service", **settings: Any) -> HomeService:
        made.append(HomeService(tmp_path / name, student, port, **settings))
        return made[-1]

    yield make
    for service in made:
        if service.process is not None and service.process.poll() is None:
            service.process.kill()
            service.process.wait()


@pytest.fixture
def make_client() -> Iterator[Callable[..., Client]]:
    """Return a function that makes a client of a broker's port; all connections end with the test."""
    made: list[Client] = []

    def make(*arguments: Any, **options: Any) -> Client:
        made.append(Client(*arguments, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()
