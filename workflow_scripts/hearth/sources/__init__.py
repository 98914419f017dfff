"""Raw data sets to events, one file a format: `read(root, home) -> (events, report)`."""

from pathlib import Path

from hearth.sources import marble, mural

SOURCES = {"marble": marble.read, "mural": mural.read}
_FORMATS = {"marble": marble, "mural": mural}


def raw_files(source: str, root: str | Path) -> list[str]:
    """The files of a data set that its loader reads, sorted; wearables and the like are not among them.

    Raises ValueError, saying what was expected and where the data comes from, for a folder that holds none.
    """
    module = _FORMATS[source]
    files = sorted(str(path) for path in Path(root).rglob("*") if path.name in module.FILES)
    if not files:
        raise ValueError(f"{root or 'no folder named'}: {module.WANTED}")
    return files
