"""Paths of the repository that the tests read."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "workflow_scripts"
CONFIG = REPOSITORY / "config"
HOMES = CONFIG / "homes"
