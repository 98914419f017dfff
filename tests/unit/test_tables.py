import io

import pandas as pd
import pytest
from hearth.evaluation import costs, provenance
from hearth.evaluation.rendering import (
    Column,
    Table,
    csv_text,
    decimals,
    escape_latex,
    escape_markdown,
    latex,
    markdown,
)
from hearth.evaluation.tables import COLUMNS, build
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import made_up_score, made_up_student

DISTILLATION = [made_up_student(), made_up_score("little", weighted_f1=0.25), made_up_score("large", weighted_f1=0.7)]


def table(rows, notes=(), columns=None):
    columns = columns or [Column("Name", number=False), Column("F1")]
    records = [{"name": row[0], "f1": row[1]} for row in rows]
    return Table("Title", "Caption.", columns, [[str(cell) for cell in row] for row in rows], records, list(notes))


NOTES = [("Prompt", ["p@1"]), ("Assumed", ["one & two", "three"])]


def test_markdown_is_a_page_with_notes_below_the_table():
    assert markdown(table([("a|b", 0.5), ("c", 10.25)], NOTES)) == (
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
    assert latex(table([("a_b", 0.5)], NOTES), "my_table") == (
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
    text = csv_text(table([("a, b", 1 / 3), ("c", None), ("d", -1e-12)], [("Prompt", ["two\nlines"])]))
    assert text == '"name","f1"\n"a, b",0.333333\n"c",""\n"d",0.0\n# Prompt: two lines\n'


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C"])), min_size=1))
def test_csv_survives_any_name(names):
    rows = [(name, 0.5) for name in names]
    written = io.StringIO(csv_text(table(rows, NOTES)))
    found = pd.read_csv(written, comment="#", keep_default_na=False, dtype={"name": str})
    assert found["name"].tolist() == [" ".join(name.split()) for name in names]
    assert found["f1"].tolist() == [0.5] * len(names)


@given(st.text(max_size=20))
def test_no_name_breaks_a_markdown_row(name):
    line = markdown(table([(name, 0.5)])).split("\n")[6]
    assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3


def test_escapes():
    assert escape_markdown("snake_case _it_ <b>|`*") == r"snake_case \_it\_ \<b\>\|\`\*"
    assert escape_latex("50 % of a_b & {c} #1 $ ~ ^ \\") == (
        r"50 \% of a\_b \& \{c\} \#1 \$ \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )


def test_minus_zero_is_zero():
    assert (decimals(2)(-0.001), decimals(2, "+")(-0.0), decimals(2, "+")(0.5)) == ("0.00", "+0.00", "+0.50")


def test_rows_are_the_scores_in_their_order():
    found = build({"title": "T"}, DISTILLATION, "abc")
    assert [record["recogniser"] for record in found.records] == ["little_reasoning_made-up", "little", "large"]
    assert list(found.records[0]) == list(COLUMNS)
    assert (found.records[1]["n_events"], found.records[1]["macro_f1"], found.records[1]["teacher"]) == (
        5,
        0.1234567891,
        "",
    )


def test_students_are_compared_with_base_and_teacher_on_the_same_dataset():
    student, base, teacher = build({"title": "T"}, DISTILLATION, "abc").records
    assert student["gain_over_base"] == pytest.approx(0.35)
    assert student["gap_to_teacher"] == pytest.approx(0.1)
    assert (base["gain_over_base"], base["gap_to_teacher"], teacher["gap_to_teacher"]) == (None, None, None)
    elsewhere = build({"title": "T"}, [made_up_student("other"), made_up_score("little")], "abc").records[0]
    assert elsewhere["gain_over_base"] is None


def test_usual_columns_are_those_with_something_to_show():
    assert [column.heading for column in build({"title": "T", "columns": []}, [made_up_score()], "abc").columns] == [
        "Recogniser",
        "Dataset",
        "Parameters",
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
        column.heading for column in build({"title": "T"}, DISTILLATION, "abc").columns
    }


def test_named_columns_are_shown_and_the_csv_has_all():
    found = build({"title": "T", "columns": ["parameters", "weighted_f1", "gain_over_base"]}, DISTILLATION, "abc")
    assert found.cells == [["596.0M", "0.6000", "+0.3500"], ["596.0M", "0.2500", ""], ["596.0M", "0.7000", ""]]
    assert csv_text(found).split("\n")[0] == ",".join(f'"{name}"' for name in COLUMNS)


def test_tiny_models_and_simulated_data_are_called_that():
    facts = {"stand_in": "tiny model trained by this project", "simulated": ["made-up"]}
    found = build({"title": "T"}, [made_up_student(provenance=facts), made_up_score("large", "other")], "abc")
    assert found.cells[0][:3] == ["little_reasoning_made-up (tiny)", "made-up (simulated)", "made-up (simulated)"]
    assert found.cells[1][:3] == ["large", "", "other"]
    notes = dict(found.notes)
    assert notes["Simulated data"] == ["made-up: simulated by this project, not recorded in a home"]
    assert notes["Tiny models"] == ["little_reasoning_made-up: tiny model trained by this project"]


def test_a_tiny_teacher_is_called_that_where_only_its_students_are_shown():
    student = made_up_student(provenance={"teacher_stand_in": "tiny model trained by this project"})
    found = build({"title": "T", "columns": ["recogniser", "teacher"]}, [student], "abc")
    assert found.cells == [["little_reasoning_made-up", "large (tiny)"]]
    assert dict(found.notes)["Tiny models"] == ["large: tiny model trained by this project"]
    assert provenance.stand_ins([student]) == ["Tiny models, not real ones: large"]


def test_equal_scores_give_equal_bytes():
    one, other = (build({"title": "T"}, [made_up_score(), made_up_student()], "abc") for _ in range(2))
    for form in (markdown, csv_text, lambda found: latex(found, "t")):
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
        ({"title": "T"}, [made_up_score(), made_up_score()], "the score of little on made-up is given 2 times"),
    ],
)
def test_wrong_specifications_are_errors(spec, scores, message):
    with pytest.raises(ValueError, match=message):
        build(spec, scores, "abc")


SHARD = {"windows": 10, "seconds": 4.0, "prompt_tokens": 1000, "completion_tokens": 80, "peak_memory_bytes": 2**30}


def test_cost_adds_up_the_shards_of_a_split():
    shards = [
        SHARD | {"device": "cpu", "versions": {"torch": "2"}},
        SHARD | {"device": "cuda", "peak_memory_bytes": 2**31},
    ]
    record = costs.prediction("little", "made-up", "test", shards)
    assert (record["windows"], record["seconds"], record["peak_memory_bytes"]) == (20, 8.0, 2**31)
    assert (record["windows_per_second"], record["completion_tokens_per_second"]) == (2.5, 20.0)
    assert (record["device"], record["examples"]) == ("cpu, cuda", None)
    found = costs.build([record, costs.training("s", {"examples": 6, "seconds": 0})], ["made-up"], ["little"], "abc")
    assert found.cells[0][:6] == ["prediction", "little (tiny)", "made-up (simulated)", "test", "20", "8.0"]
    assert found.cells[1][:6] == ["training", "s", "", "train", "", "0.0"]
    assert dict(found.notes)["Versions"] == ["torch 2"]


def test_a_cost_table_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        costs.build([], [], [], "abc")
