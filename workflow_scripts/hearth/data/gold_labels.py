"""Comparison of labels with gold labels where an event has several accepted labels."""

from collections.abc import Mapping, Sequence


def map_to_gold(window: Mapping, labels: Sequence[str | None]) -> list[str | None]:
    """Replace each label that is accepted for its event by the event's gold label.

    `labels` has one label per event of the window; `gold_any` of a window lists the accepted labels of each event.
    Comparing the result with `gold` then counts every accepted label as correct, and the gold labels are the same
    for every recogniser.
    """
    if "gold_any" not in window:
        return list(labels)
    return [
        gold if label in accepted else label
        for label, gold, accepted in zip(labels, window["gold"], window["gold_any"], strict=True)
    ]
