"""Check F1 by token budget: which answers count within a budget, and the table of budgets."""

import budgets as program
import numpy as np
import pandas as pd
import pytest
from count_factories import encode_windows
from factories import LABELS
from hearth.common.files import write_json
from hearth.evaluation.budget_table import build_budget_table
from hearth.evaluation.budgets import measure_budgets, select_budget_scores
from score_factories import make_full_run_scores, make_score
from sklearn.metrics import f1_score

GOLD = [[LABELS[0], LABELS[1]], [LABELS[1]], [LABELS[0]], [LABELS[0]]]
PREDICTED = [[LABELS[0], LABELS[1]], [LABELS[1]], [LABELS[1]], [None]]
STATUSES = ["ok", "ok", "ok", "unclosed_reasoning"]
TOKENS = np.array([100, 300, 50, 400], np.int32)
CUT_OFF = np.array([False, False, False, True])


def measure(tokens, lost_answers="recall"):
    windows = encode_windows(LABELS, GOLD, PREDICTED, STATUSES, ["a", "b", "c", "d"])
    return measure_budgets("little", "made-up", windows, TOKENS, CUT_OFF, tokens, lost_answers)


def expected_f1(budget):
    """Return weighted F1 by scikit-learn; answers beyond the budget have a label that is no label of the home."""
    gold = [label for labels in GOLD for label in labels]
    answers = [
        label if label and tokens <= budget else "none"
        for labels, tokens in zip(PREDICTED, TOKENS, strict=True)
        for label in labels
    ]
    return f1_score(gold, answers, labels=sorted(set(gold)), average="weighted", zero_division=0)


@pytest.mark.parametrize("budget", [10, 50, 99, 100, 299, 300, 400, 5000])
def test_answers_that_end_within_the_budget_count_and_no_others(budget):
    (measured,) = measure([budget])
    assert measured["weighted_f1"] == pytest.approx(expected_f1(budget))
    # The fourth answer was cut off at the run's own limit.
    assert measured["truncated_rate"] == np.mean((budget < TOKENS) | CUT_OFF)
    assert measured["max_new_tokens"] == budget


def test_a_budget_beyond_every_answer_gives_the_score_of_the_run():
    windows = encode_windows(LABELS, GOLD, PREDICTED, STATUSES, ["a", "b", "c", "d"])
    from hearth.evaluation.metrics import score_windows

    for reading in ("recall", "precision"):
        (measured,) = measure([4096], reading)
        assert measured["weighted_f1"] == pytest.approx(score_windows(windows, "strict", reading)["weighted_f1"])


def test_a_lost_answer_costs_precision_in_that_reading():
    (recall,), (precision,) = measure([100]), measure([100], "precision")
    assert precision["weighted_f1"] < recall["weighted_f1"]


def test_only_base_models_without_a_variant_have_rows():
    scores = make_full_run_scores()
    chosen = select_budget_scores([*scores, make_score("other")])
    assert {score["recogniser"] for score in chosen} == {"model-1m", "model-9m"}
    table = build_budget_table(scores, "abc")
    assert len(table.records) == 2 * 2 * 2
    assert table.cells[0][:4] == ["model-1m", "made-up", "1.0M", "256"]
    assert table.cells[0][4:] == ["0.100", "0.100 [0.05, 0.20]"]
    assert table.notes[0][0] == "Token budgets"
    with pytest.raises(ValueError, match=r"set metrics\.token_budgets"):
        build_budget_table([make_score()], "abc")


def test_the_program_writes_the_table(tmp_path):
    paths = []
    for number, score in enumerate(make_full_run_scores()):
        paths.append(str(tmp_path / f"{number}.json"))
        write_json(tmp_path / f"{number}.json", score)
    files = {suffix: tmp_path / f"budgets.{suffix}" for suffix in ("md", "csv", "tex")}
    options = zip(("--markdown", "--csv", "--tex"), map(str, files.values()), strict=True)
    program.main(["--scores", *paths, *(part for pair in options for part in pair)])
    rows = pd.read_csv(files["csv"], comment="#")
    assert rows["max_new_tokens"].tolist() == [256, 1024] * 4
    assert "smaller decoding.max_new_tokens would have given" in " ".join(files["md"].read_text().split())
