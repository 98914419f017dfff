"""Recompute the numbers of a score from windows.jsonl, splits.json and parsed.jsonl, with scikit-learn alone.

No computation of this file uses the library, which only makes the files.
"""

import json
from collections import defaultdict
from itertools import groupby
from statistics import fmean, median

import numpy as np
import pytest
from factories import HOME, make_prediction, make_window
from hearth.common.files import write_json, write_json_lines
from hearth.prompting.prompts import answer_text
from score_runs import run_folds
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from window_factories import make_splits

LABELS = ["COOKING", "drinking water, coffee or drinks", "EATING", "TRANSITION"]
NONE = "(no readable label)"
FOLDS = 3
WITHOUT = {"transition": ["TRANSITION", "others"], "meals": ["COOKING", "EATING"]}


def draw_windows(draw):
    """Draw windows of 11 sessions, some of which go on over midnight, with residents alone, together and unknown."""
    for session in range(11):
        seconds = int(draw.integers(0, 86400)) if session else 86390
        gold = draw.choice(LABELS)
        for index in range(int(draw.integers(2, 7))):
            labels, times, residents = [], [], []
            for _ in range(int(draw.integers(1, 6))):
                gold = draw.choice(LABELS) if draw.random() < 0.3 else gold
                seconds += int(draw.integers(0, 90))
                labels.append(str(gold))
                times.append(f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}")
                residents.append(list(draw.choice(["A", "B", "AB", "BC", ""], p=[0.4, 0.3, 0.1, 0.1, 0.1])))
            window = make_window(f"s{session:02d}", index, labels)
            for event, time in zip(window["events"], times, strict=True):
                event["time"] = time
            window["residents"] = residents
            if draw.random() < 0.2:  # several labels count as correct
                window["gold_any"] = [[label, *{"COOKING"} - {label}] for label in labels]
            yield window


