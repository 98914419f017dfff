import pytest
from hearth.models.snapshot import ModelError, read_snapshot


def test_an_incomplete_snapshot_is_not_read(source):
    with pytest.raises(ModelError, match="no complete model; fetch it"):
        read_snapshot(source)
