"""Factories of valid scores with chosen numbers, and of scores that are measured on drawn labels."""

import copy
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from count_factories import encode_windows
from factories import (
    LABELS,
    METRIC_SETTINGS,
    MODEL,
    PREDICTIONS,
    PROMPT,
    SPLITS,
    TEST_WINDOWS,
    TRAINING_LOG,
    WINDOWS,
    make_home,
    make_metadata,
)
from hearth.common.files import digest
from hearth.evaluation.answered_windows import read_answers
from hearth.evaluation.calibration import measure_calibration
from hearth.evaluation.costs import CostRow
from hearth.evaluation.counts import count_groups, counts_of_score
from hearth.evaluation.metrics import score_windows
from hearth.evaluation.provenance import assumptions
from hearth.evaluation.score_document import METRICS, PARSINGS, Confidence, Score
from hearth.evaluation.scores import build_score
from hearth.evaluation.statistics import metric_intervals
from parse_predictions import parse_prediction


@cache
def _score_of_predictions() -> Score:
    """Return the score of `PREDICTIONS`."""
    return build_score(
        recogniser="little",
        dataset="made-up",
        home=make_home(),
        answered=read_answers(
            WINDOWS,
            SPLITS,
            {
                Path("parsed.jsonl"): [
                    parse_prediction(prediction, len(window["gold"]), tuple(LABELS))
                    for prediction, window in zip(PREDICTIONS, TEST_WINDOWS, strict=True)
                ]
            },
            tuple(LABELS),
        ),
        splits=SPLITS,
        prompt=PROMPT,
        model=MODEL,
        student=None,
        metadata=make_metadata(),
        metrics=METRIC_SETTINGS,
    )


def make_score(recogniser: str = "little", dataset: str = "made-up", weighted_f1: float = 0.5, **changes: Any) -> Score:
    """Return the score of `PREDICTIONS` with the given weighted F1 and with all intervals from 0.25 to 0.75.

    All its windows count as simple. `changes` replace top-level values of the score, except that the
    dict `provenance` among them replaces single values of its provenance.
    """
    score = copy.deepcopy(_score_of_predictions())
    for parsing in PARSINGS:
        score[parsing]["weighted_f1"] = weighted_f1
        score[parsing]["intervals"] = {name: [0.25, 0.75] for name in METRICS}
    metrics = {name: value for name, value in score["strict"].items() if name != "intervals"}
    score["complexity"] |= {"simple": metrics | {"groups": score["groups"]}, "complex": None}
    provenance = score["provenance"]
    provenance["home"]["name"] = dataset
    provenance["dataset_digest"] = digest(dataset)
    provenance["model"]["model"] = changes.get("base") or recogniser
    provenance |= changes.pop("provenance", {})
    if home := changes.get("train_dataset"):
        changes.setdefault("train_datasets", [home])
    return copy.deepcopy(score | {"recogniser": recogniser, "dataset": dataset} | changes)


def make_student_score(dataset: str = "made-up", weighted_f1: float = 0.6, **changes: Any) -> Score:
    """Return the score of a student that learned from `made-up`; `changes` as in `make_score`."""
    provenance = {"student": TRAINING_LOG, "assumed": assumptions("student")} | changes.pop("provenance", {})
    names = {
        "recogniser": "little_reasoning_made-up",
        "kind": "student",
        "base": "little",
        "teacher": "large",
        "recipe": "reasoning",
        "train_dataset": "made-up",
    }
    return make_score(dataset=dataset, weighted_f1=weighted_f1, provenance=provenance, **names | changes)


def draw_gold(draw: np.random.Generator, count: int = 12, events: int = 20) -> dict[str, list[str]]:
    """Draw gold labels; return a dict from session to its labels."""
    return {f"s{number:03d}": draw.choice(LABELS, events, p=[0.5, 0.3, 0.2]).tolist() for number in range(count)}


def draw_predictions(
    draw: np.random.Generator, gold: Mapping[str, Sequence[str]], skill: float | Sequence[float]
) -> dict[str, list[str | None]]:
    """Draw predicted labels; return a dict from session to its labels.

    A label is right with a probability of `skill`: one number for all sessions, or one per session. Otherwise it is a
    wrong label or None.
    """
    skills = np.broadcast_to(skill, len(gold))
    return {
        session: [
            label if draw.random() < able else draw.choice([*(other for other in LABELS if other != label), None])
            for label in labels
        ]
        for (session, labels), able in zip(gold.items(), skills, strict=True)
    }


def make_measured_score(
    gold: Mapping[str, Sequence[str]],
    predicted: Mapping[str, Sequence[str | None]],
    recogniser: str = "little",
    dataset: str = "made-up",
    **changes: Any,
) -> Score:
    """Return the score of predicted labels by session, one window per session, with its true metrics and intervals."""
    windows, answers = list(gold.values()), [list(predicted[session]) for session in gold]
    statuses = ["missing_events" if None in answer else "ok" for answer in answers]
    score = make_score(recogniser, dataset, n_sessions=len(gold), n_groups=len(gold), **changes)
    encoded = encode_windows(LABELS, windows, answers, statuses, list(gold))
    score["groups"] = count_groups(encoded)
    for parsing in PARSINGS:
        score[parsing] = {
            **score_windows(encoded, parsing, score["lost_answers"]),
            "intervals": metric_intervals(counts_of_score(score, parsing)),
        }
    return score


