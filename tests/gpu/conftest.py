"""Fetched demo models for tests that need a GPU."""

from pathlib import Path

import pytest
from repository import REPOSITORY


@pytest.fixture(scope="session")
def fetched(tmp_path_factory):
    """Return a function that fetches a folder of model files and returns the folder of the fetched model."""
    from hearth.models.fetch import fetch_model

    def fetch(source: Path) -> Path:
        folder = tmp_path_factory.mktemp(source.name)
        fetch_model(source.name, {"source": "folder", "path": str(source)}, folder / "work", folder / "m", REPOSITORY)
        return folder / "m"

    return fetch


@pytest.fixture(scope="session")
def tiny_l(fetched) -> Path:
    return fetched(REPOSITORY / "demo" / "models" / "tiny-l")


@pytest.fixture(scope="session")
def tiny_s(fetched) -> Path:
    return fetched(REPOSITORY / "demo" / "models" / "tiny-s")
