"""Find recordings of real homes, which are no part of the project: tests that need them skip where they are absent."""

import os
from pathlib import Path

import pytest
from repository import REPOSITORY

SHARED = Path(os.environ.get("HEARTH_SHARED", REPOSITORY.parent / "shared")) / "data"
MARBLE_PART = SHARED / "marble_part"
MARBLE_MORE = SHARED / "marble_more"
MURAL_PART = SHARED / "mural_part"


def needs_data(root: Path) -> pytest.MarkDecorator:
    """Return a mark that skips a test, with the reason, if the folder `root` is absent."""
    reason = f"{root} is absent: recorded data, which is no part of the project (HEARTH_SHARED names its folder)"
    return pytest.mark.skipif(not root.is_dir(), reason=reason)