def draw_answer(draw, window):
    """Draw a raw prediction: well-formed, or with one of five faults."""
    labels = [label if draw.random() < 0.6 else str(draw.choice(LABELS)) for label in window["gold"]]
    kind = draw.choice(["ok", "spelling", "unknown", "incomplete", "cut", "nonsense"], p=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    text = answer_text(labels)
    if kind == "spelling":
        text = text.replace("COOKING", "cooking")
    elif kind == "unknown":
        text = answer_text(["SLEEPING", *labels[1:]])
    elif kind == "incomplete":
        text = answer_text(labels[:-1])
    elif kind == "nonsense":
        text = "I cannot say."
    elif kind == "cut":
        return make_prediction(window["window_id"], "<think>Stove, or", "length")
    return make_prediction(window["window_id"], f"<think>Stove.</think>{text}")


@pytest.fixture(scope="module", params=[1, FOLDS])
def run(request, tmp_path_factory):
    """Return the folder of a run, with one fold or several, and its score, whose headline is the precision reading."""
    folder, draw = tmp_path_factory.mktemp("run"), np.random.default_rng(11)
    windows = list(draw_windows(draw))
    sessions = sorted({window["session"] for window in windows})
    groups = {session: f"group-{number // 2}" for number, session in enumerate(sessions)}
    fold_of = {session: number // 2 % FOLDS + 1 for number, session in enumerate(sessions)}
    if request.param == 1:
        fold_of = {session: fold if fold == 1 else None for session, fold in fold_of.items()}
    splits = make_splits(fold_of, windows)
    for session, group in groups.items():
        splits["sessions"][session]["group"] = group
    write_json_lines(folder / "windows.jsonl", windows)
    write_json(folder / "splits.json", splits)
    write_json(folder / "home.yaml", HOME | {"labels": LABELS})
    answers = {window["window_id"]: draw_answer(draw, window) for window in windows}
    for fold in range(1, request.param + 1):
        tested = [window for window in windows if fold_of[window["session"]] == fold]
        write_json_lines(folder / f"raw{fold}.jsonl", [answers[window["window_id"]] for window in tested])
    run_folds(folder, request.param, {"lost_answers": "precision", "without": WITHOUT, "token_budgets": []})
    return folder, json.loads((folder / "score.json").read_text())


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def read_events(folder, key="labels"):
    """Return a dict per tested event: all that the files say about it, in the order of windows.jsonl."""
    sessions = json.loads((folder / "splits.json").read_text())["sessions"]
    parsed = {row["window_id"]: row for path in folder.glob("parsed*.jsonl") for row in read_lines(path)}
    events = []
    for window in read_lines(folder / "windows.jsonl"):
        split = sessions[window["session"]]
        if split["fold"] is None:
            assert window["window_id"] not in parsed
            continue
        accepted = window.get("gold_any") or [[label] for label in window["gold"]]
        answer = parsed.pop(window["window_id"])[key]
        for event, gold, right, label, residents in zip(
            window["events"], window["gold"], accepted, answer, window["residents"], strict=True
        ):
            events.append(
                {
                    "window": window["window_id"],
                    "session": window["session"],
                    "group": split["group"],
                    "time": event["time"],
                    "gold": gold,
                    "label": NONE if label is None else gold if label in right else label,
                    "residents": residents,
                }
            )
    assert not parsed, "a prediction of a window that is not tested"
    return events


def score_events(events):
    """Return accuracy and the F1 of both readings, with scikit-learn."""
    gold, label = [event["gold"] for event in events], [event["label"] for event in events]
    known = sorted(set(gold))
    precision, recall, f1, support = precision_recall_fscore_support(gold, label, labels=known, zero_division=0)
    answered = np.mean([name != NONE for name in label])
    halves = precision * answered + recall
    strict_f1 = np.divide(2 * precision * answered * recall, halves, out=np.zeros(len(known)), where=halves > 0)
    return {
        "accuracy": accuracy_score(gold, label),
        "macro_f1_recall": f1.mean(),
        "weighted_f1_recall": np.average(f1, weights=support),
        "micro_f1_recall": f1_score(gold, label, labels=LABELS, average="micro", zero_division=0),
        "macro_f1_precision": strict_f1.mean(),
        "weighted_f1_precision": np.average(strict_f1, weights=support),
        "micro_f1_precision": accuracy_score(gold, label),
        "per_class": dict(zip(known, zip(precision * answered, recall, strict_f1, support, strict=True), strict=True)),
    }


def expect_part(part, events):
    """Check the metrics of a part, whose F1 is of the precision reading."""
    expected = score_events(events)
    assert (part["events"], part["windows"]) == (len(events), len({event["window"] for event in events}))
    assert part["n_groups"] == len({event["group"] for event in events})
    assert part["metrics"] == pytest.approx(
        {
            "accuracy": expected["accuracy"],
            "macro_f1": expected["macro_f1_precision"],
            "weighted_f1": expected["weighted_f1_precision"],
        }
    )


@pytest.mark.parametrize(("parsing", "key"), [("strict", "labels"), ("lenient", "lenient_labels")])
def test_both_readings_of_lost_answers(run, parsing, key):
    folder, score = run
    expected = score_events(read_events(folder, key))
    metrics = score[parsing]
    per_class = expected.pop("per_class")
    assert metrics["accuracy"] == pytest.approx(expected.pop("accuracy"))
    assert metrics["readings"] == pytest.approx(expected)
    for name in ("macro_f1", "weighted_f1", "micro_f1"):
        assert metrics[name] == pytest.approx(expected[f"{name}_precision"])
        assert metrics[name] < expected[f"{name}_recall"]
    for label, values in per_class.items():
        of_class = metrics["per_class"][label]
        assert [of_class[name] for name in ("precision", "recall", "f1", "support")] == pytest.approx(values)


def test_every_tested_window_is_pooled_once_and_counted_in_its_group(run):
    folder, score = run
    events = read_events(folder)
    by_group = defaultdict(list)
    for event in events:
        by_group[event["group"]].append(event)
    assert (score["n_events"], score["n_groups"]) == (len(events), len(by_group))
    assert score["n_windows"] == len({event["window"] for event in events})
    assert score["n_sessions"] == len({event["session"] for event in events}) > score["n_groups"]
    assert score["groups"]["names"] == sorted(by_group)
    for label in LABELS:
        counts = [
            sum(event["gold"] == event["label"] == label for event in by_group[name]) for name in sorted(by_group)
        ]
        assert score["groups"]["strict"]["right"][label] == " ".join(map(str, counts))


def test_metrics_without_labels(run):
    folder, score = run
    events = read_events(folder)
    for name, labels in WITHOUT.items():
        expect_part(score["without"][name], [event for event in events if event["gold"] not in labels])
        assert score["without"][name]["labels"] == [label for label in LABELS if label in labels]


def test_metrics_by_residents_present_and_by_resident(run):
    folder, score = run
    events = read_events(folder)
    present = defaultdict(set)
    for event in events:
        present[event["window"]].update(event["residents"])
    breakdown = score["breakdown"]
    assert set(breakdown["residents_present"]) == {str(len(names)) for names in present.values()}
    for number, part in breakdown["residents_present"].items():
        expect_part(part, [event for event in events if len(present[event["window"]]) == int(number)])
    assert set(breakdown["resident"]) == {"A", "B", "C"}
    for resident, part in breakdown["resident"].items():
        expect_part(part, [event for event in events if resident in event["residents"]])


def test_metrics_of_windows_of_one_and_of_several_activities(run):
    folder, score = run
    events = read_events(folder)
    labels = defaultdict(set)
    for event in events:
        labels[event["window"]].add(event["gold"])
    for name, part in score["breakdown"]["activities"].items():
        expect_part(part, [event for event in events if (len(labels[event["window"]]) > 1) == (name == "several")])


def test_segments(run):
    folder, score = run
    found, majority, waits, by_label = [], [], [], defaultdict(list)
    for segment in segments_of(read_events(folder)):
        right = [event["gold"] == event["label"] for event in segment]
        found.append(any(right))
        majority.append(sum(right) > len(right) / 2)
        by_label[segment[0]["gold"]].append(any(right))
        if any(right):
            waits.append(segment[right.index(True)]["seconds"] - segment[0]["seconds"])
    metrics = score["segments"]
    assert metrics["segments"] == len(found)
    assert (metrics["found"], metrics["found_by_majority"]) == pytest.approx((fmean(found), fmean(majority)))
    assert (metrics["onset_mean"], metrics["onset_median"]) == pytest.approx((fmean(waits), median(waits)))
    assert max(waits) > 0
    assert metrics["by_label"] == {
        label: {"segments": len(each), "found": sum(each)} for label, each in by_label.items()
    }


def segments_of(events):
    """Yield the events of each segment; each event gets the seconds since midnight before its session."""
    for _, session in groupby(events, key=lambda event: event["session"]):
        own, days = list(session), 0
        for position, event in enumerate(own):
            hours, minutes, seconds = map(int, event["time"].split(":"))
            days += position > 0 and event["time"] < own[position - 1]["time"]
            event["seconds"] = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        for resident in ("A", "B", "C", None):
            mine = [event for event in own if (resident in event["residents"] if resident else not event["residents"])]
            yield from (list(segment) for _, segment in groupby(mine, key=lambda event: event["gold"]))


def test_statuses_and_rates(run):
    folder, score = run
    rows = [row for path in folder.glob("parsed*.jsonl") for row in read_lines(path)]
    statuses = [row["status"] for row in rows]
    assert score["strict"]["status"] == {name: statuses.count(name) for name in score["strict"]["status"]}
    assert score["strict"]["rates"]["ok_rate"] == pytest.approx(statuses.count("ok") / len(rows))
    lost = {True: 0, False: 0}
    for row in rows:
        lost[row["status"] == "unknown_label"] += row["labels"].count(None)
    rates, events = score["strict"]["rates"], score["n_events"]
    assert (rates["unknown_rate"], rates["missing_rate"]) == pytest.approx((lost[True] / events, lost[False] / events))
    assert min(lost.values()) > 0
