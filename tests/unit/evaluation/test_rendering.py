"""Test that tables are rendered as Markdown and CSV, whatever characters their names contain."""

import io
import re
from dataclasses import replace

import pandas as pd
from hearth.evaluation.rendering import (
    Column,
    Table,
    decimals,
    escape_markdown,
    render_csv,
    render_grounds,
    render_markdown,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from score_factories import make_score, make_student_score

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


def test_the_grounds_have_a_page_of_their_own_and_the_csv_has_all():
    full = replace(table([("a", 0.5)], NOTES), grounds=[("Assumed", ["all of it"]), ("Code", ["abc"])])
    assert "[All that these numbers depend on](t.provenance.md)" in render_markdown(full, "t.provenance.md")
    assert "all of it" not in render_markdown(full)
    assert render_grounds(full) == "# Grounds of: Title\n\n- Prompt: p@1\n- Assumed: all of it\n- Code: abc\n"
    assert "# Assumed: all of it\n# Code: abc\n" in render_csv(full)
    assert "three" not in render_csv(full)


def test_csv_has_values_to_six_decimals_and_notes_as_comments():
    text = render_csv(table([("a, b", 1 / 3), ("c", None), ("d", -1e-12)], [("Prompt", ["two\nlines"])]))
    assert text == '"name","f1"\n"a, b",0.333333\n"c",""\n"d",0.0\n# Prompt: two lines\n'


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C"])), min_size=1))
def test_csv_survives_any_name(names):
    rows = [(name, 0.5) for name in names]
    written = io.StringIO(render_csv(table(rows, NOTES)))
    frame = pd.read_csv(written, comment="#", keep_default_na=False, dtype={"name": str})
    assert frame["name"].tolist() == [" ".join(name.split()) for name in names]
    assert frame["f1"].tolist() == [0.5] * len(names)


@given(st.text(max_size=20))
def test_no_name_breaks_a_markdown_row(name):
    line = render_markdown(table([(name, 0.5)])).split("\n")[6]
    assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3


def test_escapes():
    assert escape_markdown("0.5 [0.49, 0.65]; [+0.1, -0.2]; [a, b]") == r"0.5 [0.49, 0.65]; [+0.1, -0.2]; \[a, b\]"
    assert escape_markdown("snake_case _it_ <b>|`*") == r"snake_case \_it\_ \<b\>\|\`\*"


def test_minus_zero_is_zero():
    assert (decimals(2)(-0.001), decimals(2, "+")(-0.0), decimals(2, "+")(0.5)) == ("0.00", "+0.00", "+0.50")


@given(st.text(st.sampled_from("[]()+-:0123456789., ±x"), max_size=15))
@example("[0.1, 0.2](x)")
@example("[0.1, 0.2]: x")
@example("[x][0.1, 0.2](x)")
def test_unescaped_interval_brackets_make_no_link(text):
    unescaped = escape_markdown(text).replace("\\[", "").replace("\\]", "")
    assert not re.search(r"\][(\[:]", unescaped)
