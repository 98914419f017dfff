"""What evaluation reads: rows of JSON, windows with their predictions."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from hearth.common.files import read_json_lines
from hearth.data.windows import Window


def read_rows(path: Path, keys: Iterable[str]) -> list[dict]:
    """The rows of a JSON-lines file, each with all of `keys`; a ValueError names file, row and the key it lacks."""
    rows = read_json_lines(path)
    for number, row in enumerate(rows, start=1):
        for key in keys:
            if key not in row:
                raise ValueError(f"{path}: row {number} has no {key!r}")
    return rows


PredictionRow = TypeVar("PredictionRow", bound=Mapping[str, Any])


def align(wanted: list[Window], predictions: list[PredictionRow], path: Path) -> list[tuple[Window, PredictionRow]]:
    """(window, prediction) for every wanted window, in window order; `path` names the predictions in errors.

    Raises ValueError for a window without a prediction, a prediction of no window, and a window predicted twice.
    """
    counts = Counter(prediction["window_id"] for prediction in predictions)
    ids = [window["window_id"] for window in wanted]
    for fault, culprits in (
        ("window(s) without a prediction", [name for name in ids if not counts[name]]),
        ("prediction(s) of no such window", sorted(counts.keys() - set(ids))),
        ("window(s) predicted more than once", [name for name, count in counts.items() if count > 1]),
    ):
        if culprits:
            raise ValueError(
                f"{path}: {len(culprits)} {fault}, first {culprits[0]!r}; predict again from the windows as they are"
            )
    found = {prediction["window_id"]: prediction for prediction in predictions}
    return [(window, found[window["window_id"]]) for window in wanted]
