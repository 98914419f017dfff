"""Compute the score document (`score_document.Score`) of one recogniser on one dataset."""

from collections.abc import Mapping
from typing import Any, TypedDict, cast, get_args

import numpy as np

from hearth.common.schemas import nearest
from hearth.data.folds import SplitDocument, whole_tested_split
from hearth.evaluation import provenance, statistics
from hearth.evaluation.answered_windows import AnsweredWindows
from hearth.evaluation.budgets import measure_budgets
from hearth.evaluation.calibration import measure_calibration
from hearth.evaluation.counts import count_groups, counts_of_groups
from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.metrics import score_windows
from hearth.evaluation.parts import PartScorer, score_breakdown
from hearth.evaluation.score_document import (
    KINDS,
    Kind,
    LabelResults,
    Labels,
    LostAnswers,
    MetricSettings,
    Parsing,
    ParsingMetrics,
    Score,
)
from hearth.evaluation.segments import score_segments
from hearth.evaluation.subsets import score_subsets
from hearth.homes.home import Home
from hearth.prompting.prompts import Prompt


class ScoreMetadata(TypedDict):
    """Metadata of a score that only the config contains.

    `base` is the language model, for a base model the recogniser itself, and `stand_in` says what that model stands in
    for, "" for a real one. `variant` says how the recogniser differs from the main one of its kind, "" for the main
    one. `dtype` is "" for a served model. `engine_options` are the engine's options that decide results.
    `train_datasets` are the datasets that the recogniser learned from. `simulated` names the simulated datasets that
    the recogniser was tested or trained on. `labels` says in which labels the recogniser answers, and `common_labels`
    maps the home's labels to those that homes share, if the home does. For a baseline, `base`, `dtype`, `engine` and
    `stand_in` are "", and `decoding` and `engine_options` are empty.
    """

    kind: Kind
    base: str
    variant: str
    home: str
    decoding: dict[str, Any]
    dtype: str
    engine: str
    engine_options: dict[str, Any]
    stand_in: str
    train_datasets: list[str]
    simulated: list[str]
    labels: Labels
    common_labels: dict[str, str]


class StudentScoreMetadata(ScoreMetadata):
    """Metadata of a student's score that only the config contains."""

    teacher: str
    recipe: str
    train_dataset: str
    learning_rate: float
    rank: int
    balance: str
    replay: float
    teacher_stand_in: str


_JSON_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "decoding": (dict, "an object"),
    "engine_options": (dict, "an object"),
    "simulated": (list, "a list"),
    "train_datasets": (list, "a list"),
    "learning_rate": ((int, float), "a number"),
    "rank": (int, "a whole number"),
    "replay": ((int, float), "a number"),
    "common_labels": (dict, "an object"),
}


