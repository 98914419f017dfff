"""Raw data sets to events, one file a format: `read(root, home) -> (events, report)`."""

from pathlib import Path

from hearth.data.sources import casas, marble, mural, table
from hearth.homes.home import Home

_FORMATS = {"marble": marble, "mural": mural, "casas": casas, "table": table}
SOURCES = {name: module.read for name, module in _FORMATS.items()}


def raw_files(source: str, root: str | Path, home: Home) -> list[str]:
    """The files of a data set that its loader reads, sorted; wearables and the like are not among them.

    Raises ValueError, saying what was expected and where the data comes from, for a folder that holds none.
    """
    module = _FORMATS[source]
    found = [str(path) for path in module.raw_files(Path(root), home)] if root else []
    if not found:
        raise ValueError(f"{root or 'no folder named'}: {module.WANTED}")
    return sorted(found)
