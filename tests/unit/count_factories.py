"""Factories of encoded windows and of the counts of sessions."""

from collections.abc import Sequence
from itertools import compress
from typing import Any

from hearth.evaluation.encoded_windows import EncodedWindows, WindowEncoder
from hearth.evaluation.score_document import PARSINGS, GroupCounts


def encode_windows(
    labels: Sequence[str],
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str | None]],
    statuses: Sequence[str],
    sessions: Sequence[str] | None = None,
) -> EncodedWindows:
    """Return windows with these labels and statuses under both parsings, by default all of one session."""
    encoder = WindowEncoder(labels, PARSINGS)
    names = sessions or ["1"] * len(gold)
    for session, expected, answer, status in zip(names, gold, predicted, statuses, strict=True):
        encoder.add(session, expected, dict.fromkeys(PARSINGS, (answer, status)))
    return encoder.encoded()


def keep_groups(counts: GroupCounts, names: Sequence[str]) -> GroupCounts:
    """Return the counts of these sessions only."""
    kept = [name in names for name in counts["names"]]

    def keep(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: keep(part) for key, part in value.items()}
        return " ".join(compress(value.split(), kept)) if isinstance(value, str) else list(compress(value, kept))

    return keep(counts)
