"""Split the sessions of a dataset by groups: make the content of splits.json."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow.parquet as pq

from hearth.common import files
from hearth.common.schemas import nearest
from hearth.data.events import GROUP_PREFIX, group_columns
from hearth.data.folds import BY_SESSION, SessionSplit, SplitDocument, assign_folds, names_of_split, split_names
from hearth.data.indexed_windows import WindowIndex, WindowSettings, count_several
from hearth.data.windows import Window


class SessionCounts(NamedTuple):
    """Numbers of a session's windows, their events, and their events with several accepted labels.

    `several` is None if the dataset has one label for each event.
    """

    windows: int
    events: int
    several: int | None


def groups_of_sessions(events: pd.DataFrame, by: str) -> dict[str, str]:
    """Return a dict from each session of an event table, in its order, to its group by the key `by`.

    Raises ValueError for a key that the table lacks, and for one that varies within a session.
    """
    names = [str(name) for name in events["session"].unique()]
    if by == BY_SESSION:
        return dict(zip(names, names, strict=True))
    known = [name.removeprefix(GROUP_PREFIX) for name in group_columns(events.columns)]
    if by not in known:
        raise ValueError(
            f"the events have no group key {by!r}{nearest(by, known)}; "
            f"split.by, or datasets.<name>.split.by for this dataset alone, may be {', '.join([BY_SESSION, *known])}"
            + ("" if known else "; this source gives no other keys (MuRAL's files have no dates, for example)")
        )
    pairs = events[["session", GROUP_PREFIX + by]].astype(str).drop_duplicates()
    groups: dict[str, str] = {}
    for session, group in pairs.itertuples(index=False):
        if groups.setdefault(session, group) != group:
            raise ValueError(f"group key {by!r} varies in session {session!r}: {groups[session]!r} and {group!r}")
    return groups


def read_groups(path: Path, by: str) -> dict[str, str]:
    """Return the groups of an events file as `groups_of_sessions` does, without reading its other columns."""
    columns = ["session", *group_columns(pq.read_schema(path).names)]
    return groups_of_sessions(pq.read_table(path, columns=columns).to_pandas(), by)


def counts_of_index(index: WindowIndex) -> dict[str, SessionCounts]:
    """Return a dict from each session of an index of windows to its counts."""
    return {
        name: SessionCounts(len(own["offsets"]), own["events"], own.get("several"))
        for name, own in index["sessions"].items()
    }


def count_windows(windows: Iterable[Window]) -> dict[str, SessionCounts]:
    """Return a dict from each session of `windows` to its counts."""
    counts: dict[str, SessionCounts] = {}
    for window in windows:
        before = counts.get(window["session"], SessionCounts(0, 0, None))
        several = count_several(window)
        counts[window["session"]] = SessionCounts(
            before.windows + 1,
            before.events + len(window["gold"]),
            None if several is None else several + (before.several or 0),
        )
    return counts


def make_splits(
    groups: Mapping[str, str],
    counts: Mapping[str, SessionCounts],
    settings: WindowSettings,
    *,
    by: str,
    folds: int,
    seed: int,
    test_fraction: float,
) -> SplitDocument:
    """Return the content of splits.json.

    `groups` is a dict from every session to its group by the key `by`, `counts` one from every session with windows to
    their counts. Neither kind nor size of windows changes the fold of a session. See `assign_folds` for the other
    settings. Raises ValueError as `assign_folds` does, and when a split has no windows.
    """
    try:
        fold_of = assign_folds(list(dict.fromkeys(groups.values())), folds, seed, test_fraction)
    except ValueError as error:
        raise ValueError(f"{error} (split.by: {by}, {len(groups)} sessions)") from None
    sessions: dict[str, SessionSplit] = {
        session: {"group": group, "fold": fold_of[group]} for session, group in groups.items()
    }
    totals = {
        split: [counts[name] for name in names_of_split(sessions, folds, split) if name in counts]
        for split in split_names(folds)
    }
    for split, own in totals.items():
        if not own:
            raise ValueError(
                f"the {split} split has no windows: its sessions have fewer than {settings['window_size']} events each"
            )
    document: SplitDocument = {
        "by": by,
        "folds": folds,
        "seed": seed,
        **({"test_fraction": test_fraction} if folds == 1 else {}),  # type: ignore[typeddict-item]
        **settings,
        "sessions": sessions,
        "groups": len(fold_of),
        "windows": {split: sum(one.windows for one in own) for split, own in totals.items()},
        "events": {split: sum(one.events for one in own) for split, own in totals.items()},
        "digest": "",
    }
    if any(one.several is not None for one in counts.values()):
        document["several"] = {split: sum(one.several or 0 for one in own) for split, own in totals.items()}
    document["digest"] = files.digest({key: value for key, value in document.items() if key != "digest"})
    return document
