"""Input of evaluation: windows paired with their predictions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from hearth.data.windows import Window

Row = TypeVar("Row", bound=Mapping[str, object])  # a raw or a parsed prediction


def align(windows: Sequence[Window], predictions: Sequence[Row], path: Path) -> list[tuple[Window, Row]]:
    """Return (window, prediction) for every window, in window order; `path` names the predictions in errors.

    Raises ValueError for a window without a prediction, a prediction without a window, and a window predicted twice.
    """
    counts = Counter(str(prediction["window_id"]) for prediction in predictions)
    ids = [window["window_id"] for window in windows]
    for fault, faulty in (
        ("window(s) without a prediction", [name for name in ids if not counts[name]]),
        ("prediction(s) without a window", sorted(counts.keys() - set(ids))),
        ("window(s) predicted more than once", [name for name, count in counts.items() if count > 1]),
    ):
        if faulty:
            raise ValueError(f"{path}: {len(faulty)} {fault}, first {faulty[0]!r}; predict these windows again")
    by_window = {prediction["window_id"]: prediction for prediction in predictions}
    return [(window, by_window[window["window_id"]]) for window in windows]
