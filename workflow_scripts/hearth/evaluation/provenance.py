"""The `provenance` of a score: the prompt, data, model, training and settings that its numbers depend on.

`notes.py` turns it into the notes below a table; `run_provenance.py` collects it for a whole run.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NotRequired, TypedDict, cast

from hearth.data.folds import names_of_split, split_names
from hearth.distillation.documents import ExampleCounts, ExamplePart
from hearth.homes.home import Home
from hearth.homes.raw_format import Recording

# Choices that the paper leaves open: a dict from each choice to a statement of what this project assumes, in the
# order of the notes.
ASSUMPTIONS = {
    "split": "split: whole groups of sessions, see Split",
    "labels": "label set: all labels of the home's yaml, MARBLE's TRANSITION included",
    "sensors": "names of rooms, sensors and states, and the time zone: those of the home's yaml; wearable sensors are"
    " not used",
    "window": "last window of a session, if it is shorter than the others: see Split",
    "prompt": "wording, rules, example and JSON keys of the prompt: our own, see Prompt for the version",
    "reasoning": "whether reasoning is a <think> block or text in the answer: see Prompt",
    "decoding": "temperature, top-p, token limit and seed: see Decoding",
    "serving": "engine, precision and quantisation: see Decoding for engine and precision; weights are used as stored"
    " in the snapshot",
    "averaging": "F1 average that the paper reports: unknown; macro, weighted and micro F1 are given, weighted F1 is"
    " the headline",
    "unknown_label": "a label that is not in the home's label list: counted as wrong, like a missing label",
    "training": "LoRA rank, alpha, dropout and target modules, learning rate, epochs, batch size, precision and number"
    " of training windows: see Students",
}
_TRAINING_ASSUMPTIONS = ("training",)
_MODEL_ASSUMPTIONS = ("prompt", "reasoning", "decoding", "serving", "unknown_label")


class PromptProvenance(TypedDict):
    """The prompt of a score; `shots` and `shots_by` are absent if it shows no few-shot examples."""

    version: str
    template: str
    reasoning: str
    shots: NotRequired[int]
    shots_by: NotRequired[str]


class HomeProvenance(TypedDict):
    """The home of a score; `labels` is the number of its labels.

    `several` is absent if the raw files of the home cannot hold several labels for an event. `common_labels` maps
    labels to those that homes share; it is absent if the home does not map them.
    """

    name: str
    timezone: str
    labels: int
    several: NotRequired[str]
    common_labels: NotRequired[dict[str, str]]


class SplitProvenance(TypedDict):
    """The split of a score; `sessions` and `windows` are their numbers by split.

    `by` is the key of the groups that no split tears apart, `groups` their number. `test_fraction`, the share of them
    that is tested, is absent with several folds, in which all are tested. `window_by` and `window_seconds` are absent
    if windows are cut by their number of events.
    """

    by: str
    folds: int
    seed: int
    groups: int
    window_size: int
    keep_short: bool
    sessions: dict[str, int]
    windows: dict[str, int]
    digest: str
    test_fraction: NotRequired[float]
    window_by: NotRequired[str]
    window_seconds: NotRequired[float]


class ModelProvenance(TypedDict):
    """The language model of a score. `revision` is "" for a local folder; `parameters` is None if unknown."""

    model: str
    source: str
    revision: str
    digest: str
    license: str
    parameters: int | None


class StudentProvenance(TypedDict):
    """The training of a student, from its training log; `examples` counts the traces, used and left out.

    `parts` has those of each dataset, if there are several or if traces are replayed. `teacher_tokens` are the tokens
    that the teacher wrote for the windows that are used, None if unknown; it and `steps`, the number of optimiser
    steps, are absent in scores of earlier versions. Of a student that was trained in several rounds, `steps` are those
    of all rounds, and everything else is of the last.
    """

    recipe: str
    teacher: str
    dataset: str
    examples: ExampleCounts
    parts: NotRequired[list[ExamplePart]]
    settings: dict[str, Any]
    dtype: str
    ranks: int
    deepspeed: dict[str, Any]
    steps: NotRequired[int]
    teacher_tokens: NotRequired[int | None]


class Provenance(TypedDict):
    """Everything that the numbers of a score depend on.

    `prompt` and `model` are None for a baseline, `student` for all but students. `stand_in` and `teacher_stand_in` say
    what a tiny model stands in for, "" for a real one. `simulated` lists simulated datasets, tested or trained on.
    `several` is the number of events with several correct labels, by split. `assumed` holds keys of `ASSUMPTIONS`.
    """

    prompt: PromptProvenance | None
    home: HomeProvenance
    several: NotRequired[dict[str, int]]
    dataset_digest: str
    split: SplitProvenance
    decoding: dict[str, Any]
    dtype: str
    engine: str
    engine_options: dict[str, Any]
    model: ModelProvenance | None
    student: StudentProvenance | None
    stand_in: str
    teacher_stand_in: str
    simulated: list[str]
    assumed: list[str]


def assumptions(kind: str) -> list[str]:
    """Return the keys of `ASSUMPTIONS` that apply to a kind of recogniser ("base", "student" or "baseline")."""
    not_applicable = {
        "base": _TRAINING_ASSUMPTIONS,
        "student": (),
        "baseline": _TRAINING_ASSUMPTIONS + _MODEL_ASSUMPTIONS,
    }[kind]
    return [key for key in ASSUMPTIONS if key not in not_applicable]


def score_provenance(
    home: Home,
    splits: Mapping[str, Any],
    prompt: Mapping[str, Any] | None,
    model: Mapping[str, Any] | None,
    student: Mapping[str, Any] | None,
    metadata: Mapping[str, Any],
) -> Provenance:
    """Return the `provenance` of a score.

    `splits`, `prompt`, `model` and `student` are the contents of splits.json, the prompt's json, snapshot.json and
    training_log.json; prompt and model are None for a baseline, `student` for all but students. `metadata` is as
    `scores.check_metadata` returns it. Raises ValueError naming the key that a document lacks.
    """
    split = _select(splits, SplitProvenance, "splits.json")
    split["sessions"] = {
        name: len(names_of_split(split["sessions"], split["folds"], name)) for name in split_names(split["folds"])
    }
    # Only homes whose raw files may hold several labels for an event say which of them are right.
    several = {"several": home.recording.several} if home.recording != Recording() else {}
    mapped = {"common_labels": metadata["common_labels"]} if metadata["common_labels"] else {}
    document = {
        "prompt": None if prompt is None else _select(prompt, PromptProvenance, "prompt"),
        "home": {"name": metadata["home"], "timezone": home.timezone, "labels": len(home.labels)} | several | mapped,
        **({"several": splits["several"]} if "several" in splits else {}),
        "dataset_digest": _required(splits, "dataset_digest", "splits.json"),
        "split": split,
        "decoding": metadata["decoding"],
        "dtype": metadata["dtype"],
        "engine": metadata["engine"],
        "engine_options": metadata["engine_options"],
        "model": None if model is None else _select(model, ModelProvenance, "snapshot.json"),
        "student": None if student is None else _student(student),
        "stand_in": metadata["stand_in"],
        "teacher_stand_in": metadata.get("teacher_stand_in", ""),
        "simulated": metadata["simulated"],
        "assumed": assumptions(metadata["kind"]),
    }
    return cast(Provenance, document)


def _student(log: Mapping[str, Any]) -> dict[str, Any]:
    """Return the training of a student, from the log of the last of its rounds."""
    student = _select(log, StudentProvenance, "training_log.json")
    if "continues" in log:
        student["steps"] += log["continues"]["steps"]
    return student


def _select(document: Mapping[str, Any], record: type, name: str) -> dict[str, Any]:
    """Return the keys of a TypedDict from a document called `name` in errors; optional keys may be absent."""
    selected = {key: _required(document, key, name) for key in record.__annotations__ if _is_required(record, key)}
    return selected | {key: document[key] for key in record.__annotations__ if key in document}


def _is_required(record: type, key: str) -> bool:
    return key in record.__required_keys__  # type: ignore[attr-defined]  # `record` is a TypedDict


def _required(document: Mapping[str, Any], key: str, name: str) -> Any:
    if key not in document:
        raise ValueError(f"{name}: no key {key!r}")
    return document[key]


def simulated_datasets(scores: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the simulated datasets that scores were tested or trained on, sorted by name."""
    return sorted({name for score in scores for name in score["provenance"]["simulated"]})
