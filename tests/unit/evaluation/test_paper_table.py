"""Test the paper form of a table: its rows, columns, bold values, daggers and footnotes."""

import pytest
from hearth.evaluation.paper_form import PaperColumn
from hearth.evaluation.paper_table import build_paper_form, row_names
from hearth.evaluation.rendering import decimals, render_markdown
from hearth.evaluation.tables import COLUMNS, build_table
from score_factories import make_run_scores, make_score, make_seed_scores


def record(recogniser, dataset="made-up", train_dataset="", weighted_f1=0.5, learned="", **more):
    empty = dict.fromkeys(("gain_over_base_p_holm", "gap_to_best_p_holm"))
    named = {"recogniser": recogniser, "dataset": dataset, "train_dataset": train_dataset, "stand_in": ""}
    named["base"] = recogniser.partition("_")[0]
    named["train_datasets"] = learned or train_dataset
    return empty | named | {"weighted_f1": weighted_f1} | more


def form(*records, metrics=("weighted_f1",)):
    return build_paper_form(
        records, {name: COLUMNS[name] for name in metrics}, dict.fromkeys(metrics, decimals(2)), str.upper
    )


def texts(built):
    return {name: [cell and cell.text for cell in cells] for name, cells in built.rows}


def bold(built):
    return {name: [bool(cell and cell.best) for cell in cells] for name, cells in built.rows}


def test_rows_are_recognisers_and_columns_are_datasets():
    built = form(
        record("a", weighted_f1=0.25, weighted_f1_low=0.2, weighted_f1_high=0.3),
        record("b", "second", weighted_f1=0.75, weighted_f1_sd=0.0123),
    )
    assert built.columns == [PaperColumn("MADE-UP", ""), PaperColumn("SECOND", "")]
    assert texts(built) == {"a": ["0.250 [0.20, 0.30]", None], "b": [None, "0.750 ± 0.012"]}
    assert built.footnotes == ["Weighted F1; ± standard deviation over seeds; in brackets 95 % interval"]


def test_the_best_values_of_every_column_are_bold_as_they_are_shown():
    built = form(
        record("a", weighted_f1=0.5004, missing_rate=0.1),
        record("b", weighted_f1=0.4996, missing_rate=0.2),
        record("c", weighted_f1=0.3, missing_rate=None),
        record("d", "second", missing_rate=0.3),
        metrics=("weighted_f1", "missing_rate"),
    )
    assert [(column.dataset, column.metric) for column in built.columns][:2] == [
        ("MADE-UP", "Weighted F1"),
        ("MADE-UP", "Missing events"),
    ]
    assert bold(built) == {
        "a": [True, True, False, False],  # less is better for missing events
        "b": [True, False, False, False],
        "c": [False, False, False, False],
        "d": [False, False, False, False],  # alone in its column
    }


def test_a_dagger_marks_students_that_differ_from_their_base_and_nothing_else_then():
    built = form(
        record("student", gain_over_base_p_holm=0.049),
        record("other", gain_over_base_p_holm=0.05),
        record("base", gap_to_best_p_holm=0.001),
    )
    assert [cell.marked for _, (cell,) in built.rows] == [True, False, False]
    assert built.footnotes[1] == "† a student that differs from its base beyond chance (Holm p < 0.05)"


def test_without_students_a_dagger_marks_rows_that_differ_from_the_best():
    built = form(record("a", weighted_f1=0.9), record("b", gap_to_best_p_holm=0.01))
    assert texts(built) == {"a": ["0.900"], "b": ["0.500†"]}
    assert built.footnotes[1].startswith("† a row that differs from the best of its column")


def test_daggers_stand_at_the_tested_metric_only():
    tested = record("b", gap_to_best_p_holm=0.01, accuracy=0.5)
    assert texts(form(tested, metrics=("accuracy", "weighted_f1"))) == {"b": ["0.500", "0.500†"]}
    assert len(form(tested, metrics=("accuracy",)).footnotes) == 1


def test_students_on_their_own_home_share_a_row_and_others_do_not():
    own = [record(f"little_reasoning_{home}_seed3", home, home) for home in ("made-up", "second")]
    assert row_names([*own, record("little", stand_in="tiny")]) == [*["little_reasoning_seed3"] * 2, "little (tiny)"]
    foreign = record("little_reasoning_made-up_seed3", "second", "made-up")
    assert row_names([*own, foreign]) == [one["recogniser"] for one in (*own, foreign)]
    # Students of several homes keep their names, and let the others share a row.
    many = [
        record("little_reasoning_all_seed3", home, "all", learned="made-up, second") for home in ("made-up", "second")
    ]
    assert row_names([*own, *many]) == ["little_reasoning_seed3"] * 2 + ["little_reasoning_all_seed3"] * 2
    # Two students that would share a row on one dataset keep their names.
    twice = [record("x_made-up", "made-up", "made-up"), record("x", "made-up")]
    assert row_names(twice) == ["x_made-up", "x"]


def test_the_gap_to_the_best_is_tested_only_if_no_row_has_a_gain():
    plain = build_table({"title": "T"}, make_seed_scores()[:2], "abc").records
    assert sum(one["gap_to_best_p"] is not None for one in plain) == 1
    assert next(one["gap_to_best"] for one in plain if one["gap_to_best_p"] is not None) < 0
    with_students = build_table({"title": "T"}, make_run_scores(), "abc").records
    assert any(one["gain_over_base_p"] is not None for one in with_students)
    assert all(one["gap_to_best_p"] is None for one in with_students)


def test_markdown_in_paper_form_is_bold_and_escaped():
    scores = [make_score("a|b", weighted_f1=0.7), make_score("little", weighted_f1=0.5)]
    page = render_markdown(build_table({"title": "T", "layout": "paper"}, scores, "abc"))
    assert "| a\\|b" in page
    assert "**0.700**" in page
    assert "| Recogniser" not in page
    assert "bold: best of its column" in page


@pytest.mark.parametrize("layout", ["wide", "paper"])
def test_the_csv_does_not_depend_on_the_layout(layout):
    table = build_table({"title": "T", "layout": layout}, make_run_scores(), "abc")
    assert table.records == build_table({"title": "T"}, make_run_scores(), "abc").records


def test_an_unknown_layout_is_refused():
    with pytest.raises(ValueError, match="'layout' is 'tall'; it must be wide or paper"):
        build_table({"title": "T", "layout": "tall"}, make_run_scores(), "abc")
