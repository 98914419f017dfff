"""Find shared/cases, inputs of users that are no part of the project: tests skip where they are absent."""

import os
from pathlib import Path

import pytest
from repository import REPOSITORY

CASES = Path(os.environ.get("HEARTH_SHARED", REPOSITORY.parent / "shared")) / "cases"
needs_cases = pytest.mark.skipif(
    not CASES.is_dir(),
    reason=f"{CASES} is absent: inputs of users, which are no part of the project (HEARTH_SHARED names its folder)",
)
