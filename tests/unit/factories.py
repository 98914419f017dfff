"""A made-up dataset with predictions, and scores that were never measured."""

import copy
import json

import numpy as np
from hearth.common.files import digest, write_json, write_json_lines, write_text
from hearth.evaluation.metrics import UNREAD, score_windows, session_counts
from hearth.evaluation.statistics import METRICS, counts, intervals
from hearth.prompting.parsing import STATUSES

LABELS = ["COOKING", "drinking water, coffee or drinks", "EATING"]

HOME = {
    "name": "Made-up home",
    "about": "A room.",
    "timezone": "Europe/Paris",
    "rooms": {"kitchen": "stove"},
    "sensors": {"s1": {"room": "kitchen", "words": "stove", "states": {"ON": "turned ON"}}},
    "labels": LABELS,
    "example": {
        "reasoning": "Someone cooks.",
        "events": [{"time": "08:00:00", "sensor": "s1", "state": "ON", "label": "COOKING"}] * 2,
    },
}

MODEL = {
    "model": "little",
    "source": "example/little",
    "revision": "0123456789abcdef0123456789abcdef01234567",
    "parameters": 596049920,
    "files": {"model.safetensors": "00"},
    "digest": digest("little"),
    "license": "Apache-2.0",
    "stand_in": "",
}

PROMPT = {"version": "six-parts@0123456789ab", "template": "six-parts", "reasoning": "think", "system": "..."}

DECODING = {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "max_new_tokens": 4096, "seed": 7}

TRAINING_LOG = {
    "student": "little_reasoning_made-up",
    "teacher": "large",
    "dataset": "made-up",
    "recipe": "reasoning",
    "settings": {"learning_rate": 0.0002, "lora": {"r": 16, "target_modules": ["q_proj", "v_proj"]}, "seed": 3},
    "deepspeed": {"zero_optimization": {"stage": 2}},
    "dtype": "float32",
    "ranks": 1,
    "examples": {"traces": 5, "used": 4, "truncated": 0, "left_out": {"too long": 1}},
    "losses": [1.0, 0.5],
}


def make_facts(**changes):
    known = {
        "kind": "base",
        "base": "little",
        "variant": "",
        "home": "made-up",
        "decoding": DECODING,
        "dtype": "float32",
        "engine": "transformers",
        "stand_in": "",
        "simulated": [],
    }
    return known | changes


def make_student_facts(**changes):
    of_student = {"teacher": "large", "recipe": "reasoning", "train_dataset": "made-up", "teacher_stand_in": ""}
    return make_facts(kind="student", **of_student | changes)


def make_window(session, index, gold, split="test"):
    return {
        "window_id": f"made-up/{session}/{index}",
        "dataset": "made-up",
        "session": session,
        "index": index,
        "split": split,
        "events": [
            {"id": number, "time": "08:00:00", "description": "kitchen stove turned ON"}
            for number in range(1, len(gold) + 1)
        ],
        "gold": gold,
        "residents": [["A"] for _ in gold],
    }


WINDOWS = [
    make_window("1", 0, ["COOKING"], "train"),
    make_window("2", 0, ["COOKING", "EATING"]),
    make_window("2", 1, ["drinking water, coffee or drinks", "EATING"]),
    make_window("3", 0, ["EATING"]),
]


def make_answer(*labels):
    return json.dumps([{"id": number, "activity": label} for number, label in enumerate(labels, start=1)])


def make_prediction(window_id, text, finish_reason="stop"):
    return {
        "window_id": window_id,
        "text": text,
        "finish_reason": finish_reason,
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "seed": 7,
    }


PREDICTIONS = [
    make_prediction("made-up/2/0", f"<think>Stove.</think>{make_answer('COOKING', 'EATING')}"),
    make_prediction("made-up/2/1", f"<think>Tap.</think>{make_answer('Drinking water, coffee or drinks', 'EATING')}"),
    make_prediction("made-up/3/0", "<think>Stove, or", "length"),
]

SPLITS = {
    "rule": "by session",
    "test_fraction": 0.3,
    "seed": 1,
    "window_size": 2,
    "keep_short": True,
    "dataset_digest": digest("events"),
    "sessions": {"train": ["1"], "test": ["2", "3"]},
    "windows": {"train": 1, "test": 3},
    "events": {"train": 1, "test": 5},
    "digest": digest("splits"),
}


