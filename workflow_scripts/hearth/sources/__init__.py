"""Raw data sets to events, one file a format: `read(root, home) -> (events, report)`."""

from hearth.sources import marble, mural

SOURCES = {"marble": marble.read, "mural": mural.read}
