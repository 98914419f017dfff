import io
import re

import numpy as np
import pandas as pd
import pytest
from factories import draw_gold, draw_predictions, make_measured_score, make_score, make_student_score
from hearth.evaluation import statistics, subsets
from hearth.evaluation.counts import counts_of_score
from hearth.evaluation.notes import stand_in_warnings
from hearth.evaluation.rendering import (
    Column,
    Table,
    decimals,
    escape_latex,
    escape_markdown,
    render_csv,
    render_latex,
    render_markdown,
)
from hearth.evaluation.score_document import Metrics
from hearth.evaluation.tables import COLUMNS, KEYS, build_table
from hypothesis import example, given, settings
from hypothesis import strategies as st

DISTILLATION = [make_student_score(), make_score("little", weighted_f1=0.25), make_score("large", weighted_f1=0.7)]


def table(rows, notes=(), columns=None):
    columns = columns or [Column("Name", number=False), Column("F1")]
    records = [{"name": row[0], "f1": row[1]} for row in rows]
    return Table("Title", "Caption.", columns, [[str(cell) for cell in row] for row in rows], records, list(notes))


NOTES = [("Prompt", ["p@1"]), ("Assumed", ["one & two", "three"])]


def test_markdown_is_a_page_with_notes_below_the_table():
    assert render_markdown(table([("a|b", 0.5), ("c", 10.25)], NOTES)) == (
        "# Title\n"
        "\n"
        "Caption.\n"
        "\n"
        "| Name   |    F1 |\n"
        "|:-------|------:|\n"
        "| a\\|b   |   0.5 |\n"
        "| c      | 10.25 |\n"
        "\n"
        "- Prompt: p@1\n"
        "- Assumed:\n"
        "  - one \\& two\n"
        "  - three\n"
    )


def test_latex_is_a_booktabs_table_with_notes_below():
    assert render_latex(table([("a_b", 0.5)], NOTES), "my_table") == (
        "\\begin{table}\n"
        "\\centering\n"
        "\\caption{Title. Caption.}\n"
        "\\label{tab:my-table}\n"
        "\\begin{tabular}{lr}\n"
        "\\toprule\n"
        " Name   &   F1 \\\\\n"
        "\\midrule\n"
        " a\\_b    &  0.5 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\\par\\medskip\n"
        "\\begin{minipage}{\\linewidth}\\footnotesize\\raggedright\n"
        "\\textbf{Prompt:} p@1\\par\n"
        "\\textbf{Assumed:} one \\& two; three\\par\n"
        "\\end{minipage}\n"
        "\\end{table}\n"
    )


def test_csv_has_values_to_six_decimals_and_notes_as_comments():
    text = render_csv(table([("a, b", 1 / 3), ("c", None), ("d", -1e-12)], [("Prompt", ["two\nlines"])]))
    assert text == '"name","f1"\n"a, b",0.333333\n"c",""\n"d",0.0\n# Prompt: two lines\n'


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C"])), min_size=1))
def test_csv_survives_any_name(names):
    rows = [(name, 0.5) for name in names]
    written = io.StringIO(render_csv(table(rows, NOTES)))
    found = pd.read_csv(written, comment="#", keep_default_na=False, dtype={"name": str})
    assert found["name"].tolist() == [" ".join(name.split()) for name in names]
    assert found["f1"].tolist() == [0.5] * len(names)


@given(st.text(max_size=20))
def test_no_name_breaks_a_markdown_row(name):
    line = render_markdown(table([(name, 0.5)])).split("\n")[6]
    assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3


