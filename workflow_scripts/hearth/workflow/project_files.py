"""Find the yaml of a home, and compute digests that tell whether a file of the project has changed in content."""

import json
from pathlib import Path

from hearth.common.files import digest, file_digest
from hearth.common.schemas import read_yaml

PROJECT = Path(__file__).resolve().parents[3]


def home_path(home: str, project: Path = PROJECT) -> Path:
    """Return the path of a home's yaml: `home` itself if it ends in .yaml, else config/homes/<home>.yaml."""
    return Path(home) if home.endswith(".yaml") else project / "config" / "homes" / f"{home}.yaml"


def content_digest(path: Path | str) -> str:
    """Return a digest of a file's content.

    Comments and layout of YAML and JSON do not change it; the order of keys does, because a prompt lists the rooms in
    the order of the home's yaml. `common_labels` of a home do not change it: they decide scores alone, whose rule reads
    them from the home itself.
    """
    path = Path(path)
    if path.suffix not in {".yaml", ".json"}:
        return file_digest(path)
    content = read_yaml(path)
    if isinstance(content, dict):
        content = {key: value for key, value in content.items() if key != "common_labels"}
    return digest(json.dumps(content))  # a text, because `digest` would sort the keys of a mapping
