"""Test the columns of a table about simple and complex windows."""

import pytest
from count_factories import keep_groups
from hearth.evaluation import subsets
from hearth.evaluation.score_document import Metrics
from hearth.evaluation.tables import COLUMNS, build_table
from score_factories import make_score, make_seed_scores, make_student_score

DISTILLATION = [make_student_score(), make_score("little", weighted_f1=0.25), make_score("large", weighted_f1=0.7)]


def test_simple_and_complex_windows_have_columns_of_their_own():
    names = ["recogniser", "simple_windows", "simple_weighted_f1", "complex_windows", "complex_weighted_f1"]
    table = build_table({"title": "Transfer", "columns": names}, [make_score(weighted_f1=0.5)], "abc")
    record = table.records[0]
    assert [record[name] for name in names] == ["little", 3, 0.5, 0, None]
    assert table.notes[0][0] == "Simple and complex windows"
    assert (COLUMNS.keys() & set(subsets.COLUMNS)) == set(subsets.COLUMNS)


def test_the_interval_of_simple_windows_is_over_the_sessions_that_have_simple_windows():
    score = make_seed_scores()[0]
    part = {key: score["strict"][key] for key in Metrics.__annotations__}
    names = score["groups"]["names"][:2]
    two = keep_groups(score["groups"], names)
    score["complexity"] = {"rule": "...", "simple": part | {"groups": two}, "complex": None}
    table = build_table({"title": "T", "columns": ["simple_weighted_f1", "complex_weighted_f1"]}, [score], "abc")
    # Of the resamples of two sessions, a quarter has only the first and a quarter only the second, so the bounds of the
    # interval are the values of the single sessions.
    low, high = sorted(weighted_f1(keep_groups(two, [name])) for name in names)
    record = table.records[0]
    assert record["simple_weighted_f1_low"] == pytest.approx(low)
    assert record["simple_weighted_f1_high"] == pytest.approx(high)
    assert table.cells[0] == [f"{part['weighted_f1']:.3f} [{low:.2f}, {high:.2f}]", ""]


def weighted_f1(session):
    """Return the weighted F1 of the counts of one session."""
    gold, predicted, right = (
        {label: int(count) for label, count in events.items()}
        for events in (session["gold"], session["strict"]["predicted"], session["strict"]["right"])
    )
    shares = [count * 2 * right[label] / (count + predicted[label]) for label, count in gold.items() if count]
    return sum(shares) / sum(gold.values())
