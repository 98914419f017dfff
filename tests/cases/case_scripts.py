"""Take the inputs out of the scripts of shared/cases, whose modules have had other names since."""

import re
from pathlib import Path
from typing import Any

from repository import REPOSITORY

# Names of then, and where the thing is now.
_IMPORTS = re.compile(r"^(?:import|from) .*$|^sys\.path.*$", re.MULTILINE)


def run_part(script: Path, begin: str, end: str, names: dict[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Run the part of a script from the text `begin` up to the text `end`, with `names`; return all names after it."""
    text = script.read_text(encoding="utf-8")
    part = text[text.index(begin) : text.index(end) if end else len(text)]
    part = _IMPORTS.sub("", part).replace("HEARTH", str(REPOSITORY))
    if folder is not None:
        part = part.replace("'./'", repr(str(folder)))
    values = dict(names)
    exec(compile(part, str(script), "exec"), values)
    return values