def check_metadata(metadata: Mapping[str, Any]) -> ScoreMetadata:
    """Return `metadata` unchanged. Raises ValueError naming the first key that is missing, unknown or wrong."""
    kind = metadata.get("kind")
    if kind not in KINDS:
        raise ValueError(f"metadata: kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    keys = (StudentScoreMetadata if kind == "student" else ScoreMetadata).__annotations__
    for key in metadata:
        if key not in keys:
            raise ValueError(f"metadata: unknown key {key!r} for kind {kind!r}{nearest(key, keys)}")
    for key in keys:
        if key not in metadata:
            raise ValueError(f"metadata: no key {key!r}, which kind {kind!r} needs")
        json_type, name = _JSON_TYPES.get(key, (str, "a text"))
        if not isinstance(metadata[key], json_type):
            raise ValueError(f"metadata: {key} must be {name}, not {metadata[key]!r}")
    if metadata["labels"] not in get_args(Labels):
        raise ValueError(f"metadata: labels is {metadata['labels']!r}; it must be {' or '.join(get_args(Labels))}")
    if metadata["labels"] == "common" and not metadata["common_labels"]:
        raise ValueError(
            "metadata: labels is 'common', but common_labels is empty; add common_labels to the home's yaml"
        )
    return cast(ScoreMetadata, metadata)


def build_score(
    *,
    recogniser: str,
    dataset: str,
    home: Home,
    answered: AnsweredWindows,
    splits: SplitDocument,
    prompt: Prompt | None,
    model: Mapping[str, Any] | None,
    student: Mapping[str, Any] | None,
    metadata: Mapping[str, Any],
    metrics: MetricSettings,
) -> Score:
    """Build the score document of one recogniser on one dataset.

    `splits`, `prompt`, `model` and `student` are the contents of splits.json, the prompt file, snapshot.json and
    training_log.json; only a student has a training log, and a baseline has neither prompt nor model. Raises ValueError
    if the inputs do not belong together.
    """
    checked = check_metadata(metadata)
    _check_inputs(recogniser, checked["kind"], prompt, model, student)
    _check_sessions(answered, splits)
    lost_answers = metrics["lost_answers"]
    windows = answered.windows
    results = _score_labels(recogniser, dataset, windows, answered.is_complex, lost_answers)
    parts = PartScorer(recogniser, dataset, windows, lost_answers)
    grounds = provenance.score_provenance(home, splits, prompt, model, student, checked)
    score: Score = {
        "recogniser": recogniser,
        "dataset": dataset,
        "kind": checked["kind"],
        "base": checked["base"] if student else "",
        "variant": checked["variant"],
        "teacher": metadata.get("teacher", ""),
        "recipe": metadata.get("recipe", ""),
        "train_dataset": metadata.get("train_dataset", ""),
        "train_datasets": list(metadata["train_datasets"]),
        "learning_rate": metadata.get("learning_rate"),
        "rank": metadata.get("rank"),
        "balance": metadata.get("balance"),
        "replay": metadata.get("replay", 0),
        "parameters": grounds["model"]["parameters"] if grounds["model"] else None,
        "n_windows": len(windows.sizes),
        "n_events": len(windows.gold),
        "n_sessions": answered.recorded.n_sessions,
        "n_groups": len(windows.groups),
        "lost_answers": lost_answers,
        "labels": checked["labels"],
        **results,
        # The sets of labels to leave out are of native labels.
        "without": {name: parts.score_without(labels) for name, labels in metrics["without"].items()}
        if checked["labels"] == "native"
        else {},
        "breakdown": score_breakdown(parts, answered.recorded),
        "segments": score_segments(dataset, windows, answered.recorded, "strict"),
        "tokens": answered.tokens,
        "n_truncated": int(answered.is_truncated.sum()),
        "budgets": [],
        "provenance": grounds,
    }
    if answered.common:
        score["common"] = _score_labels(recogniser, dataset, answered.common, answered.is_complex, lost_answers)
    if answered.oddities:
        score["oddities"] = answered.oddities
    if len(answered.answered_by) > 1:
        score["answered_by"] = answered.answered_by
    if answered.unanswered_reason:
        score["unanswered_reason"] = answered.unanswered_reason
    lengths, truncated = answered.completion_tokens, answered.is_truncated
    if checked["kind"] != "baseline" and lengths is not None:
        score["budgets"] = measure_budgets(
            recogniser, dataset, windows, lengths, truncated, metrics["token_budgets"], lost_answers
        )
    if confidence := measure_calibration(windows, answered.confidences):
        score["confidence"] = confidence
    return score


def _score_labels(
    recogniser: str, dataset: str, windows: EncodedWindows, is_complex: np.ndarray, lost_answers: LostAnswers
) -> LabelResults:
    """Return the results in the labels in which `windows` has gold labels and answers."""
    counts = count_groups(windows)

    def measure(parsing: Parsing) -> ParsingMetrics:
        of_parsing = counts_of_groups(recogniser, dataset, counts, windows.labels, parsing, lost_answers)
        return {**score_windows(windows, parsing, lost_answers), "intervals": statistics.metric_intervals(of_parsing)}

    return {
        "groups": counts,
        "strict": measure("strict"),
        "lenient": measure("lenient"),
        "complexity": score_subsets(windows, is_complex, lost_answers),
    }


def _check_inputs(
    recogniser: str,
    kind: Kind,
    prompt: Prompt | None,
    model: Mapping[str, Any] | None,
    student: Mapping[str, Any] | None,
) -> None:
    if (kind == "student") != (student is not None):
        raise ValueError(f"{recogniser}: kind {kind!r} {'needs a' if kind == 'student' else 'has no'} training log")
    for name, document in (("prompt", prompt), ("model", model)):
        if (kind == "baseline") != (document is None):
            raise ValueError(f"{recogniser}: kind {kind!r} {'needs a' if document is None else 'has no'} {name}")


def _check_sessions(answered: AnsweredWindows, splits: SplitDocument) -> None:
    split = whole_tested_split(splits["folds"])
    count, expected = len(answered.windows.sizes), splits["windows"].get(split)
    if expected != count:
        raise ValueError(f"splits.json says {expected} windows in split {split}, but there are {count}")
