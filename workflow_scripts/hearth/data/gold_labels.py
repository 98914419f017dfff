"""What is right for an event: the gold label of its window, or any of several."""

from collections.abc import Mapping, Sequence


def as_gold(window: Mapping, labels: Sequence[str | None]) -> list[str | None]:
    """Labels of a window's events as they are compared with `gold`: one of several right ones stands for the gold one.

    So the gold labels are the same for every recogniser, and each right label counts as right.
    """
    if "gold_any" not in window:
        return list(labels)
    return [
        gold if label in right else label
        for label, gold, right in zip(labels, window["gold"], window["gold_any"], strict=True)
    ]
