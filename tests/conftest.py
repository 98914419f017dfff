"""Distribution of the tests over the workers of pytest-xdist, for `--dist loadgroup`."""

from pathlib import Path

import pytest

# Tests of this folder share only session fixtures, so each can run on any worker.
SPREAD = Path(__file__).parent / "workflow"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run all tests of a file on one worker, except those in `SPREAD` without a group of their own."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        if SPREAD not in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
