"""Test scores in common labels against scikit-learn on mapped labels, and the tables that show them."""

import json
from pathlib import Path

import numpy as np
import pytest
import score as score_program
from factories import HOME, METRIC_SETTINGS, make_window
from hearth.common.files import write_json, write_json_lines, write_text
from hearth.evaluation.answered_windows import read_answers
from hearth.evaluation.common_labels import in_labels
from hearth.evaluation.score_document import HEADLINES, read_score
from hearth.evaluation.tables import build_table, check_spec
from hearth.homes.home import common_label_names
from score_factories import make_score
from score_runs import make_baseline_metadata
from sklearn.metrics import accuracy_score, f1_score
from window_factories import make_splits

LABELS = ["Meal prep", "Baking", "Eating", "relaxing", "Out"]
# Two native labels share one common label; one is spelled as a common label that it is not mapped to.
MAPPING = {"Meal prep": "cooking", "Baking": "cooking", "Eating": "eating", "relaxing": "other", "Out": "leaving"}
NO_LABEL = "(none)"


def draw_rows(seed, sessions=8, several=False):
    """Draw windows of sessions and their parsed predictions, some of whose labels are missing."""
    draw = np.random.default_rng(seed)
    windows, rows = [], []
    for session in range(sessions):
        gold = draw.choice(LABELS, int(draw.integers(3, 9))).tolist()
        window = make_window(f"s{session}", 0, gold)
        if several:
            window["gold_any"] = [[label, *{str(draw.choice(LABELS))} - {label}] for label in gold]
        answered = [
            label if draw.random() < 0.5 else str(draw.choice(LABELS)) if draw.random() < 0.8 else None
            for label in gold
        ]
        status = "missing_events" if None in answered else "ok"
        windows.append(window)
        rows.append(
            {
                **{"window_id": window["window_id"], "text": "", "finish_reason": "stop", "seed": 0, "reasoning": ""},
                **{"prompt_tokens": 0, "completion_tokens": 0, "labels": answered, "status": status},
                **{"lenient_labels": answered, "lenient_status": status},
            }
        )
    return windows, rows


def write_run(folder, windows, rows):
    """Write the files that score.py reads; every session but the first is tested. Return the program's options."""
    splits = make_splits({window["session"]: 1 if place else None for place, window in enumerate(windows)}, windows)
    write_json_lines(folder / "windows.jsonl", windows)
    write_json(folder / "splits.json", splits)
    events = [event | {"label": LABELS[0]} for event in HOME["example"]["events"]]
    write_text(
        folder / "home.yaml",
        json.dumps(HOME | {"labels": LABELS, "example": HOME["example"] | {"events": events}}),
    )
    write_json_lines(folder / "parsed.jsonl", rows[1:])
    return [
        *("--recogniser", "majority", "--dataset", "made-up", "--windows", str(folder / "windows.jsonl")),
        *("--splits", str(folder / "splits.json"), "--home", str(folder / "home.yaml")),
        *("--parsed", str(folder / "parsed.jsonl"), "--metrics", json.dumps(METRIC_SETTINGS)),
        *("--out", str(folder / "score.json")),
    ]


def run_score(folder, windows, rows, **metadata):
    """Return the score that score.py writes."""
    options = write_run(folder, windows, rows)
    score_program.main([*options, "--metadata", json.dumps(make_baseline_metadata(**metadata))])
    return read_score(folder / "score.json")