def make_seed_scores(sessions: int = 12, **provenance: Any) -> list[Score]:
    """Return measured scores of the base model little, the teacher large and the student pupil (two training seeds)."""
    draw = np.random.default_rng(3)
    gold = draw_gold(draw, sessions, 15)
    names = {"kind": "student", "base": "little", "teacher": "large", "recipe": "reasoning"}
    names |= {"train_dataset": "made-up", "train_datasets": ["made-up"]}
    scores = [
        make_measured_score(gold, draw_predictions(draw, gold, skill), name, provenance=provenance)
        for name, skill in (("little", 0.4), ("large", 0.85), ("pupil", 0.7), ("pupil_seed1", 0.75))
    ]
    return scores[:2] + [score | names for score in scores[2:]]


def make_confidence(accuracy: float = 0.5) -> Confidence:
    """Return the calibration of 41 events in 3 bins, one of which has a single event.

    `accuracy` is that of the largest bin and that with all events kept.
    """
    confidences = [0.35] * 30 + [0.55] + [0.95] * 10
    labels = ["COOKING"] * 41
    windows = encode_windows(LABELS, [labels], [[*labels[:30], "EATING", *labels[:10]]], ["ok"])
    measured = measure_calibration(windows, np.array(confidences))
    assert measured is not None
    measured["bins"][3] |= {"confidence": 0.35, "accuracy": accuracy}
    measured["bins"][9]["confidence"] = 0.95
    return measured | {"coverage": 0.8, "selective": {"0.5": 1.0, "1.0": accuracy}}


def make_cost_rows(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Return rows of a cost table, one per score, for the test split; a larger model takes more seconds."""
    return [
        dict.fromkeys(CostRow.__annotations__)
        | {
            "work": "prediction",
            "recogniser": score["recogniser"],
            "dataset": score["dataset"],
            "split": "test",
            "windows": 3,
            "seconds": score["parameters"] / 10**6,
        }
        for score in scores
    ]


def make_run_scores(
    sizes: Sequence[int] = (1, 3, 9),
    homes: Sequence[str] = ("made-up", "second"),
    bases: int = 1,
    seeds: Sequence[int] = (0,),
    **provenance: Any,
) -> list[Score]:
    """Return the scores of a run: base models of `sizes` million parameters, and students of the `bases` smallest ones.

    The largest model is the teacher. Students learn on each home with each seed and are tested on all homes.
    The values of `provenance` go into the provenance of every score.
    """
    models = [f"model-{size}m" for size in sizes]
    scores = []
    for place, dataset in enumerate(homes):
        metadata = {"home": {"name": dataset, "timezone": "UTC", "labels": 3 + place}} | provenance
        for rank, (model, size) in enumerate(zip(models, sizes, strict=True)):
            f1 = 0.3 + 0.4 * rank / len(sizes) - 0.05 * place
            scores.append(make_score(model, dataset, f1, parameters=size * 10**6, provenance=metadata))
        for base, size in list(zip(models, sizes, strict=True))[:bases]:
            for home in homes:
                for seed in seeds:
                    log = TRAINING_LOG | {"settings": TRAINING_LOG["settings"] | {"seed": seed}}
                    names = {
                        "recogniser": f"{base}_reasoning_{home}" + (f"_seed{seed}" if seed else ""),
                        "base": base,
                        "teacher": models[-1],
                        "train_dataset": home,
                        "parameters": size * 10**6,
                    }
                    f1 = 0.45 + 0.02 * seed - 0.1 * (home != dataset)
                    scores.append(make_student_score(dataset, f1, provenance=metadata | {"student": log}, **names))
    return scores


def make_full_run_scores(homes: Sequence[str] = ("made-up", "second"), **provenance: Any) -> list[Score]:
    """Return the scores of a run that every figure can show.

    Beside those of `make_run_scores`, these are students of fewer traces and of another learning rate, and variants of
    base models with confidences.
    Base models have two token budgets; only a large one suffices for the larger model.
    """
    scores = make_run_scores(sizes=(1, 9), homes=homes, **provenance)
    for score in [score for score in scores if score["kind"] == "base"]:
        score["budgets"] = [
            {"max_new_tokens": 256, "truncated_rate": 0.1 * size, "weighted_f1": 0.1, "interval": [0.05, 0.2]}
            | ({"max_new_tokens": 1024, "truncated_rate": 0.0, "weighted_f1": 0.4} if large else {})
            for size in [score["parameters"] // 10**6]
            for large in (False, True)
        ]
    for score in [score for score in scores if score["kind"] == "student"]:
        fewer = copy.deepcopy(score)
        fewer["recogniser"] = score["recogniser"].replace("_reasoning_", "_reasoning-n2_")
        fewer["variant"] = "n2"
        fewer["provenance"]["student"]["examples"]["used"] = 2
        score["learning_rate"] = 0.0002
        faster = copy.deepcopy(score) | {"variant": "lr0.001", "learning_rate": 0.001}
        faster["recogniser"] = score["recogniser"].replace("_reasoning_", "_reasoning-lr0.001_")
        scores += [fewer, faster]
    for score in [score for score in scores if score["kind"] == "base"]:
        sure = copy.deepcopy(score) | {"variant": "sure", "confidence": make_confidence()}
        scores.append(sure | {"recogniser": f"{score['recogniser']}_sure"})
    return scores
