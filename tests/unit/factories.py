"""Factories of the files that parsing and scoring read: a small dataset, its home, prompt, model and predictions."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hearth.common.files import digest, write_json, write_json_lines, write_text
from hearth.data.folds import SplitDocument
from hearth.data.windows import Window, check_window
from hearth.homes.home import Home, load_home
from hearth.models.snapshot import Snapshot
from hearth.prompting.predictions import FinishReason, Prediction
from hearth.prompting.prompts import Prompt, answer_text
from window_factories import make_splits

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

MODEL: Snapshot = {
    "model": "little",
    "source": "example/little",
    "revision": "0123456789abcdef0123456789abcdef01234567",
    "parameters": 596049920,
    "files": {"model.safetensors": "00"},
    "digest": digest("little"),
    "license": "Apache-2.0",
    "stand_in": "",
}

PROMPT: Prompt = {
    "version": "six-parts@0123456789ab",
    "template": "six-parts",
    "reasoning": "think",
    "labels": LABELS,
    "system": "...",
}

DECODING = {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "max_new_tokens": 4096, "seed": 7}

METRIC_SETTINGS = {"lost_answers": "recall", "without": {}, "token_budgets": []}

TRAINING_LOG = {
    "split": "train1",
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


def make_metadata(**changes: object) -> dict[str, Any]:
    """Return the metadata of a base model's score, as the option `--metadata` of score.py takes it."""
    metadata = {
        "kind": "base",
        "base": "little",
        "variant": "",
        "home": "made-up",
        "decoding": DECODING,
        "dtype": "float32",
        "engine": "transformers",
        "engine_options": {},
        "stand_in": "",
        "train_datasets": [],
        "simulated": [],
        "labels": "native",
        "common_labels": {},
    }
    return metadata | changes


def make_student_metadata(**changes: object) -> dict[str, Any]:
    """Return the metadata of a student's score."""
    student = {
        "teacher": "large",
        "recipe": "reasoning",
        "train_dataset": "made-up",
        "train_datasets": ["made-up"],
        "learning_rate": 0.0002,
        "rank": 16,
        "balance": "size",
        "replay": 0,
        "teacher_stand_in": "",
    }
    return make_metadata(kind="student", **student | changes)


def make_window(session: str, index: int, gold: list[str]) -> Window:
    """Return a valid window with one event per gold label; all events are of one resident."""
    return check_window(
        {
            "window_id": f"made-up/{session}/{index}",
            "dataset": "made-up",
            "session": session,
            "index": index,
            "events": [
                {"id": number, "time": "08:00:00", "description": "kitchen stove turned ON"}
                for number in range(1, len(gold) + 1)
            ],
            "gold": gold,
            "residents": [["A"] for _ in gold],
        }
    )


WINDOWS = [
    make_window("1", 0, ["COOKING"]),
    make_window("2", 0, ["COOKING", "EATING"]),
    make_window("2", 1, ["drinking water, coffee or drinks", "EATING"]),
    make_window("3", 0, ["EATING"]),
]

TEST_WINDOWS = WINDOWS[1:]


def make_prediction(window_id: str, text: str, finish_reason: FinishReason = "stop") -> Prediction:
    """Return a raw prediction with this text."""
    return {
        "window_id": window_id,
        "text": text,
        "finish_reason": finish_reason,
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "seed": 7,
    }


# By strict parsing, the first has all labels right, the second one unknown label (which lenient parsing reads as the
# right one), and the third reasoning that is cut off.
PREDICTIONS = [
    make_prediction("made-up/2/0", f"<think>Stove.</think>{answer_text(['COOKING', 'EATING'])}"),
    make_prediction("made-up/2/1", f"<think>Tap.</think>{answer_text(['Drinking water, coffee or drinks', 'EATING'])}"),
    make_prediction("made-up/3/0", "<think>Stove, or", "length"),
]

SPLITS: SplitDocument = make_splits({"1": None, "2": 1, "3": 1}, WINDOWS, window_size=2)


def write_inputs(folder: Path) -> dict[str, Path]:
    """Write the files that parsing and scoring read, and return a dict from name to path; `parsed` is not written."""
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


@cache
def make_home() -> Home:
    """Return the home that `HOME` describes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "home.yaml"
        write_text(path, json.dumps(HOME))
        return load_home(path)
