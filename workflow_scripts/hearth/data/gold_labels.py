"""Which labels are correct for an event: its gold label, or any accepted label where there are several."""

from collections.abc import Sequence

from hearth.data.windows import LabelledWindow


def map_to_gold(window: LabelledWindow, labels: Sequence[str | None]) -> list[str | None]:
    """Replace each label that is accepted for its event by the event's gold label.

    Labels are then compared with `gold` alone, which is the same for every recogniser. `labels` has one label, or
    None, for each event of the window.
    """
    if "gold_any" not in window:
        return list(labels)
    return [
        gold if label in accepted else label
        for label, gold, accepted in zip(labels, window["gold"], window["gold_any"], strict=True)
    ]
