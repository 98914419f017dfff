"""Make windows and splits for tests, without pandas, which the vLLM environment does not have."""

from hearth.common.files import digest, write_json
from hearth.data.folds import names_of_split, split_names
from hearth.data.indexed_windows import write_windows

WINDOW_SETTINGS = {"window_size": 10, "keep_short": True, "dataset_digest": digest("events")}


def complete_window(window):
    """Return a window of windows.jsonl made from `window`, its id and events; all its gold labels are "A"."""
    dataset, session, index = window["window_id"].split("/")
    count = len(window["events"])
    return {
        "dataset": dataset,
        "session": session,
        "index": int(index),
        "gold": ["A"] * count,
        "residents": [[]] * count,
        **window,
    }


def write_indexed(folder, windows, splits):
    """Write windows.jsonl, index.json and splits.json into a folder; return their paths in this order."""
    paths = [folder / name for name in ("windows.jsonl", "index.json", "splits.json")]
    write_windows(paths[0], paths[1], windows, WINDOW_SETTINGS)
    write_json(paths[2], splits)
    return paths


def make_splits(fold_of, windows=(), **changes):
    """Return the content of splits.json by session; `fold_of` is a dict from each session to its fold or None."""
    folds = max(fold for fold in fold_of.values() if fold)
    sessions = {name: {"group": name, "fold": fold} for name, fold in fold_of.items()}
    chosen = {name: names_of_split(sessions, folds, name) for name in split_names(folds)}

    def count(size):
        return {
            name: sum(size(window) for window in windows if window["session"] in own) for name, own in chosen.items()
        }

    document = {
        "by": "session",
        "folds": folds,
        "seed": 1,
        **({"test_fraction": 0.3} if folds == 1 else {}),
        **WINDOW_SETTINGS,
        "sessions": sessions,
        "groups": len(fold_of),
        "windows": count(lambda window: 1),
        "events": count(lambda window: len(window["events"])),
    } | changes
    return document | {"digest": digest(document)}
