"""Choose among several samples of a window by their agreement with the vote, and weigh the labels that they wrote.

The vote itself is that of `hearth.recognition.voting`. No function reads gold labels.
"""

from collections.abc import Sequence
from statistics import fmean

from hearth.common.files import digest
from hearth.prompting.parsing import label_spans
from hearth.prompting.predictions import ParsedPrediction
from hearth.prompting.reasoning_marks import closing_ends

LARGEST_NUMBER = 4
# One window in five teaches its longest sample: small models learn best from a mix of few long and many short traces.
LONG_ONE_IN = 5

Labels = Sequence[str | None]
Weight = tuple[int, int, float]  # begin and end of characters, and the weight of their tokens in the loss


def usable_samples(samples: Sequence[ParsedPrediction]) -> list[ParsedPrediction]:
    """Return the samples with a readable label that the teacher finished; if there are none, those that were cut."""
    readable = [sample for sample in samples if any(label is not None for label in sample["labels"])]
    return [sample for sample in readable if sample["finish_reason"] == "stop"] or readable


def agreement(sample: ParsedPrediction, vote: Labels) -> int:
    """Return the number of events for which a sample has the label of the vote."""
    return sum(label is not None and label == of_vote for label, of_vote in zip(sample["labels"], vote, strict=True))


def nearest_samples(samples: Sequence[ParsedPrediction], vote: Labels) -> list[ParsedPrediction]:
    """Return up to `LARGEST_NUMBER` usable samples that agree with the vote for most events, the nearest first.

    Of equally near samples, earlier ones are taken.
    """
    return sorted(usable_samples(samples), key=lambda sample: -agreement(sample, vote))[:LARGEST_NUMBER]


def brief_sample(samples: Sequence[ParsedPrediction], vote: Labels) -> ParsedPrediction | None:
    """Return the shortest usable sample that agrees with the vote for most events; None without a usable sample.

    For one window in `LONG_ONE_IN`, drawn by a hash of its id, return the longest of these samples. Length is the
    number of completion tokens, or of characters where a server does not count tokens.
    """
    usable = usable_samples(samples)
    if not usable:
        return None
    most = max(agreement(sample, vote) for sample in usable)
    nearest = [sample for sample in usable if agreement(sample, vote) == most]
    counted = [count for sample in nearest if (count := sample["completion_tokens"]) is not None]
    lengths = counted if len(counted) == len(nearest) else [len(sample["text"]) for sample in nearest]
    chosen = max(lengths) if teaches_long(nearest[0]["window_id"]) else min(lengths)
    return nearest[lengths.index(chosen)]


def teaches_long(window_id: str) -> bool:
    """Return whether a window is one of those that teach a long sample."""
    return int(digest(["long", window_id]), 16) % LONG_ONE_IN == 0


def label_weights(sample: ParsedPrediction, samples: Sequence[ParsedPrediction]) -> list[Weight]:
    """Return the weights of a sample's labels: for each, the share of `samples` that have this label for the event.

    A label that the home lacks has the weight 0. If the place of a readable label is not found in the text, the whole
    answer has the mean share of the sample's readable labels.
    """
    text, labels = sample["text"], sample["labels"]
    spans = label_spans(text, len(labels))
    shares = [
        0.0 if label is None else sum(other["labels"][event] == label for other in samples) / len(samples)
        for event, label in enumerate(labels)
    ]
    if any(label is not None and span is None for label, span in zip(labels, spans, strict=True)):
        mean = fmean(share for label, share in zip(labels, shares, strict=True) if label is not None)
        return [(max(closing_ends(text), default=0), len(text), mean)]
    return sorted((*span, share) for span, share in zip(spans, shares, strict=True) if span)