def mapped(windows, rows):
    """Return the common gold labels and the common predicted ones of all tested events, mapped event by event."""
    gold, predicted = [], []
    for window, row in zip(windows[1:], rows[1:], strict=True):
        for place, (right, label) in enumerate(zip(window["gold"], row["labels"], strict=True)):
            accepted = [MAPPING[each] for each in window.get("gold_any", [[one] for one in window["gold"]])[place]]
            common = NO_LABEL if label is None else MAPPING[label]
            gold.append(MAPPING[right])
            predicted.append(MAPPING[right] if common in accepted else common)
    return gold, predicted


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("several", [False, True])
def test_common_metrics_are_those_of_scikit_learn_on_mapped_labels(tmp_path, seed, several):
    windows, rows = draw_rows(seed, several=several)
    common = run_score(tmp_path, windows, rows, common_labels=MAPPING)["common"]
    gold, predicted = mapped(windows, rows)
    occurring = sorted(set(gold))
    settings = {"labels": occurring, "zero_division": 0}
    for parsing in ("strict", "lenient"):
        metrics = common[parsing]
        assert metrics["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
        assert metrics["macro_f1"] == pytest.approx(f1_score(gold, predicted, average="macro", **settings))
        assert metrics["weighted_f1"] == pytest.approx(f1_score(gold, predicted, average="weighted", **settings))
        by_label = f1_score(gold, predicted, average=None, **settings)
        assert [metrics["per_class"][label]["f1"] for label in occurring] == pytest.approx(by_label.tolist())
        assert metrics["confusion"]["labels"] == list(common_label_names())


def test_common_labels_change_no_number_in_native_labels(tmp_path):
    windows, rows = draw_rows(4)
    plain, both = (run_score(tmp_path, windows, rows, common_labels=common) for common in ({}, MAPPING))
    assert "common" not in plain
    assert both["provenance"]["home"].pop("common_labels") == MAPPING
    assert {key: value for key, value in both.items() if key != "common"} == plain
    # Confusing two labels that share a common one is right in common labels only.
    assert both["common"]["strict"]["accuracy"] > both["strict"]["accuracy"]


def test_complex_windows_are_the_same_in_both_kinds_of_labels(tmp_path):
    score = run_score(tmp_path, *draw_rows(5), common_labels=MAPPING)
    for subset in ("simple", "complex"):
        native, common = (part["complexity"][subset] for part in (score, score["common"]))
        assert (native and native["groups"]["names"]) == (common and common["groups"]["names"])


def test_answers_in_common_labels_are_scored_as_they_are(tmp_path):
    windows, rows = draw_rows(6)
    native = run_score(tmp_path, windows, rows, common_labels=MAPPING)
    answered = [
        row | {key: [label and MAPPING[label] for label in row[key]] for key in ("labels", "lenient_labels")}
        for row in rows
    ]
    common = run_score(tmp_path, windows, answered, common_labels=MAPPING, labels="common")
    assert (native["labels"], common["labels"]) == ("native", "common")
    for key in ("groups", "strict", "lenient", "complexity"):
        assert common[key] == native["common"][key]
    assert "common" not in common


def test_an_answer_in_common_labels_needs_a_mapping(tmp_path):
    with pytest.raises(ValueError, match="labels is 'common', but common_labels is empty; add common_labels"):
        run_score(tmp_path, *draw_rows(6), labels="common")
    with pytest.raises(ValueError, match="labels is 'shared'; it must be native or common"):
        run_score(tmp_path, *draw_rows(6), labels="shared")


def test_a_wrong_label_is_named_as_the_home_spells_it():
    windows, rows = draw_rows(7)
    rows[1]["labels"][0] = "eatin"
    splits = make_splits({window["session"]: 1 if place else None for place, window in enumerate(windows)}, windows)
    with pytest.raises(ValueError, match=r"event 1: predicted label 'eatin' is not a label of the home; did you mean"):
        read_answers(windows, splits, {Path("parsed.jsonl"): rows[1:]}, tuple(LABELS), MAPPING)


def test_a_table_shows_the_metrics_of_the_labels_that_it_asks_for(tmp_path):
    score = run_score(tmp_path, *draw_rows(8, sessions=12), common_labels=MAPPING)
    for labels, part in (("native", score), ("common", score["common"])):
        for record in (
            build_table({"title": "T", "labels": labels}, [score], "abc").records[0],
            build_table({"title": "T", "labels": labels, "seeds": "mean"}, [score], "abc").records[0],
        ):
            for name in HEADLINES:
                assert record[name] == part["strict"][name]
                assert [record[f"{name}_low"], record[f"{name}_high"]] == part["strict"]["intervals"][name]
    by_label = build_table({"title": "T", "labels": "common", "rows": "labels"}, [score], "abc")
    assert {record["label"] for record in by_label.records} <= set(common_label_names())


def test_differences_between_rows_are_tested_in_common_labels(tmp_path):
    windows, rows = draw_rows(9, sessions=14)
    # `sure` confuses labels that share a common one, so that it is right in common labels only.
    swapped = {"Meal prep": "Baking", "Baking": "Meal prep"}
    confused = [
        row | {"labels": [swapped.get(one, one) for one in window["gold"]], "status": "ok"}
        for row, window in zip(rows, windows, strict=True)
    ]
    scores = [run_score(tmp_path, windows, answers, common_labels=MAPPING) for answers in (rows, confused)]
    scores[1]["recogniser"] = "sure"
    records = {
        labels: build_table(
            {"title": "T", "labels": labels, "compare": [["sure", "majority"]]}, scores, "abc"
        ).below.records[0]
        for labels in ("native", "common")
    }
    assert scores[1]["common"]["strict"]["accuracy"] == 1.0
    assert records["common"]["accuracy"] == pytest.approx(1 - scores[0]["common"]["strict"]["accuracy"])
    assert records["native"]["accuracy"] < records["common"]["accuracy"]
    assert records["common"]["accuracy_p"] < 0.01


def test_the_notes_say_common_labels_and_give_each_mapping(tmp_path):
    score = run_score(tmp_path, *draw_rows(8), common_labels=MAPPING)
    table = build_table({"title": "T", "labels": "common"}, [score], "abc")
    assert dict(table.notes)["Common labels"][0].startswith("a recorded and an answered label count as")
    assert (
        "made-up: Baking -> cooking, Eating -> eating, Meal prep -> cooking" in dict(table.grounds)["Common labels"][1]
    )
    assert "Common labels" not in dict(build_table({"title": "T"}, [score], "abc").notes)


def test_a_home_without_a_mapping_is_refused_with_the_remedy():
    with pytest.raises(
        ValueError, match=r"home of made-up does not map .*; add `common_labels` to its yaml \(made-up\)"
    ):
        build_table({"title": "T", "labels": "common"}, [make_score()], "abc")


def test_a_table_in_native_labels_refuses_answers_in_common_ones():
    with pytest.raises(ValueError, match=r"words answers in labels that homes share, .* set `labels: common`"):
        in_labels([make_score("words", labels="common")], "native")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"labels": "shared"}, "'labels' is 'shared'; it must be native or common"),
        ({"labels": "common", "rows": "parts"}, "native labels only"),
        ({"labels": "common", "columns": ["accuracy_without_eating"]}, "native labels only"),
    ],
)
def test_a_specification_that_common_labels_cannot_fill_is_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        check_spec({"title": "T"} | spec)
