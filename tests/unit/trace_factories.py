"""Make a small home with one window, and predictions for it, for the tests of trace checks and audits."""

import json

from hearth.homes.home import load_home
from hearth.prompting.parsing import parse

HOME = {
    "name": "Made-up home",
    "about": "Rooms.",
    "rooms": {"kitchen": "", "dining room": "", "office": "", "bedroom_1": ""},
    "sensors": {
        "s1": {"room": "kitchen", "words": "stove", "states": {"ON": "turned ON"}},
        "s2": {"room": "dining room", "words": "chair 1", "states": {"ON": "occupied"}},
        "s3": {"room": "office", "words": "chair", "states": {"ON": "occupied"}},
        "s4": {"room": "dining room", "words": "kitchen hatch", "states": {"ON": "opened"}},
        "s5": {"room": "bedroom_1", "words": "TV", "states": {"ON": "turned ON"}},
    },
    "labels": ["COOKING", "EATING", "drinking water, coffee or drinks", "watching TV", "USING_PC"],
    "rules": ["The office chair belongs to USING_PC."],
    "example": {
        "reasoning": "-",
        "events": [{"time": "08:00:00", "sensor": "s1", "state": "ON", "label": "COOKING"}] * 2,
    },
}
PROMPT = {
    "version": "test@0",
    "template": "test",
    "reasoning": "think",
    "labels": HOME["labels"],
    "system": "Name the activities.",
}
WINDOW = {
    "window_id": "made-up/1/0",
    "dataset": "made-up",
    "session": "1",
    "index": 0,
    "events": [
        {"id": 1, "time": "08:00:00", "description": "kitchen stove turned ON"},
        {"id": 2, "time": "08:00:09", "description": "dining room chair 1 occupied"},
        {"id": 3, "time": "08:00:09", "description": "kitchen stove turned ON"},
    ],
    "gold": ["COOKING", "EATING", "COOKING"],
    "residents": [["A"], ["B"], ["A"]],
}
CORRECT_LABELS = ["COOKING", "EATING", "COOKING"]
# Reasoning that passes all checks.
SOUND = "Somebody is COOKING at the kitchen stove while another sits down in the dining room: EATING."


def make_trace_home(folder):
    path = folder / "home.yaml"
    path.write_text(json.dumps(HOME), encoding="utf-8")
    return load_home(path)


def answer_text(labels):
    return json.dumps([{"id": number, "activity": label} for number, label in enumerate(labels, start=1)])


def make_parsed_prediction(home, text, finish_reason="stop", window=WINDOW):
    answer = parse(text, len(window["events"]), home.labels, finish_reason)
    return {
        "window_id": window["window_id"],
        "text": text,
        "finish_reason": finish_reason,
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "seed": 0,
        "reasoning": answer.reasoning,
        "labels": answer.labels,
        "status": answer.status,
        "lenient_labels": answer.labels,
        "lenient_status": answer.status,
    }


def make_pairs(home, *texts):
    """Return a (window, parsed prediction) pair for each text; the windows differ only in their index."""
    windows = [WINDOW | {"window_id": f"made-up/1/{index}", "index": index} for index in range(len(texts))]
    return [
        (window, make_parsed_prediction(home, text, window=window)) for window, text in zip(windows, texts, strict=True)
    ]