def test_escapes():
    assert escape_markdown("0.5 [0.49, 0.65]; [+0.1, -0.2]; [a, b]") == r"0.5 [0.49, 0.65]; [+0.1, -0.2]; \[a, b\]"
    assert escape_markdown("snake_case _it_ <b>|`*") == r"snake_case \_it\_ \<b\>\|\`\*"
    assert escape_latex("50 % of a_b & {c} #1 $ ~ ^ \\") == (
        r"50 \% of a\_b \& \{c\} \#1 \$ \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )


def test_minus_zero_is_zero():
    assert (decimals(2)(-0.001), decimals(2, "+")(-0.0), decimals(2, "+")(0.5)) == ("0.00", "+0.00", "+0.50")


def test_rows_are_the_scores_in_their_order():
    found = build_table({"title": "T"}, DISTILLATION, "abc")
    assert [record["recogniser"] for record in found.records] == ["little_reasoning_made-up", "little", "large"]
    assert [key for key in found.records[0] if key in COLUMNS] == list(COLUMNS)
    assert (found.records[1]["n_events"], found.records[1]["macro_f1"], found.records[1]["teacher"]) == (
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


def test_usual_columns_are_those_with_something_to_show():
    assert [column.heading for column in build_table({"title": "T", "columns": []}, [make_score()], "abc").columns] == [
        "Recogniser",
        "Dataset",
        "Parameters",
        "Sessions",
        "Events",
        "Accuracy",
        "Macro F1",
        "Weighted F1",
        "Micro F1",
        "Ok windows",
        "Missing events",
        "Unknown labels",
    ]
    assert {"Trained on", "Gain over base", "Gap to teacher"} <= {
        column.heading for column in build_table({"title": "T"}, DISTILLATION, "abc").columns
    }


def test_named_columns_are_shown_and_the_csv_has_all():
    found = build_table({"title": "T", "columns": ["parameters", "weighted_f1", "gain_over_base"]}, DISTILLATION, "abc")
    assert [[cell.split(" [")[0] for cell in row] for row in found.cells] == [
        ["596.0M", "0.600", "+0.350"],
        ["596.0M", "0.250", ""],
        ["596.0M", "0.700", ""],
    ]
    assert render_csv(found).split("\n")[0] == ",".join(f'"{name}"' for name in KEYS)


def test_tiny_models_and_simulated_data_are_called_that():
    facts = {"stand_in": "tiny model trained by this project", "simulated": ["made-up"]}
    found = build_table({"title": "T"}, [make_student_score(provenance=facts), make_score("large", "other")], "abc")
    assert found.cells[0][:3] == ["little_reasoning_made-up (tiny)", "made-up (simulated)", "made-up (simulated)"]
    assert found.cells[1][:3] == ["large", "", "other"]
    notes = dict(found.notes)
    assert notes["Simulated data"] == ["made-up: simulated by this project, not recorded in a home"]
    assert notes["Tiny models"] == ["little: tiny model trained by this project"]


def test_a_tiny_teacher_is_called_that_where_only_its_students_are_shown():
    student = make_student_score(provenance={"teacher_stand_in": "tiny model trained by this project"})
    found = build_table({"title": "T", "columns": ["recogniser", "teacher"]}, [student], "abc")
    assert found.cells == [["little_reasoning_made-up", "large (tiny)"]]
    assert dict(found.notes)["Tiny models"] == ["large: tiny model trained by this project"]
    assert stand_in_warnings([student]) == ["Tiny models, not real ones: large"]


def test_equal_scores_give_equal_bytes():
    one, other = (build_table({"title": "T"}, [make_score(), make_student_score()], "abc") for _ in range(2))
    for form in (render_markdown, render_csv, lambda found: render_latex(found, "t")):
        assert form(one) == form(other)


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


# Doubt: intervals, tests, seeds


def run_of_seeds(sessions=12, **provenance):
    """Measured scores of a base, a teacher and a student of two training seeds."""
    draw = np.random.default_rng(3)
    gold = draw_gold(draw, sessions, 15)
    names = {"kind": "student", "base": "little", "teacher": "large", "recipe": "reasoning", "train_dataset": "made-up"}
    found = [
        make_measured_score(gold, draw_predictions(draw, gold, skill), name, provenance=provenance)
        for name, skill in (("little", 0.4), ("large", 0.85), ("pupil", 0.7), ("pupil_seed1", 0.75))
    ]
    return found[:2] + [score | names for score in found[2:]]


def test_an_interval_is_in_brackets_and_its_bounds_are_columns_of_the_csv():
    scores = run_of_seeds()
    found = build_table({"title": "T", "columns": ["recogniser", "weighted_f1", "missing_rate"]}, scores, "abc")
    assert re.fullmatch(r"0\.\d{3} \[0\.\d\d, 0\.\d\d\]", found.cells[0][1])
    frame = pd.read_csv(io.StringIO(render_csv(found)), comment="#")
    for parsing, prefix in (("strict", ""), ("lenient", "lenient_")):
        for metric in ("weighted_f1", "accuracy"):
            stored = [score[parsing]["intervals"][metric] for score in scores]
            columns = [f"{prefix}{metric}_low", f"{prefix}{metric}_high"]
            assert frame[columns].to_numpy() == pytest.approx(np.array(stored), abs=1e-6)
    assert "0.4" in render_markdown(found)
    assert r"\[" not in render_markdown(found).split("- Metrics")[0]
    assert found.cells[0][1] in render_markdown(found)
    assert found.cells[0][1] in render_latex(found, "t")


def test_gain_and_gap_have_intervals_and_p_values_over_the_same_sessions():
    scores = run_of_seeds()
    little, large, pupil, _ = map(counts_of_score, scores)
    record = build_table({"title": "T"}, scores, "abc").records[2]
    for name, one, other in (("gain_over_base", pupil, little), ("gap_to_teacher", large, pupil)):
        values = [statistics.resample(counted)["weighted_f1"] for counted in (one, other)]
        assert (record[f"{name}_low"], record[f"{name}_high"]) == tuple(
            statistics.percentile_interval(values[0] - values[1])
        )
        assert record[f"{name}_p"] == statistics.permutation_p([one], [other], "weighted_f1")
        assert record[f"{name}_p_holm"] >= record[f"{name}_p"]
    assert record["gain_over_base_low"] < record["gain_over_base"] < record["gain_over_base_high"]


def test_the_number_of_tests_is_said_and_holm_counts_them_all():
    found = build_table({"title": "T", "compare": [["little", "large"]]}, run_of_seeds(), "abc")
    said = dict(found.notes)["p values"]
    # Two students with a gain and a gap each, a pair in two metrics.
    assert said[1].startswith("6 tests in this table")
    p = [record[key] for record in (*found.records, *found.below.records) for key in record if key.endswith("_p")]
    adjusted = [
        record[key] for record in (*found.records, *found.below.records) for key in record if key.endswith("_holm")
    ]
    assert adjusted == statistics.holm(p)
    assert "p values" not in dict(build_table({"title": "T"}, run_of_seeds()[:2], "abc").notes)


def test_seeds_are_one_row_with_mean_deviation_and_number():
    scores = run_of_seeds()
    each = build_table({"title": "T"}, scores, "abc").records
    found = build_table({"title": "T", "seeds": "mean"}, scores, "abc")
    little, large, pupil = found.records
    assert (little, large) == tuple(row | {"n_seeds": None} for row in each[:2])
    assert (pupil["recogniser"], pupil["n_seeds"]) == ("pupil", 2)
    f1 = [row["weighted_f1"] for row in each[2:]]
    assert pupil["weighted_f1"] == pytest.approx(np.mean(f1))
    assert pupil["weighted_f1_sd"] == pytest.approx(np.std(f1, ddof=1))
    assert pupil["gain_over_base"] == pytest.approx(np.mean(f1) - little["weighted_f1"])
    pooled = statistics.resample_mean([counts_of_score(score) for score in scores[2:]])["weighted_f1"]
    assert [pupil["weighted_f1_low"], pupil["weighted_f1_high"]] == statistics.percentile_interval(pooled)
    columns = [column.heading for column in found.columns]
    assert columns[:2] == ["Recogniser", "Training seeds"]
    assert re.fullmatch(r"0\.\d{3} ± 0\.\d{3} \[0\.\d\d, 0\.\d\d\]", found.cells[2][columns.index("Weighted F1")])
    assert "Training seeds" in dict(found.notes)


def test_only_students_that_differ_in_nothing_but_their_seed_are_one_row():
    scores = run_of_seeds()
    other = scores[3] | {"variant": "constrained", "recogniser": "pupil_seed1_constrained"}
    elsewhere = scores[3] | {"dataset": "second", "recogniser": "pupil_seed1"}
    base = scores[0] | {"recogniser": "little_seed1"}
    found = build_table({"title": "T", "seeds": "mean"}, [*scores, other, elsewhere, base], "abc").records
    assert [(row["recogniser"], row["dataset"], row["n_seeds"]) for row in found] == [
        ("little", "made-up", None),
        ("large", "made-up", None),
        ("pupil", "made-up", 2),
        ("pupil_constrained", "made-up", None),
        ("pupil", "second", None),
        ("little_seed1", "made-up", None),
    ]


def test_named_pairs_are_compared_on_every_dataset_they_share_below_the_table():
    facts = {"simulated": ["made-up"], "stand_in": "tiny model"}
    scores = run_of_seeds(**facts)
    scores.append(scores[0] | {"dataset": "second"})
    found = build_table({"title": "T", "compare": [["pupil", "little"], ["large", "pupil_seed1"]]}, scores, "abc")
    assert [(row["recogniser"], row["other"], row["dataset"]) for row in found.below.records] == [
        ("pupil", "little", "made-up"),
        ("large", "pupil_seed1", "made-up"),
    ]
    first = found.below.records[0]
    assert first["weighted_f1"] == pytest.approx(found.records[2]["gain_over_base"])
    assert first["weighted_f1_p"] == found.records[2]["gain_over_base_p"]
    assert found.below.cells[0][:3] == ["pupil (tiny)", "little (tiny)", "made-up (simulated)"]
    assert re.fullmatch(r"\+0\.\d{3} \[\+0\.\d\d, \+0\.\d\d\]", found.below.cells[0][3])
    assert "## Paired comparisons\n\n| Recogniser" in render_markdown(found)
    assert r"\textbf{Paired comparisons}" in render_latex(found, "t")


def test_the_comparisons_in_a_csv_are_a_csv_behind_the_marks_of_comments():
    found = build_table({"title": "T", "compare": [["pupil", "little"]]}, run_of_seeds(), "abc")
    text = render_csv(found)
    assert len(pd.read_csv(io.StringIO(text), comment="#")) == 4
    lines = text.split("\n")
    start = lines.index("# Paired comparisons")
    below = pd.read_csv(io.StringIO("\n".join(line.removeprefix("# ") for line in lines[start + 1 : start + 3])))
    assert below["recogniser"].tolist() == ["pupil"]
    assert below["accuracy_p"].tolist() == pytest.approx([found.below.records[0]["accuracy_p"]], abs=1e-6)


def test_rows_of_several_seeds_are_compared_once():
    pairs = [["pupil", "little"], ["pupil_seed1", "little"]]
    found = build_table({"title": "T", "seeds": "mean", "compare": pairs}, run_of_seeds(), "abc")
    assert [row["recogniser"] for row in found.below.records] == ["pupil"]
    assert found.below.records[0]["weighted_f1_p"] == found.records[2]["gain_over_base_p"]


def test_tiny_test_sets_are_called_that():
    said = dict(build_table({"title": "T"}, [make_score(), make_score("a", "big", n_sessions=10)], "abc").notes)
    assert said["Intervals"][-2:] == [
        "made-up: tiny, 2 test sessions: its intervals are wide, unreliable and often still too narrow",
        "big: 10 test sessions",
    ]
    assert "2000 resamples with replacement, seed 0" in said["Intervals"][0]


def test_of_one_test_session_there_is_no_bracket_and_that_is_said():
    found = build_table({"title": "T", "columns": ["weighted_f1", "gain_over_base_p"]}, run_of_seeds(sessions=1), "abc")
    assert all("[" not in cell for row in found.cells for cell in row)
    assert found.cells[2][1] == ""
    assert dict(found.notes)["Intervals"][-1] == "made-up: 1 test session, so no interval is defined"
    assert "p values" not in dict(found.notes)


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
    scores = [*run_of_seeds(), make_score("other", "second")]
    with pytest.raises(ValueError, match=message):
        build_table({"title": "T", "compare": pairs}, scores, "abc")


def test_seeds_are_each_or_mean():
    with pytest.raises(ValueError, match="'seeds' is 'all'; it must be each or mean"):
        build_table({"title": "T", "seeds": "all"}, DISTILLATION, "abc")


def test_what_was_reached_on_simple_and_complex_windows_are_columns():
    names = ["recogniser", "simple_windows", "simple_weighted_f1", "complex_windows", "complex_weighted_f1"]
    found = build_table({"title": "Transfer", "columns": names}, [make_score(weighted_f1=0.5)], "abc")
    record = found.records[0]
    assert [record[name] for name in names] == ["little", 3, 0.5, 0, None]
    assert found.notes[0][0] == "Simple and complex windows"
    assert (COLUMNS.keys() & set(subsets.COLUMNS)) == set(subsets.COLUMNS)


def test_what_was_reached_on_simple_windows_has_the_interval_of_the_sessions_that_have_such():
    score = run_of_seeds()[0]
    part = {key: score["strict"][key] for key in Metrics.__annotations__}
    two = dict(list(score["sessions"].items())[:2])
    score["complexity"] = {"rule": "...", "simple": part | {"sessions": two}, "complex": None}
    found = build_table({"title": "T", "columns": ["simple_weighted_f1", "complex_weighted_f1"]}, [score], "abc")
    # Of two sessions a quarter of the resamples has the one alone, a quarter the other.
    low, high = sorted(weighted_f1(session["gold"], **session["strict"]) for session in two.values())
    record = found.records[0]
    assert record["simple_weighted_f1_low"] == pytest.approx(low)
    assert record["simple_weighted_f1_high"] == pytest.approx(high)
    assert found.cells[0] == [f"{part['weighted_f1']:.3f} [{low:.2f}, {high:.2f}]", ""]


def weighted_f1(gold, predicted, right, **_):
    shares = [count * 2 * right.get(label, 0) / (count + predicted.get(label, 0)) for label, count in gold.items()]
    return sum(shares) / sum(gold.values())


@given(st.text(st.sampled_from("[]()+-:0123456789., ±x"), max_size=15))
@example("[0.1, 0.2](x)")
@example("[0.1, 0.2]: x")
@example("[x][0.1, 0.2](x)")
def test_brackets_that_are_kept_for_an_interval_make_no_link(text):
    unescaped = escape_markdown(text).replace("\\[", "").replace("\\]", "")
    assert not re.search(r"\][(\[:]", unescaped)
