"""Find the sessions, days or files of which no event has an activity, as if their labels were missing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hearth.data.sources import times
from hearth.data.sources.encoded_rows import Columns, EncodedRows
from hearth.homes.home import Home

SHOWN = 5
_DAY = 86_400_000  # milliseconds


def warn_of_unlabelled_parts(columns: Columns, is_unlabelled: np.ndarray, rows: EncodedRows, home: Home) -> list[str]:
    """Return a warning, or none, that names the parts of the recording whose rows are all in the mask `is_unlabelled`.

    Parts are the sessions that a column names, or the days if days are sessions, or else the files. There is no warning
    if no part has a labelled row: such a recording has no labels.
    """
    parts, what = _parts(columns, home)
    unlabelled = pd.Series(is_unlabelled).groupby(parts).agg(["all", "size"])
    bare = unlabelled[unlabelled["all"]]
    if bare.empty or len(bare) == len(unlabelled):
        return []
    names = [_name(int(code), what, rows) for code in bare.index[:SHOWN]]
    first = int(np.flatnonzero(parts == bare.index[0])[0])
    place = f"{rows.files.values[columns['file'][first]]}:{columns['line'][first]}"
    shown = [
        f"{name} ({count} event{'s' if count > 1 else ''})" for name, count in zip(names, bare["size"], strict=False)
    ]
    more = f" and {len(bare) - SHOWN} more" if len(bare) > SHOWN else ""
    return [
        f"no event of {len(bare)} of {len(unlabelled)} {what} has an activity: {', '.join(shown)}{more}; first "
        f"{place}; are their labels missing?"
    ]


def _parts(columns: Columns, home: Home) -> tuple[np.ndarray, str]:
    """Return a pair: the code of each row's part, and the word for such parts."""
    if "session" in home.recording.columns:
        return columns["session"], "sessions"
    if home.recording.sessions == "day":
        time, zone = columns["time"], home.timezone
        return np.where(columns["utc"], times.on_clock(time, zone), time) // _DAY, "days"
    return columns["file"], "files"


def _name(code: int, what: str, rows: EncodedRows) -> str:
    if what == "days":
        return str(np.datetime64(code, "D"))
    names: Sequence[str] = (rows.sessions if what == "sessions" else rows.files).values
    return names[code]
