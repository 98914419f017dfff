"""Input of evaluation: windows paired with their predictions."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

from hearth.data.windows import Window

Row = TypeVar("Row", bound=Mapping[str, object])  # a raw or a parsed prediction


def align(windows: Iterable[Window], predictions: Iterable[Row], path: Path) -> Iterator[tuple[Window, Row]]:
    """Yield (window, prediction) for every window; `path` names the predictions in errors.

    Only one pair is in memory. Raises ValueError, naming the first window at fault, unless there is exactly one
    prediction for every window, in the order of the windows.
    """
    for number, (window, prediction) in enumerate(zip_longest(windows, predictions), start=1):
        if prediction is None:
            raise ValueError(f"{path}: window {window['window_id']!r} has no prediction; predict its windows again")
        if window is None or prediction["window_id"] != window["window_id"]:
            expected = "the end of the file" if window is None else f"that of {window['window_id']!r}"
            raise ValueError(
                f"{path}: row {number} is the prediction of window {prediction['window_id']!r}; expected {expected};"
                " predict its windows again"
            )
        yield window, prediction
