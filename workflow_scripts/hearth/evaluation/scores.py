"""Compute the score document (`score_document.Score`) from test windows and their parsed predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

from hearth.common.schemas import nearest
from hearth.data.complexity import ComplexityScale
from hearth.data.folds import SplitDocument
from hearth.data.gold_labels import map_to_gold
from hearth.data.windows import Split, Window, read_windows
from hearth.evaluation import provenance, statistics
from hearth.evaluation.calibration import measure_calibration
from hearth.evaluation.counts import ParsedWindows, count_sessions, counts_of_sessions
from hearth.evaluation.metrics import score_windows
from hearth.evaluation.score_document import KINDS, Kind, Parsing, ParsingMetrics, Score
from hearth.evaluation.subsets import score_subsets
from hearth.homes.home import Home
from hearth.prompting.predictions import ParsedPrediction, align, read_parsed_predictions
from hearth.prompting.prompts import Prompt

SPLIT: Split = "test"


class ScoreMetadata(TypedDict):
    """Metadata of a score that only the config contains.

    `base` is the language model, for a base model the recogniser itself, and `stand_in` says what that model stands
    in for, "" for a real one. `variant` says how the recogniser differs from the main one of its kind, "" for the
    main one. `dtype` is "" for a served model. `engine_options` are the engine's options that decide results.
    `simulated` names the simulated datasets that the recogniser was tested or trained on. For a baseline, `base`,
    `dtype`, `engine` and `stand_in` are "", and `decoding` and `engine_options` are empty.
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
    simulated: list[str]


class StudentScoreMetadata(ScoreMetadata):
    """Metadata of a student's score that only the config contains."""

    teacher: str
    recipe: str
    train_dataset: str
    teacher_stand_in: str


_JSON_TYPES = {"decoding": (dict, "an object"), "engine_options": (dict, "an object"), "simulated": (list, "a list")}


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
    return cast(ScoreMetadata, metadata)


def build_score(
    *,
    recogniser: str,
    dataset: str,
    home: Home,
    windows: Sequence[Window],
    parsed: Sequence[ParsedPrediction],
    scale: ComplexityScale,
    splits: SplitDocument,
    prompt: Prompt | None,
    model: Mapping[str, Any] | None,
    student: Mapping[str, Any] | None,
    metadata: Mapping[str, Any],
) -> Score:
    """Build the score document of one recogniser on one dataset.

    `windows` are the windows of the test split and `parsed` their predictions, in the same order. `scale` separates
    simple from complex windows. `splits`, `prompt`, `model` and `student` are the contents of splits.json, the prompt
    file, snapshot.json and training_log.json; only a student has a training log, and a baseline has neither prompt nor
    model. Raises ValueError for a gold label that is not a label of the home, and if the inputs do not belong together.
    """
    checked = check_metadata(metadata)
    _check_inputs(recogniser, checked["kind"], prompt, model, student)
    _check_windows(windows, home, splits)
    gold = [window["gold"] for window in windows]
    sessions = [window["session"] for window in windows]
    parsings: dict[Parsing, ParsedWindows] = {
        "strict": ([row["labels"] for row in parsed], [row["status"] for row in parsed]),
        "lenient": ([row["lenient_labels"] for row in parsed], [row["lenient_status"] for row in parsed]),
    }
    counts = count_sessions(sessions, gold, parsings)

    def measure(parsing: Parsing) -> ParsingMetrics:
        metrics = score_windows(gold, *parsings[parsing], home.labels)
        of_parsing = counts_of_sessions(recogniser, dataset, counts, home.labels, parsing)
        return {**metrics, "intervals": statistics.metric_intervals(of_parsing)}

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
        "parameters": grounds["model"]["parameters"] if grounds["model"] else None,
        "n_windows": len(windows),
        "n_events": sum(map(len, gold)),
        "n_sessions": len(set(sessions)),
        "sessions": counts,
        "strict": measure("strict"),
        "lenient": measure("lenient"),
        "complexity": score_subsets(scale, windows, *parsings["strict"], home.labels),
        "tokens": {
            "prompt": sum(row["prompt_tokens"] for row in parsed),
            "completion": sum(row["completion_tokens"] for row in parsed),
        },
        "provenance": grounds,
    }
    confidences = [row.get("confidences", [None] * len(row["labels"])) for row in parsed]
    if confidence := measure_calibration(gold, parsings["strict"][0], confidences):
        score["confidence"] = confidence
    return score


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


def _check_windows(windows: Sequence[Window], home: Home, splits: SplitDocument) -> None:
    for window in windows:
        for number, label in enumerate(window["gold"], start=1):
            if label not in home.labels:
                raise ValueError(
                    f"window {window['window_id']}: event {number}: gold label {label!r} is not a label of home"
                    f" {home.name}{nearest(label, home.labels)}"
                )
    expected = splits["windows"].get(SPLIT)
    if expected != len(windows):
        raise ValueError(f"splits.json says {expected} {SPLIT} windows, but there are {len(windows)}")
    for window in windows:
        if window["session"] not in splits["sessions"][SPLIT]:
            raise ValueError(
                f"window {window['window_id']}: splits.json does not list its session for testing; cut the windows"
                " again"
            )


def read_test_predictions(windows_path: Path, parsed_path: Path) -> tuple[list[Window], list[ParsedPrediction]]:
    """Read the test windows and their parsed predictions, both in window order.

    A predicted label that is one of several correct labels of its event is replaced by the gold label (`map_to_gold`).
    Raises ValueError if windows and predictions do not match.
    """
    windows = read_windows(windows_path, SPLIT)
    pairs = list(align(windows, read_parsed_predictions(parsed_path), parsed_path))
    for window, row in pairs:
        for key, labels in (("labels", row["labels"]), ("lenient_labels", row["lenient_labels"])):
            if len(labels) != len(window["gold"]):
                raise ValueError(
                    f"{parsed_path}: window {window['window_id']} has {len(window['gold'])} events and "
                    f"{len(labels)} {key}; run the rule `parse_predictions` again"
                )
        row["labels"] = map_to_gold(window, row["labels"])
        row["lenient_labels"] = map_to_gold(window, row["lenient_labels"])
    return windows, [row for _, row in pairs]
