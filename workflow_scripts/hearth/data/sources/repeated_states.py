"""Find the rows that repeat the last state of their sensor (`recording.repeated_states: skip`)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hearth.data.sources import times

REPEATED = "repeats the last state of its sensor in its file (repeated_states)"


def find_repeated_states(columns: Mapping[str, np.ndarray], words: pd.DataFrame, zone: str) -> np.ndarray:
    """Return the mask of the rows whose sensor has the same state in the row before, by time, of its file and session.

    `columns` has `file`, `session`, `time`, `utc`, `lasted` and `words`, each row's position in the table `words` of
    sensors and states in words. `zone` is the home's.
    """
    utc = columns["utc"]
    time = columns["time"] if utc.all() else np.where(utc, columns["time"], times.from_clock(columns["time"], zone))
    sensor, state = (pd.factorize(words[name])[0][columns["words"]] for name in ("sensor", "state"))
    own = (columns["file"], columns["session"], sensor)
    order = np.lexsort((columns["lasted"] <= 0, time, *own))
    is_same = np.logical_and.reduce([np.diff(values[order]) == 0 for values in (*own, state)])
    repeated: np.ndarray = np.zeros(len(order), dtype=bool)
    repeated[order[1:]] = is_same
    return repeated
