"""A fixture for tests of preflight's checks."""

import pytest
from hearth.workflow.findings import Findings


@pytest.fixture
def findings() -> Findings:
    return Findings("here")
