"""Scores of the simple and the complex windows of a test split apart, and the columns that they are in a table."""

from collections.abc import Sequence
from statistics import fmean

from hearth.complexity import RULE, Scale
from hearth.evaluation.metrics import score_windows

SUBSETS = {"simple": False, "complex": True}
METRICS = ("accuracy", "weighted_f1")
COLUMNS = tuple(f"{subset}_{name}" for subset in SUBSETS for name in ("windows", *METRICS))
NOTE = ("Simple and complex windows", [f"complexity is the {RULE}"])


def by_complexity(
    scale: Scale,
    windows: Sequence[dict],
    predicted: Sequence[Sequence[str | None]],
    statuses: Sequence[str],
    labels: Sequence[str],
) -> dict:
    """The `complexity` of a score: {"rule", "simple": metrics, "complex": metrics}; None where no window is such.

    `predicted` and `statuses` are of the `windows`, in their order; `metrics.score_windows` says what metrics are.
    """
    found: dict[str, object] = {"rule": RULE}
    rows = list(zip(windows, predicted, statuses, strict=True))
    for subset, is_complex in SUBSETS.items():
        chosen = [row for row in rows if scale.is_complex(row[0]) == is_complex]
        gold = [window["gold"] for window, _, _ in chosen]
        read, ended = [labels_read for _, labels_read, _ in chosen], [status for _, _, status in chosen]
        found[subset] = score_windows(gold, read, ended, labels) if chosen else None
    return found


def columns(scores: Sequence[dict]) -> dict[str, float | int | None]:
    """Columns of a table's row: how many windows are simple or complex, and the mean of what scores say of them."""
    found = {}
    for subset in SUBSETS:
        parts = [part for score in scores if (part := score["complexity"][subset])]
        found[f"{subset}_windows"] = sum(parts[0]["status"].values()) if parts else 0
        found |= {f"{subset}_{name}": fmean(part[name] for part in parts) if parts else None for name in METRICS}
    return found
