"""Map activities, as raw files spell them, to the labels of a home."""

from collections.abc import Iterable

from hearth.common.schemas import nearest
from hearth.data.sources.csv_rows import RowError
from hearth.homes.home import Home


def accepted_labels(activities: Iterable[str], home: Home) -> list[str]:
    """Return the distinct labels of `activities`; an empty list means that none of them is of interest.

    Raises RowError for an unknown activity.
    """
    labels = []
    for name in activities:
        label = home.recording.activities.get(name, name)
        if label is None:
            continue
        if label not in home.labels:
            known = [*home.recording.activities, *home.labels]
            raise RowError(f"unknown activity {name!r}{nearest(name, known)} (`labels`, or `recording.activities`)")
        labels.append(label)
    return list(dict.fromkeys(labels))
