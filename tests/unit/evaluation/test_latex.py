"""Test tables in LaTeX: pdflatex sets them on a two-column page, and no line is too long, whatever the names are."""

import re
import shutil
import subprocess

import pytest
from deployment_factories import make_baseline, make_measurement, make_parity
from hearth.evaluation.audit_tables import CHECKS, audit_table, count_failures
from hearth.evaluation.claims.table import build_claims_table
from hearth.evaluation.costs import cost_table
from hearth.evaluation.deployment import Deployment, deployment_table
from hearth.evaluation.latex import breakable_latex, escape_latex, render_latex
from hearth.evaluation.rendering import Column, Table
from hearth.evaluation.tables import build_table
from hypothesis import given
from hypothesis import strategies as st
from score_factories import make_full_run_scores, make_run_scores, make_seed_scores

LONG = "a-name_without.end-" * 6 + "x" * 70
# A page of two columns of 3.3 inches, as conferences have it.
PAGE = r"""\documentclass[10pt,twocolumn]{article}
\usepackage{booktabs,array}
\setlength{\oddsidemargin}{-19pt}\setlength{\textwidth}{504pt}\setlength{\columnsep}{28pt}
\setlength{\topmargin}{-50pt}\setlength{\textheight}{650pt}
\begin{document}%s\end{document}
"""
needs_pdflatex = pytest.mark.skipif(
    not shutil.which("pdflatex"), reason="no pdflatex on PATH; Debian's texlive-latex-base and -recommended have it"
)


def compiled(folder, *tables):
    """Set the tables with pdflatex; return what its log complains about."""
    text = "".join(f"{render_latex(table, f't{number}')} text\\clearpage " for number, table in enumerate(tables))
    (folder / "page.tex").write_text(PAGE % text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    log = (folder / "page.log").read_text(encoding="latin-1")
    return [line for line in log.splitlines() if re.match(r"Overfull|!|LaTeX Warning: Float too large", line)]


def audit():
    trace = {"window_id": "w", "group": "s", "gold": ["A"] * 2, "labels": ["A", None]}
    trace["flags"] = {key: ["x"] for key in CHECKS}
    prompt = {"version": "v", "reasoning": "think"}
    head = {"recogniser": LONG, "dataset": "made-up", "labels": ["A"], "prompt": prompt}
    return audit_table([count_failures(head, [trace])], ["made-up"], [LONG], "abc")


def deployment():
    measurements = [make_measurement(recogniser=LONG), make_measurement("bf16", is_own=True)]
    documents = Deployment(measurements, [make_baseline()], {"small_joint_flat": make_parity()})
    return deployment_table(documents, ["flat"], [LONG], "abc")


@needs_pdflatex
def test_the_tables_of_a_run_fit_a_two_column_page(tmp_path):
    scores = make_full_run_scores(stand_in="tiny model", simulated=["made-up"])
    shards = {(LONG, "made-up", split): [{"windows": 10, "seconds": 4.0, "device": "cpu"}] for split in ("a", "b")}
    tables = [
        build_table({"title": "Plain"}, make_run_scores(), "abc"),
        build_table({"title": "Pairs", "compare": [["model-1m", "model-9m"]]}, make_run_scores(), "abc"),
        build_table({"title": "Seeds", "seeds": "mean"}, make_seed_scores(), "abc"),
        build_table(
            {"title": "Metrics", "columns": ["accuracy", "macro_f1", "weighted_f1", "lenient_micro_f1", "ok_rate"]},
            scores,
            "abc",
        ),
        build_claims_table(scores, "abc"),
        cost_table(shards, {"pupil": [{"examples": 6, "seconds": 1.5}]}, ["made-up"], [LONG], "abc"),
        deployment(),
        audit(),
        *(build_table({"title": rows, "rows": rows}, scores, "abc") for rows in ("labels", "parts")),
    ]
    assert compiled(tmp_path, *tables) == []


@needs_pdflatex
def test_many_homes_many_rows_and_names_without_end_fit_too(tmp_path):
    homes = [f"home-{number}" for number in range(8)] + [LONG[:60]]
    several = [score | {"dataset": home} for home in homes for score in make_run_scores()[:2]]
    one_home = [make_run_scores()[0] | {"recogniser": f"{LONG}{number}"} for number in range(60)]
    assert (
        compiled(
            tmp_path,
            build_table({"title": "Homes"}, several, "abc"),
            build_table({"title": "Rows", "caption": LONG[:99]}, one_home, "abc"),
            Table(
                "Rows",
                "",
                [Column("Name", number=False), Column("N")],
                [[f"{LONG} {number}", "5 [+0.10, -0.20]"] for number in range(99)],
                [],
                [("Note", [LONG])],
            ),
        )
        == []
    )


def test_a_table_of_two_homes_fits_a_column_and_one_of_many_takes_the_page():
    scores = make_run_scores()
    assert r"\begin{table}" in render_latex(build_table({"title": "T"}, scores, "abc"), "t")
    many = [score | {"dataset": f"home-{number}"} for number in range(5) for score in scores[:1]]
    assert r"\begin{table*}" in render_latex(build_table({"title": "T"}, many, "abc"), "t")


def test_the_label_holds_no_special_characters():
    assert r"\label{tab:my-table}" in render_latex(build_table({"title": "T"}, make_run_scores(), "abc"), "my_table")


def test_escapes():
    assert escape_latex("`recall`") == r"\textasciigrave{}recall\textasciigrave{}"
    assert escape_latex("50 % of a_b & {c} #1 $ ~ ^ \\") == (
        r"50 \% of a\_b \& \{c\} \#1 \$ \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )


def test_words_break_after_punctuation_and_intervals_do_not():
    assert breakable_latex("short_name") == r"short\_name"
    assert breakable_latex("model-1m_reasoning") == r"model-\allowbreak{}1m\_\allowbreak{}reasoning"
    assert breakable_latex("0.1 [+0.10, -0.20]") == "0.1 [+0.10,~-0.20]"
    assert breakable_latex("abcdefghijklm") == r"abcdef\-ghijkl\-m"


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_breaks_change_no_character(text):
    without = breakable_latex(text).replace(r"\allowbreak{}", "").replace(r"\-", "").replace("~", " ")
    assert without == escape_latex(text)
