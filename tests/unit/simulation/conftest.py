"""Fixtures: a simulated home of each format, which all tests of this folder share."""

from pathlib import Path

import pytest
from hearth.simulation.formats import FORMATS
from simulated_homes import SESSIONS, labelled_events, load_home_named


@pytest.fixture(scope="session")
def roots(tmp_path_factory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp(name) for name in FORMATS}
    for name, folder in folders.items():
        FORMATS[name](folder, 7, SESSIONS, load_home_named(name))
    return folders


@pytest.fixture(scope="session")
def homes(roots) -> dict[str, list[list[tuple]]]:
    return {name: labelled_events(name, root) for name, root in roots.items()}
