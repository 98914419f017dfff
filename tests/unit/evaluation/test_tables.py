"""Test tables of scores: rows, columns, intervals, p values, training seeds and notes."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from hearth.evaluation import bootstrap, statistics
from hearth.evaluation.counts import counts_of_score
from hearth.evaluation.latex import render_latex
from hearth.evaluation.notes import stand_in_warnings
from hearth.evaluation.rendering import (
    all_notes,
    render_csv,
    render_markdown,
)
from hearth.evaluation.score_document import DESCRIPTIONS, HEADLINES, LOST_ANSWER_RULES
from hearth.evaluation.tables import COLUMNS, KEYS, build_table
from score_factories import make_score, make_seed_scores, make_student_score

DISTILLATION = [make_student_score(), make_score("little", weighted_f1=0.25), make_score("large", weighted_f1=0.7)]


def test_rows_are_the_scores_in_their_order():
    table = build_table({"title": "T"}, DISTILLATION, "abc")
    assert [record["recogniser"] for record in table.records] == ["little_reasoning_made-up", "little", "large"]
    assert [key for key in table.records[0] if key in COLUMNS] == list(COLUMNS)
    assert (table.records[1]["n_events"], table.records[1]["macro_f1"], table.records[1]["teacher"]) == (
        5,
        pytest.approx((1 + 0 + 4 / 5) / 3),
        "",
    )


def test_students_are_compared_with_base_and_teacher_on_the_same_dataset():
    student, base, teacher = build_table({"title": "T"}, DISTILLATION, "abc").records
    assert student["gain_over_base"] == pytest.approx(0.35)
    assert student["gap_to_teacher"] == pytest.approx(0.1)
    assert (base["gain_over_base"], base["gap_to_teacher"], teacher["gap_to_teacher"]) == (None, None, None)
    elsewhere = build_table({"title": "T"}, [make_student_score("other"), make_score("little")], "abc").records[0]
    assert elsewhere["gain_over_base"] is None


def test_usual_columns_without_values_are_left_out():
    assert [column.heading for column in build_table({"title": "T", "columns": []}, [make_score()], "abc").columns] == [
        "Recogniser",
        "Dataset",
        "Parameters",
        "Groups",
        "Events",
        *(DESCRIPTIONS[name].heading for name in HEADLINES),
        "Ok windows",
        "Missing events",
        "Unknown labels",
        "Truncated windows",
    ]
    assert {"Trained on", "Gain over base", "Gap to teacher"} <= {
        column.heading for column in build_table({"title": "T"}, DISTILLATION, "abc").columns
    }


def test_named_columns_are_shown_and_the_csv_has_all():
    table = build_table({"title": "T", "columns": ["parameters", "weighted_f1", "gain_over_base"]}, DISTILLATION, "abc")
    assert [[cell.split(" [")[0] for cell in row] for row in table.cells] == [
        ["596.0M", "0.600", "+0.350"],
        ["596.0M", "0.250", ""],
        ["596.0M", "0.700", ""],
    ]
    assert render_csv(table).split("\n")[0] == ",".join(f'"{name}"' for name in KEYS)


def test_tiny_models_and_simulated_data_are_marked():
    metadata = {"stand_in": "tiny model trained by this project", "simulated": ["made-up"]}
    table = build_table({"title": "T"}, [make_student_score(provenance=metadata), make_score("large", "other")], "abc")
    assert table.cells[0][:3] == ["little_reasoning_made-up (tiny)", "made-up (simulated)", "made-up (simulated)"]
    assert table.cells[1][:3] == ["large", "", "other"]
    notes = dict(table.notes)
    assert notes["Simulated data"] == ["made-up: simulated by this project, not recorded in a home"]
    assert notes["Tiny models"] == ["little: tiny model trained by this project"]


def test_a_tiny_teacher_is_marked_if_only_its_students_are_shown():
    student = make_student_score(provenance={"teacher_stand_in": "tiny model trained by this project"})
    table = build_table({"title": "T", "columns": ["recogniser", "teacher"]}, [student], "abc")
    assert table.cells == [["little_reasoning_made-up", "large (tiny)"]]
    assert dict(table.notes)["Tiny models"] == ["large: tiny model trained by this project"]
    assert stand_in_warnings([student]) == ["Tiny models, not real ones: large"]


def test_equal_scores_give_equal_bytes():
    one, other = (build_table({"title": "T"}, [make_score(), make_student_score()], "abc") for _ in range(2))
    for render in (render_markdown, render_csv, lambda table: render_latex(table, "t")):
        assert render(one) == render(other)


@pytest.mark.parametrize(
    ("spec", "scores", "message"),
    [
        ({}, DISTILLATION, "'title' must be a text"),
        ({"title": "T", "caption": 3}, DISTILLATION, "'caption' must be a text"),
        ({"title": "T", "colums": []}, DISTILLATION, "unknown key 'colums'; did you mean 'columns'"),
        ({"title": "T", "columns": "f1"}, DISTILLATION, "'columns' must be a list"),
        ({"title": "T", "columns": ["macrof1"]}, DISTILLATION, "unknown column 'macrof1'; did you mean 'macro_f1'"),
        ({"title": "T"}, [], "at least one score"),
        ({"title": "T"}, [make_score(), make_score()], "the score of little on made-up is given 2 times"),
    ],
)
def test_wrong_specifications_are_errors(spec, scores, message):
    with pytest.raises(ValueError, match=message):
        build_table(spec, scores, "abc")


def test_an_interval_is_in_brackets_and_its_bounds_are_columns_of_the_csv():
    scores = make_seed_scores()
    table = build_table({"title": "T", "columns": ["recogniser", "weighted_f1", "missing_rate"]}, scores, "abc")
    assert re.fullmatch(r"0\.\d{3} \[0\.\d\d, 0\.\d\d\]", table.cells[0][1])
    frame = pd.read_csv(io.StringIO(render_csv(table)), comment="#")
    for parsing, prefix in (("strict", ""), ("lenient", "lenient_")):
        for metric in ("weighted_f1", "accuracy"):
            stored = [score[parsing]["intervals"][metric] for score in scores]
            columns = [f"{prefix}{metric}_low", f"{prefix}{metric}_high"]
            assert frame[columns].to_numpy() == pytest.approx(np.array(stored), abs=1e-6)
    assert "0.4" in render_markdown(table)
    assert r"\[" not in render_markdown(table).split("- Metrics")[0]
    assert table.cells[0][1] in render_markdown(table)
    value, interval = table.cells[0][1].split(" ", 1)
    unbroken = interval.replace(" ", "~")
    assert f"{value}\\newline{{\\scriptsize{{}}{unbroken}}}" in render_latex(table, "t")


def test_gain_and_gap_have_intervals_and_p_values_over_the_same_sessions():
    scores = make_seed_scores()
    little, large, pupil, _ = map(counts_of_score, scores)
    record = build_table({"title": "T"}, scores, "abc").records[2]
    for name, one, other in (("gain_over_base", pupil, little), ("gap_to_teacher", large, pupil)):
        values = [statistics.resample(counts)["weighted_f1"] for counts in (one, other)]
        assert (record[f"{name}_low"], record[f"{name}_high"]) == tuple(
            bootstrap.percentile_interval(values[0] - values[1], 12)
        )
        assert record[f"{name}_p"] == statistics.permutation_p([one], [other], "weighted_f1")
        assert record[f"{name}_p_holm"] >= record[f"{name}_p"]
    assert record["gain_over_base_low"] < record["gain_over_base"] < record["gain_over_base_high"]


def test_a_note_gives_the_number_of_tests_that_holm_corrects_for():
    table = build_table({"title": "T", "compare": [["little", "large"]]}, make_seed_scores(), "abc")
    said = dict(all_notes(table))["p values"]
    # Two students have a gain and a gap each (four tests); one pair is compared in two metrics (two tests).
    assert said[1].startswith("6 tests in this table")
    p = [record[key] for record in (*table.records, *table.below.records) for key in record if key.endswith("_p")]
    adjusted = [
        record[key] for record in (*table.records, *table.below.records) for key in record if key.endswith("_holm")
    ]
    assert adjusted == statistics.holm(p)
    assert "p values" not in dict(build_table({"title": "T"}, make_seed_scores()[:1], "abc").notes)


def test_seeds_are_one_row_with_mean_deviation_and_number():
    scores = make_seed_scores()
    each = build_table({"title": "T"}, scores, "abc").records
    table = build_table({"title": "T", "seeds": "mean"}, scores, "abc")
    little, large, pupil = table.records
    assert (little, large) == tuple(row | {"n_seeds": None} for row in each[:2])
    assert (pupil["recogniser"], pupil["n_seeds"]) == ("pupil", 2)
    f1 = [row["weighted_f1"] for row in each[2:]]
    assert pupil["weighted_f1"] == pytest.approx(np.mean(f1))
    assert pupil["weighted_f1_sd"] == pytest.approx(np.std(f1, ddof=1))
    assert pupil["gain_over_base"] == pytest.approx(np.mean(f1) - little["weighted_f1"])
    pooled = statistics.resample_mean([counts_of_score(score) for score in scores[2:]])["weighted_f1"]
    assert [pupil["weighted_f1_low"], pupil["weighted_f1_high"]] == bootstrap.percentile_interval(pooled, 12)
    columns = [column.heading for column in table.columns]
    assert columns[:2] == ["Recogniser", "Seeds"]
    assert re.fullmatch(r"0\.\d{3} ± 0\.\d{3} \[0\.\d\d, 0\.\d\d\]", table.cells[2][columns.index("Weighted F1")])
    assert "Several seeds" in dict(table.notes)


def test_only_students_that_differ_in_their_seed_alone_share_a_row():
    scores = make_seed_scores()
    other = scores[3] | {"variant": "constrained", "recogniser": "pupil_seed1_constrained"}
    elsewhere = scores[3] | {"dataset": "second", "recogniser": "pupil_seed1"}
    base = scores[0] | {"recogniser": "little_seed1"}
    table = build_table({"title": "T", "seeds": "mean"}, [*scores, other, elsewhere, base], "abc").records
    assert [(row["recogniser"], row["dataset"], row["n_seeds"]) for row in table] == [
        ("little", "made-up", None),
        ("large", "made-up", None),
        ("pupil", "made-up", 2),
        ("pupil_constrained", "made-up", None),
        ("pupil", "second", None),
        ("little_seed1", "made-up", None),
    ]


def test_notes_and_latex_say_how_much_is_tested_and_mark_tiny_test_sets():
    folds = {"split": make_score()["provenance"]["split"] | {"folds": 5, "by": "sitting"}}
    scores = [
        make_score(),
        make_score("a", "small", n_groups=9),
        make_score("a", "big", n_sessions=12, n_groups=10, provenance=folds),
    ]
    table = build_table({"title": "T"}, scores, "abc")
    said = dict(all_notes(table))
    assert said["Tested"] == [
        "made-up: 2 of 3 sessions, split by session; 2 groups, too few for intervals, which need 6",
        "small: 2 of 3 sessions, split by session; 9 groups, so few that intervals are wide and unreliable, and often"
        " still too narrow",
        "big: 12 sessions in 5 folds by sitting, pooled; 10 groups",
    ]
    assert dict(table.notes)["Tested"] == said["Tested"]
    tex = " ".join(render_latex(table, "t").replace(r"\allowbreak{}", "").replace(r"\-", "").split())
    assert all(text in tex for text in said["Tested"])
    assert "2000 resamples with replacement, seed 0" in said["Intervals"][0]


def test_notes_and_latex_name_what_is_assumed():
    table = build_table({"title": "T"}, [make_score()], "abc")
    (said,) = dict(table.notes)["Assumed, because the paper does not say"]
    assert said.startswith("split, labels, ")
    assert "unknown label" in said
    assert "because the paper does not say:} split, labels" in render_latex(table, "t")
    assert len(dict(all_notes(table))["Assumed, because the paper does not say"]) > 1


def test_every_reading_in_a_heading_is_defined_below_the_table():
    columns = ["weighted_f1", "weighted_f1_precision", "lenient_accuracy"]
    table = build_table({"title": "T", "columns": columns}, [make_score()], "abc")
    assert dict(table.notes)["Metrics"] == [
        f"F1: {LOST_ANSWER_RULES['recall']}",
        f"F1 (lost: precision): {LOST_ANSWER_RULES['precision']}",
    ]
    assert "Lenient" in dict(table.notes)
    assert f"F1 (lost: recall): {LOST_ANSWER_RULES['recall']}" not in dict(all_notes(table))["Metrics"]
    assert f"F1 and F1 (lost: recall): {LOST_ANSWER_RULES['recall']}" in dict(all_notes(table))["Metrics"]
    usual = dict(build_table({"title": "T", "columns": ["weighted_f1"]}, [make_score()], "abc").notes)
    assert usual["Metrics"] == [f"F1: {LOST_ANSWER_RULES['recall']}"]
    assert "Lenient" not in usual


@pytest.mark.parametrize("sessions", [1, 5])
def test_few_test_groups_have_no_interval_and_a_note_says_so(sessions):
    table = build_table(
        {"title": "T", "columns": ["weighted_f1", "gain_over_base", "gain_over_base_p"]},
        make_seed_scores(sessions),
        "abc",
    )
    assert all("[" not in cell for row in table.cells for cell in row)
    assert (table.cells[2][2] == "") == ("p values" not in dict(table.notes)) == (sessions == 1)
    assert dict(all_notes(table))["Tested"][-1].endswith(", too few for intervals, which need 6")
    assert "[" not in render_latex(table, "t").split(r"\midrule")[1].replace("[2pt]", "").split(r"\bottomrule")[0]


def test_seeds_are_each_or_mean():
    with pytest.raises(ValueError, match="'seeds' is 'all'; it must be each or mean"):
        build_table({"title": "T", "seeds": "all"}, DISTILLATION, "abc")


def test_the_share_of_truncated_answers_is_a_mean_over_seeds():
    scores = make_seed_scores()
    for score, truncated in zip(scores, (6, 0, 3, 9), strict=True):
        score |= {"n_truncated": truncated, "n_windows": 12}
    table = build_table({"title": "T", "columns": ["recogniser", "truncated_rate"], "seeds": "mean"}, scores, "abc")
    assert table.cells == [["little", "0.500"], ["large", "0.000"], ["pupil", "0.500"]]


def test_seeds_of_sampling_share_a_row_also_with_training_seeds():
    first = make_seed_scores()
    again = [
        score
        | {
            "recogniser": f"{score['recogniser']}_decode4",
            "variant": "decode4",
            "strict": score["strict"] | {"weighted_f1": 0.9},
        }
        for score in first
    ]
    varied = {"recogniser": "little_cold", "variant": "cold"}
    scores = [
        *first,
        *again,
        first[0] | varied,
        again[0] | {"recogniser": "little_cold_decode4", "variant": "cold-decode4"},
    ]
    records = build_table({"title": "T", "seeds": "mean"}, scores, "abc").records
    assert [(record["recogniser"], record["n_seeds"]) for record in records] == [
        ("little", 2),
        ("large", 2),
        ("pupil", 4),
        ("little_cold", 2),
    ]
    values = [first[0]["strict"]["weighted_f1"], 0.9]
    assert records[0]["weighted_f1"] == pytest.approx(np.mean(values))
    assert records[0]["weighted_f1_sd"] == pytest.approx(np.std(values, ddof=1))
    assert records[2]["gain_over_base"] == pytest.approx(records[2]["weighted_f1"] - records[0]["weighted_f1"])
    each = build_table({"title": "T", "seeds": "each"}, scores, "abc").records
    assert [record["recogniser"] for record in each] == [score["recogniser"] for score in scores]
