"""Majority votes: one answer from several samples of the same recogniser (self-consistency, arXiv 2203.11171)."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hearth.common.sums import sum_if_known
from hearth.prompting.parsing import Status
from hearth.prompting.predictions import FinishReason, ParsedPrediction, align_samples

# From the best end of a sample to the worst; a vote has the best of its samples.
_REASONS: tuple[FinishReason, ...] = ("stop", "length", "unanswered")


def vote(samples: Sequence[Iterable[ParsedPrediction]], paths: Sequence[Path]) -> Iterator[ParsedPrediction]:
    """Yield one prediction for each window: the majority of its samples, each label by itself.

    `samples` has the predictions of each seed, those of the first seed first; `paths` names them in errors. Strict and
    lenient labels are voted on separately. Raises ValueError if the samples are not of the same windows and events.
    """
    return map(_majority, align_samples(samples, paths))


def _majority(samples: Sequence[ParsedPrediction]) -> ParsedPrediction:
    """Return the majority of the samples of one window.

    Its tokens are those of all samples. The share of samples that voted for a label is its confidence.
    """
    first = samples[0]
    votes = [_count(labels) for labels in zip(*(sample["labels"] for sample in samples), strict=True)]
    lenient_votes = [_count(labels) for labels in zip(*(sample["lenient_labels"] for sample in samples), strict=True)]
    labels, lenient_labels = ([label for label, _ in each] for each in (votes, lenient_votes))
    answer = [{"id": number, "activity": label} for number, label in enumerate(labels, start=1) if label is not None]
    prediction: ParsedPrediction = {
        "window_id": first["window_id"],
        "text": json.dumps(answer, ensure_ascii=False),
        "finish_reason": min((sample["finish_reason"] for sample in samples), key=_REASONS.index),
        "prompt_tokens": sum_if_known(sample["prompt_tokens"] for sample in samples),
        "completion_tokens": sum_if_known(sample["completion_tokens"] for sample in samples),
        "seed": first["seed"],
        "reasoning": "",
        "labels": labels,
        "status": _status(labels, [sample["status"] for sample in samples]),
        "lenient_labels": lenient_labels,
        "lenient_status": _status(lenient_labels, [sample["lenient_status"] for sample in samples]),
        "confidences": [count / len(samples) if count else None for _, count in votes],
    }
    if oddities := {name for sample in samples for name in sample.get("oddities", ())}:
        prediction["oddities"] = sorted(oddities)
    if prediction["status"] == "unanswered":
        prediction["unanswered_reason"] = first.get("unanswered_reason", "")
    return prediction


def _count(labels: Sequence[str | None]) -> tuple[str | None, int]:
    """Return the most frequent label and its number of votes, (None, 0) without a vote.

    A sample without a label does not vote. Of labels with equally many votes, that of the earliest sample counts.
    """
    votes = Counter(label for label in labels if label is not None)
    return max(votes.items(), key=lambda item: item[1], default=(None, 0))


def _status(labels: Sequence[str | None], statuses: Sequence[Status]) -> Status:
    """Return "ok" if every event has a label, "missing_events" if some have, else the first status that is an answer's.

    That is the status of the earliest sample that the model was asked for; "unanswered" if it was asked for none.
    """
    if None not in labels:
        return "ok"
    if any(label is not None for label in labels):
        return "missing_events"
    return next((status for status in statuses if status != "unanswered"), "unanswered")
