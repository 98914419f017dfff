"""Find what is odd about the answers of a whole shard, such as a server's that misunderstands every request."""

from collections import Counter
from collections.abc import Collection, Sequence

from hearth.prompting.oddities import main_reason, oddity_text, several_sources_text, unreadable_text
from hearth.prompting.parsing import parse
from hearth.prompting.predictions import Prediction

# The share of answers from which on a limit that cuts them off is taken to be too small.
_MOST = 0.5


def shard_warnings(predictions: Sequence[Prediction], sizes: Sequence[int], labels: Collection[str]) -> list[str]:
    """Return what is odd about the answers to the windows of a shard; an empty list if nothing is.

    `sizes` counts the events of each window, `labels` are those of the prompt.
    """
    answered = [(one, size) for one, size in zip(predictions, sizes, strict=True) if not _is_unanswered(one)]
    total, warnings = len(answered), []
    if reasons := [one.get("unanswered_reason", "") for one in predictions if _is_unanswered(one)]:
        count = f"{len(reasons)} of {len(predictions)} windows are unanswered"
        warnings.append(f"{count}; the most frequent reason: {main_reason(reasons)}")
    if not answered:
        return warnings
    cut = sum(one["finish_reason"] == "length" for one, _ in answered)
    statuses: Counter[str] = Counter(
        parse(one["text"], size, labels, one["finish_reason"]).status for one, size in answered
    )
    if unreadable := unreadable_text(statuses):
        warnings.append(unreadable)
    if cut > _MOST * total:
        warnings.append(f"{cut} of {total} answers were cut off at max_new_tokens")
    if sources := several_sources_text(Counter(one["answered_by"] for one, _ in answered if "answered_by" in one)):
        warnings.append(sources)
    oddities = Counter(name for one, _ in answered for name in one.get("oddities", ()))
    return warnings + [f"{count} of {total} answers {oddity_text(name)}" for name, count in sorted(oddities.items())]


def _is_unanswered(prediction: Prediction) -> bool:
    return prediction["finish_reason"] == "unanswered"
