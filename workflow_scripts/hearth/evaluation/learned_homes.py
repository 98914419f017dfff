"""Say which homes a recogniser learned from, as seen from the home that it is tested on."""

from collections.abc import Collection
from typing import Literal

LearnedFrom = Literal["none", "own", "others", "all"]


def homes_learned_from(home: str, learned: Collection[str], named: str, homes: Collection[str]) -> LearnedFrom | None:
    """Return the homes that a recogniser learned from, as seen from the one of `homes` that it is tested on.

    `learned` are these homes, `named` is the name of their set. None if they are only a part of the others, or of all.
    Homes that no training of the config is meant for (`all: false`) are not missed by the sets `all` and
    `all-but-<home>`, nor by baselines over other homes or over all.
    """
    if not learned:
        return "none"
    if set(learned) == {home}:
        return "own"
    if named not in ("all", "others", f"all-but-{home}") and not set(learned) >= {*homes} - {home}:
        return None
    return "all" if home in learned else "others"