def write_inputs(folder):
    """The files that parsing and scoring read; their paths by name."""
    paths = {
        name: folder / file
        for name, file in {
            "windows": "windows.jsonl",
            "splits": "splits.json",
            "home": "home.yaml",
            "predictions": "all.jsonl",
            "parsed": "parsed.jsonl",
            "prompt": "prompt.json",
            "model": "snapshot.json",
            "student": "training_log.json",
        }.items()
    }
    write_json_lines(paths["windows"], WINDOWS)
    write_json_lines(paths["predictions"], PREDICTIONS)
    write_text(paths["home"], json.dumps(HOME))
    for name, value in (("splits", SPLITS), ("prompt", PROMPT), ("model", MODEL), ("student", TRAINING_LOG)):
        write_json(paths[name], value)
    return paths


# Per session: what the metrics of a made-up score would follow from, were they measured.
SESSIONS = session_counts(
    ["2", "2", "3"],
    [row["gold"] for row in WINDOWS[1:]],
    dict.fromkeys(
        ("strict", "lenient"),
        ([["COOKING", "EATING"], [None, "EATING"], [None]], ["ok", "unknown_label", "unclosed_reasoning"]),
    ),
)


def make_score(recogniser="little", dataset="made-up", weighted_f1=0.5, **changes):
    """A score with numbers of no measurement; `changes` go to its top level, `provenance` into the provenance."""
    metrics = {
        "accuracy": 0.6,
        "macro_f1": 0.1234567891,
        "weighted_f1": weighted_f1,
        "micro_f1": 0.61,
        "status": dict.fromkeys(STATUSES, 0) | {"ok": 3},
        "rates": {"ok_rate": 1.0, "malformed_rate": 0.0, "missing_rate": 0.0, "unknown_rate": 0.0},
        "per_class": {label: {"support": support} for label, support in zip(LABELS, (1, 1, 3), strict=True)},
        "confusion": {
            "labels": LABELS,
            "columns": [*LABELS, UNREAD],
            "counts": [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 2, 1]],
        },
        "intervals": {name: [0.25, 0.75] for name in METRICS},
    }
    provenance = {
        "prompt": {key: PROMPT[key] for key in ("version", "template", "reasoning")},
        "home": {"name": dataset, "timezone": "UTC", "labels": 3},
        "dataset_digest": digest(dataset),
        "split": SPLITS | {"sessions": {"train": 1, "test": 2}},
        "decoding": DECODING,
        "dtype": "float32",
        "engine": "transformers",
        "model": MODEL | {"model": changes.get("base") or recogniser},
        "student": None,
        "stand_in": "",
        "teacher_stand_in": "",
        "simulated": [],
        "assumed": ["split", "prompt"],
    }
    score = {
        "recogniser": recogniser,
        "dataset": dataset,
        "kind": "base",
        "base": "",
        "variant": "",
        "teacher": "",
        "recipe": "",
        "train_dataset": "",
        "parameters": 596049920,
        "n_windows": 3,
        "n_events": 5,
        "n_sessions": 2,
        "sessions": SESSIONS,
        "strict": metrics,
        "lenient": metrics,
        "complexity": {"rule": "...", "simple": metrics | {"sessions": SESSIONS}, "complex": None},
        "tokens": {"prompt": 300, "completion": 30},
        "provenance": provenance | changes.pop("provenance", {}),
    }
    return copy.deepcopy(score | changes)


def draw_gold(draw, count=12, events=20):
    """Gold labels of so many sessions, one window each, by session."""
    return {f"s{number:03d}": draw.choice(LABELS, events, p=[0.5, 0.3, 0.2]).tolist() for number in range(count)}


def draw_predictions(draw, gold, skill):
    """Predicted labels: right with a session's skill, else another label or none. `skill` is one for all, or each."""
    skills = np.broadcast_to(skill, len(gold))
    return {
        session: [
            label if draw.random() < able else draw.choice([*(other for other in LABELS if other != label), None])
            for label in labels
        ]
        for (session, labels), able in zip(gold.items(), skills, strict=True)
    }


