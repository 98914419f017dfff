"""Test the table of claims: its rows, verdicts, certainty and notes."""

import csv
import io

from claim_factories import POOR, RICH, make_base, make_measured_scores, make_student, make_transfer_scores
from hearth.evaluation.claims.table import CLAIMS, build_claims_table
from hearth.evaluation.claims.verdicts import HELD, NOT_TESTABLE
from hearth.evaluation.latex import render_latex
from hearth.evaluation.rendering import render_csv, render_markdown
from score_factories import make_score

FULL = [
    *(make_base(f"m{size}", f1, size, missing=0.1 / size) for size, f1 in ((2, 0.4), (4, 0.55))),
    make_base("little", 0.2, missing=0.3),
    make_base("large", 0.6, 8),
    *make_transfer_scores(0.45, 0.3),
]


def test_a_row_a_claim_and_home_and_a_row_a_pair():
    table = build_claims_table(FULL, "abc")
    assert [(row["dataset"], row["verdict"]) for row in table.records] == [
        (RICH, HELD),
        (POOR, NOT_TESTABLE),
        (RICH, HELD),
        (POOR, NOT_TESTABLE),
        (RICH, HELD),
        (POOR, NOT_TESTABLE),
        ("rich, poor", HELD),
    ]
    assert [row["claim"] for row in table.records[::2]] == [claim.name for claim in CLAIMS]


def test_students_of_other_recipes_and_variants_decide_no_claim():
    own = [make_base("little", 0.3), make_base("middle", 0.6, 3), make_base("large", 0.7, 9), make_student(0.6)]
    variant = make_base("little_constrained", 0.9) | {"variant": "constrained"}
    others = [
        variant,
        make_student(0.9, recogniser="labels", recipe="labels"),
        make_student(0.1, recogniser="n5", variant="n5"),
    ]
    assert build_claims_table(own + others, "abc").records == build_claims_table(own, "abc").records


def test_every_claim_has_a_row_even_of_a_single_home():
    table = build_claims_table([make_base("little", 0.2)], "abc")
    assert [row["claim"] for row in table.records] == [claim.name for claim in CLAIMS]
    assert {row["verdict"] for row in table.records} == {NOT_TESTABLE}
    assert table.records[-1]["because"] == "this needs 2 homes, and there are scores of 1"


def test_the_notes_say_how_claims_are_decided_and_what_the_scores_rest_on():
    (heading, rules), *rest = build_claims_table(FULL, "abc").notes
    assert "thresholds are ours" in heading
    assert len(rules) == 4
    assert {"Metrics", "Split", "Seeds", "Students", "Code"} <= {name for name, _ in rest}


def test_simulated_homes_and_tiny_models_are_called_that():
    metadata = {"simulated": ["made-up"], "stand_in": "tiny model of this project"}
    table = build_claims_table([make_score("little", provenance=metadata)], "abc")
    assert all(row[1] == "made-up (simulated)" for row in table.cells)
    assert dict(table.notes)["Tiny models"] == ["little: tiny model of this project"]


def test_the_table_is_written_in_every_form_and_the_order_of_the_scores_decides_no_verdict():
    table = build_claims_table(FULL, "abc")
    rows = list(csv.DictReader(line for line in io.StringIO(render_csv(table)) if not line.startswith("#")))
    assert [row["verdict"] for row in rows] == [row["verdict"] for row in table.records]
    assert "| F1 grows with size and flattens" in render_markdown(table)
    assert r"\begin{table*}" in render_latex(table, "claims")
    verdicts = [
        sorted((row["claim"], row["verdict"]) for row in build_claims_table(scores, "abc").records)
        for scores in (FULL, FULL[::-1])
    ]
    assert verdicts[0] == verdicts[1]


def test_the_table_says_what_chance_leaves_open_and_what_the_paper_says():
    table = build_claims_table(make_measured_scores(40, m1=0.2, m3=0.75, m9=0.85, student=0.8), "abc")
    assert [row["sure"] for row in table.records] == [*["beyond chance"] * 3, ""]
    assert "within 3 to 5 % F1" in table.records[1]["paper"]
    assert all("assumed" in row["paper"] for row in table.records)
    assert any("95 % intervals" in said for said in dict(table.notes)["Chance"])


def test_of_a_tiny_test_set_nothing_is_called_beyond_chance():
    def said(sessions):
        rows = build_claims_table(make_measured_scores(sessions, m1=0.1, m3=0.9, m9=0.95), "abc").records
        return [(row["verdict"], row["sure"]) for row in rows[:1]]

    assert said(9) == [(HELD, "too few sessions")]
    assert said(10) == [(HELD, "beyond chance")]
