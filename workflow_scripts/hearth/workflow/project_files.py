"""Files of the project that decide results: where a home's yaml lies, and what counts as a change of a file."""

import json
from pathlib import Path

from hearth.common.files import digest, file_digest
from hearth.common.schemas import read_yaml

PROJECT = Path(__file__).resolve().parents[3]


def home_path(home: str, project: Path = PROJECT) -> Path:
    """Return the file of a home: a name means one of the project's homes, a path ending in .yaml a file of the user."""
    return Path(home) if home.endswith(".yaml") else project / "config" / "homes" / f"{home}.yaml"


def content_digest(path: Path | str) -> str:
    """Return a digest of a file's content.

    Comments and layout of YAML and JSON do not change it; the order of keys does, because a prompt lists the rooms in
    the order of the home's yaml.
    """
    path = Path(path)
    # As text, because `digest` sorts keys.
    return digest(json.dumps(read_yaml(path))) if path.suffix in {".yaml", ".json"} else file_digest(path)