def make_measured_score(gold, predicted, recogniser="little", dataset="made-up", **changes):
    """A score whose numbers are measured, on sessions of one window each: labels by session."""
    windows, answers = list(gold.values()), [list(predicted[session]) for session in gold]
    statuses = ["missing_events" if None in answer else "ok" for answer in answers]
    found = make_score(recogniser, dataset, n_sessions=len(gold), **changes)
    found["sessions"] = session_counts(list(gold), windows, dict.fromkeys(("strict", "lenient"), (answers, statuses)))
    for parsing in ("strict", "lenient"):
        found[parsing] = score_windows(windows, answers, statuses, LABELS)
        found[parsing]["intervals"] = intervals(counts(found, parsing))
    return found


def make_confidence(accuracy=0.5):
    """What a score says of confidences, of 41 events in 3 bins, one of which holds too few."""
    bins = [
        {"from": number / 10, "to": (number + 1) / 10, "events": 0, "confidence": None, "accuracy": None}
        for number in range(10)
    ]
    bins[3] |= {"events": 30, "confidence": 0.35, "accuracy": accuracy}
    bins[5] |= {"events": 1, "confidence": 0.55, "accuracy": 0.0}
    bins[9] |= {"events": 10, "confidence": 0.95, "accuracy": 1.0}
    return {"n_events": 41, "coverage": 0.8, "bins": bins, "selective": {"0.5": 1.0, "1.0": accuracy}}


def make_cost_rows(scores):
    """The rows of a cost table of scores, on the test split; a larger model takes longer."""
    names = ("recogniser", "dataset")
    return [
        {"work": "prediction", "split": "test", "windows": 3, "seconds": score["parameters"] / 10**6}
        | {name: score[name] for name in names}
        for score in scores
    ]


def make_student_score(dataset="made-up", weighted_f1=0.6, **changes):
    """The score of a student that learned on `made-up`."""
    provenance = {"student": TRAINING_LOG, "assumed": ["split", "prompt", "training"]} | changes.pop("provenance", {})
    names = {"kind": "student", "base": "little", "teacher": "large", "recipe": "reasoning", "train_dataset": "made-up"}
    return make_score("little_reasoning_made-up", dataset, weighted_f1, provenance=provenance, **names, **changes)


def make_run_scores(sizes=(1, 3, 9), homes=("made-up", "second"), bases=1, seeds=(0,), **provenance):
    """The scores of a whole run: base models of so many million parameters, and students of the `bases` smallest.

    The largest model is the teacher; students learn on each home with each seed and are tested on all.
    """
    models = [f"model-{size}m" for size in sizes]
    found = []
    for place, dataset in enumerate(homes):
        facts = {"home": {"name": dataset, "timezone": "UTC", "labels": 3 + place}} | provenance
        for rank, (name, size) in enumerate(zip(models, sizes, strict=True)):
            grown = 0.3 + 0.4 * rank / len(sizes) - 0.05 * place
            found.append(make_score(name, dataset, grown, parameters=size * 10**6, provenance=facts))
        for base, size in list(zip(models, sizes, strict=True))[:bases]:
            for home in homes:
                for seed in seeds:
                    learned = TRAINING_LOG | {"settings": TRAINING_LOG["settings"] | {"seed": seed}}
                    names = {
                        "recogniser": f"{base}_reasoning_{home}" + (f"_seed{seed}" if seed else ""),
                        "base": base,
                        "teacher": models[-1],
                        "train_dataset": home,
                        "parameters": size * 10**6,
                    }
                    reached = 0.45 + 0.02 * seed - 0.1 * (home != dataset)
                    known = facts | {"student": learned, "model": MODEL | {"model": base}}
                    found.append(make_student_score(dataset, reached, provenance=known) | copy.deepcopy(names))
    return found


def make_full_run_scores(homes=("made-up", "second"), **provenance):
    """A run with something for every figure: students of fewer traces, a variant with confidences."""
    found = make_run_scores(sizes=(1, 9), homes=homes, **provenance)
    for score in [score for score in found if score["kind"] == "student"]:
        fewer = copy.deepcopy(score)
        fewer["recogniser"] = score["recogniser"].replace("_reasoning_", "_reasoning-n2_")
        fewer["variant"] = "n2"
        fewer["provenance"]["student"]["examples"]["used"] = 2
        found.append(fewer)
    for score in [score for score in found if score["kind"] == "base"]:
        sure = copy.deepcopy(score) | {"variant": "sure", "confidence": make_confidence()}
        found.append(sure | {"recogniser": f"{score['recogniser']}_sure"})
    return found
