import shutil

import pytest


@pytest.fixture
def source(tiny_model, tmp_path):
    """The folder of a model that is not fetched yet."""
    shutil.copytree(tiny_model, tmp_path / "source", ignore=shutil.ignore_patterns("snapshot.json"))
    return tmp_path / "source"
