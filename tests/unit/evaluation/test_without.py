"""Test the columns of a table about metrics without named sets of labels."""

import numpy as np
import pytest
from factories import LABELS
from hearth.evaluation import lineage
from hearth.evaluation.parts import PartScorer
from hearth.evaluation.tables import build_table, check_spec
from recorded_factories import make_recorded
from score_factories import draw_gold, draw_predictions, make_measured_score

COLUMN = "weighted_f1_without_eating"


def make_scores(*sets, seeds=1):
    """Return measured scores of a student's training seeds, with the metrics without each set of labels."""
    draw = np.random.default_rng(5)
    gold = draw_gold(draw, 6, 12)
    scores = []
    for seed in range(seeds):
        predicted = draw_predictions(draw, gold, 0.6)
        windows = [
            (name, [("08:00:00", "A", right, label) for right, label in zip(labels, predicted[name], strict=True)])
            for name, labels in gold.items()
        ]
        scorer = PartScorer("pupil", "made-up", make_recorded(LABELS, windows)[0], "recall")
        name = f"pupil_seed{seed}" if seed else "pupil"
        score = make_measured_score(gold, predicted, name, kind="student", base="little", train_dataset="made-up")
        scores.append(score | {"without": {name: scorer.score_without(labels) for name, labels in sets}})
    return scores


def test_a_column_shows_the_metric_with_its_interval():
    (score,) = make_scores(("eating", ["EATING"]))
    table = build_table({"title": "T", "columns": ["recogniser", COLUMN]}, [score], "abc")
    part = score["without"]["eating"]
    low, high = part["intervals"]["weighted_f1"]
    assert table.columns[1].heading == "Weighted F1 (without eating)"
    assert table.cells[0][1] == f"{part['metrics']['weighted_f1']:.3f} [{low:.2f}, {high:.2f}]"
    assert part["metrics"]["weighted_f1"] != pytest.approx(score["strict"]["weighted_f1"])
    said = dict(table.notes)["Left out"]
    assert "majority may, scores 0" in said[1]
    assert said[2] == f"eating, made-up: EATING ({part['events']} of {score['n_events']} events remain)"


def test_the_row_of_several_seeds_has_their_mean_and_deviation():
    scores = make_scores(("eating", ["EATING"]), seeds=2)
    record = build_table({"title": "T", "columns": [COLUMN], "seeds": "mean"}, scores, "abc").records[0]
    values = [score["without"]["eating"]["metrics"]["weighted_f1"] for score in scores]
    assert record[COLUMN] == pytest.approx(np.mean(values))
    assert record[f"{COLUMN}_sd"] == pytest.approx(np.std(values, ddof=1))
    assert record[f"{COLUMN}_low"] < record[COLUMN] < record[f"{COLUMN}_high"]


def test_records_have_equal_keys_if_only_one_score_has_the_set():
    with_set, without_set = make_scores(("eating", ["EATING"]))[0], make_scores()[0] | {"recogniser": "other"}
    table = build_table({"title": "T", "columns": [COLUMN]}, [without_set, with_set], "abc")
    assert table.records[0].keys() == table.records[1].keys()
    assert (table.records[0][COLUMN], table.cells[0]) == (None, [""])


def test_a_set_that_leaves_no_event_has_an_empty_cell():
    table = build_table({"title": "T", "columns": ["accuracy_without_all"]}, make_scores(("all", LABELS)), "abc")
    assert table.cells == [[""]]


def test_a_set_that_no_score_has_is_an_error():
    with pytest.raises(ValueError, match="no score has a value of the column 'accuracy_without_all'"):
        build_table({"title": "T", "columns": ["accuracy_without_all"]}, make_scores(), "abc")


def test_a_column_of_another_metric_is_an_error():
    with pytest.raises(ValueError, match="unknown column 'ok_rate_without_eating'"):
        check_spec({"title": "T", "columns": ["ok_rate_without_eating"]})


def test_the_lineage_of_a_column_names_its_key():
    key, definition = lineage.column_source(COLUMN)
    assert key == "without.eating.metrics.weighted_f1"
    assert definition.endswith("without the labels `eating`")
