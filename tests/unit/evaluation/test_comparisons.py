"""Test paired comparisons of recognisers: their values, their table below another table, and errors."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from hearth.evaluation.latex import render_latex
from hearth.evaluation.rendering import (
    render_csv,
    render_markdown,
)
from hearth.evaluation.score_document import LOST_ANSWER_RULES
from hearth.evaluation.tables import build_table
from score_factories import (
    draw_gold,
    draw_predictions,
    make_measured_score,
    make_score,
    make_seed_scores,
    make_student_score,
)

DISTILLATION = [make_student_score(), make_score("little", weighted_f1=0.25), make_score("large", weighted_f1=0.7)]


def test_pairs_are_compared_below_the_table_on_every_shared_dataset():
    metadata = {"simulated": ["made-up"], "stand_in": "tiny model"}
    scores = make_seed_scores(**metadata)
    scores.append(scores[0] | {"dataset": "second"})
    table = build_table({"title": "T", "compare": [["pupil", "little"], ["large", "pupil_seed1"]]}, scores, "abc")
    assert [(row["recogniser"], row["other"], row["dataset"]) for row in table.below.records] == [
        ("pupil", "little", "made-up"),
        ("large", "pupil_seed1", "made-up"),
    ]
    first = table.below.records[0]
    assert first["weighted_f1"] == pytest.approx(table.records[2]["gain_over_base"])
    assert first["weighted_f1_p"] == table.records[2]["gain_over_base_p"]
    assert table.below.cells[0][:3] == ["pupil (tiny)", "little (tiny)", "made-up (simulated)"]
    assert re.fullmatch(r"\+0\.\d{3} \[\+0\.\d\d, \+0\.\d\d\]", table.below.cells[0][3])
    assert "## Paired comparisons\n\n| Recogniser" in render_markdown(table)
    assert r"\textbf{Paired comparisons}" in render_latex(table, "t")


def test_comparisons_in_a_csv_are_a_csv_behind_comment_marks():
    table = build_table({"title": "T", "compare": [["pupil", "little"]]}, make_seed_scores(), "abc")
    text = render_csv(table)
    assert len(pd.read_csv(io.StringIO(text), comment="#")) == 4
    lines = text.split("\n")
    start = lines.index("# Paired comparisons")
    below = pd.read_csv(io.StringIO("\n".join(line.removeprefix("# ") for line in lines[start + 1 : start + 3])))
    assert below["recogniser"].tolist() == ["pupil"]
    assert below["accuracy_p"].tolist() == pytest.approx([table.below.records[0]["accuracy_p"]], abs=1e-6)


def test_rows_of_several_seeds_are_compared_once():
    pairs = [["pupil", "little"], ["pupil_seed1", "little"]]
    table = build_table({"title": "T", "seeds": "mean", "compare": pairs}, make_seed_scores(), "abc")
    assert [row["recogniser"] for row in table.below.records] == ["pupil"]
    assert table.below.records[0]["weighted_f1_p"] == table.records[2]["gain_over_base_p"]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([["pupil", "litle"]], "compare: 'litle' has no row in this table; did you mean 'little'"),
        ([["pupil", "pupil"]], "compare: pupil is compared with itself"),
        ([["pupil", "other"]], "compare: pupil and other were scored on no dataset in common"),
        ([["pupil"]], r"'compare' has \['pupil'\], which is not a pair"),
        ("pupil", "'compare' must be a list of pairs"),
    ],
)
def test_wrong_comparisons_are_errors(pairs, message):
    scores = [*make_seed_scores(), make_score("other", "second")]
    with pytest.raises(ValueError, match=message):
        build_table({"title": "T", "compare": pairs}, scores, "abc")


def make_pair(one_reading, other_reading):
    """Return the scores of two recognisers, the second of which loses more answers, in these readings."""
    draw = np.random.default_rng(2)
    gold = draw_gold(draw, 8, 12)
    readings = {"one": one_reading, "other": other_reading}
    scores = [
        make_measured_score(gold, draw_predictions(draw, gold, skill), name, lost_answers=readings[name])
        for name, skill in (("one", 0.8), ("other", 0.3))
    ]
    return build_table({"title": "T", "compare": [["one", "other"]]}, scores, "abc"), scores


@pytest.mark.parametrize("reading", ["recall", "precision"])
def test_a_comparison_has_the_reading_of_its_scores(reading):
    table, scores = make_pair(reading, reading)
    one, other = (score["strict"]["readings"][f"weighted_f1_{reading}"] for score in scores)
    record = table.below.records[0]
    assert record["weighted_f1"] == pytest.approx(one - other)
    assert record["weighted_f1_low"] < one - other < record["weighted_f1_high"]
    assert any(LOST_ANSWER_RULES[reading] in statement for statement in dict(table.notes)["Metrics"])


def test_scores_of_two_readings_are_not_compared():
    with pytest.raises(ValueError, match="one and other were scored with other settings"):
        make_pair("recall", "precision")
