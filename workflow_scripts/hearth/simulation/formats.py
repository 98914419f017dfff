"""The formats in which a home of config/homes can be simulated, and drawn homes, which are tables."""

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from hearth.homes.home import Home
from hearth.simulation import drawn, marble, mural


class WriteHome(Protocol):
    """Write the raw files of a simulated home."""

    def __call__(
        self, root: Path, seed: int, sessions: int, home: Home, missing: int = 0, without: Collection[str] = ()
    ) -> None:
        """Write `sessions` sessions of `home` below `root`; equal arguments give equal bytes.

        `missing` sensors of the home, drawn by `seed`, record nothing in any session. `without` names traits to leave
        out, of which only MARBLE's format has any. Raises ValueError if no sensor would be left, if the home lacks a
        label that its residents need, and for a trait that the format does not have.
        """


FORMATS: dict[str, WriteHome] = {"marble": marble.write_home, "mural": mural.write_home}
# The kind of a home that is drawn as a whole by its seed, in `datasets.<name>.simulate.kind`.
DRAWN = "drawn"
# The kind of a home that is the home of a format in words that its seed draws.
VARIANT = "variant"
SIMULATORS: dict[str, WriteHome] = {**FORMATS, DRAWN: drawn.write_home}
