"""Test the columns of a table about simple and complex windows."""

from count_factories import keep_groups
from hearth.evaluation import statistics, subsets
from hearth.evaluation.counts import counts_of_subset
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
    few = keep_groups(score["groups"], score["groups"]["names"][:6])
    score["complexity"] = {"rule": "...", "simple": part | {"groups": few}, "complex": None}
    table = build_table({"title": "T", "columns": ["simple_weighted_f1", "complex_weighted_f1"]}, [score], "abc")
    low, high = statistics.metric_intervals(counts_of_subset(score, "simple"))["weighted_f1"]
    assert [low, high] != score["strict"]["intervals"]["weighted_f1"]
    record = table.records[0]
    assert (record["simple_weighted_f1_low"], record["simple_weighted_f1_high"]) == (low, high)
    assert table.cells[0] == [f"{part['weighted_f1']:.3f} [{low:.2f}, {high:.2f}]", ""]
