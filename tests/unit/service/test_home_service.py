"""Test what the program of the service says of a journal that becomes unreadable while it runs."""

import sqlite3
from pathlib import Path
from typing import Any

import home_service
import pytest
import yaml
from hearth.common.cli import UserError


class DamagedService:
    """A service whose journal fails."""

    def __init__(self, *_: Any):
        pass

    def stop(self) -> None:
        """Do nothing."""

    def run(self) -> None:
        """Fail."""
        raise sqlite3.DatabaseError("database disk image is malformed")


def test_a_journal_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "student").mkdir()
    settings = {"student": {"folder": "student"}, "state": "state", "inputs": [{"form": "json", "topic": "#"}]}
    (tmp_path / "service.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setattr(home_service, "Service", DamagedService)
    monkeypatch.setattr(home_service, "open_student", lambda *_, **__: None)
    monkeypatch.setattr(home_service.signal, "signal", lambda *_: None)
    with pytest.raises(UserError, match=r"state/journal\.sqlite: database disk image is malformed; .*move it away"):
        home_service.main(["--config", str(tmp_path / "service.yaml")])
