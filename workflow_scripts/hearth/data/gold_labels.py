"""Treat every accepted label of an event as correct, not only its gold label; map labels to those that homes share."""

from collections.abc import Mapping, Sequence

from hearth.data.windows import Window


def map_to_gold(window: Window, labels: Sequence[str | None]) -> list[str | None]:
    """Return `labels` with each label that is accepted for its event replaced by the event's gold label.

    `labels` has one label, or None, for each event of the window. After the replacement, a label is correct exactly
    if it equals the gold label, so metrics need only compare labels with `gold`.
    """
    if "gold_any" not in window:
        return list(labels)
    return [
        gold if label in accepted else label
        for label, gold, accepted in zip(labels, window["gold"], window["gold_any"], strict=True)
    ]


def with_common_labels(window: Window, common_labels: Mapping[str, str]) -> Window:
    """Return a window whose recorded labels are replaced by those that homes share.

    `common_labels` maps every label of the home. Of an event with several labels, each is mapped. Raises KeyError for a
    label that is not mapped.
    """
    mapped: Window = {**window, "gold": [common_labels[label] for label in window["gold"]]}
    if "gold_any" in window:
        accepted = ([common_labels[label] for label in labels] for labels in window["gold_any"])
        mapped["gold_any"] = [list(dict.fromkeys(labels)) for labels in accepted]
    return mapped


def to_common_labels(labels: Sequence[str | None], common_labels: Mapping[str, str]) -> list[str | None]:
    """Return labels of a home, or None, as those that homes share. Raises KeyError for a label that is not mapped."""
    return [None if label is None else common_labels[label] for label in labels]
