"""Test the table of claims: its rows, effects, verdicts, p values and notes."""

import csv
import io

import claims
import numpy as np
import pytest
from claim_factories import POOR, RICH, make_base, make_student, make_transfer_scores
from hearth.common.files import write_json
from hearth.evaluation.bootstrap import RESAMPLES
from hearth.evaluation.claims.table import CLAIMS, build_claims_table
from hearth.evaluation.claims.verdicts import HELD, NOT_TESTABLE, UNDECIDED, VERDICTS
from hearth.evaluation.latex import render_latex
from hearth.evaluation.rendering import render_csv, render_markdown
from hearth.evaluation.statistics import holm
from planted_claims import ASYMMETRIC, KEEPS_UP, OVER_LEFT_OUT, OVER_PAIRS, PLANTED, make_homes_run
from score_factories import make_score
from simulated_scores import SimulatedHome

# The claims that arise with two homes, whose students learned in one home each.
TWO_HOME_CLAIMS = [claim.name for claim in CLAIMS[: CLAIMS.index(ASYMMETRIC) + 1]]


def simulate_run(groups=40, seed=0):
    """Return the scores of a run on two homes, in which failures fall and F1 grows clearly."""
    draw = np.random.default_rng(seed)
    scores = []
    for name, labels in ((RICH, 20), (POOR, 12)):
        home = SimulatedHome(draw, name, groups, labels)
        scores += [home.score("m1", 0.3, 0.2), home.score("m3", 0.5, size=3), home.score("m9", 0.7, size=9)]
        scores += [score for trained in (RICH, POOR) for score in home.student(trained, [0.6, 0.6, 0.6])]
    return scores


def test_a_row_a_claim_and_home_and_a_row_a_pair():
    table = build_claims_table(simulate_run(), "abc")
    by_home = [
        (claim.name, home) for claim in CLAIMS if claim.homes == 1 and not claim.datasets for home in (RICH, POOR)
    ]
    expected = [*by_home, (ASYMMETRIC.name, "rich, poor")]
    assert [(row["claim"], row["dataset"]) for row in table.records] == expected
    assert {row["verdict"] for row in table.records} <= set(VERDICTS)
    assert [row["verdict"] for row in table.records[:2]] == [HELD, HELD]


def test_a_row_has_its_effect_with_interval_and_unit_and_holms_p_over_all_rows():
    table = build_claims_table(simulate_run(), "abc")
    for row, cells in zip(table.records, table.cells, strict=True):
        assert row["effect_low"] < row["effect"] < row["effect_high"]
        assert cells[3] == f"{row['effect']:+.3f} [{row['effect_low']:+.3f}, {row['effect_high']:+.3f}] {row['unit']}"
        assert row["groups"] == 40
        assert row["paper"]
    assert [row["p_holm"] for row in table.records] == pytest.approx(holm([row["p"] for row in table.records]))
    assert table.records[0]["p_holm"] > table.records[0]["p"] > 0


def test_a_claim_that_holms_correction_takes_back_says_so():
    rows = [row for seed in range(4) for row in build_claims_table(simulate_run(8, seed), "abc").records]
    told = {row["because"].endswith("not after Holm's correction for the other rows") for row in rows}
    assert told == {False, True}
    for row in rows:
        corrected = row["verdict"] == HELD and row["p_holm"] > 0.05
        assert row["because"].endswith("not after Holm's correction for the other rows") == corrected
    tables = [build_claims_table(simulate_run(8, seed), "abc") for seed in range(4)]
    assert any(cells[2] == "held, not after Holm" for table in tables for cells in table.cells)


def test_a_weakest_condition_that_is_not_the_effect_is_shown_in_every_form():
    (planted,) = (one for one in PLANTED if one.name == "0.15 worse than untrained")
    table = build_claims_table(planted.draw_scores(np.random.default_rng(0), 20), "abc")
    row, cells = table.records[-1], table.cells[-1]
    assert row["weakest"] == pytest.approx(-0.15, abs=0.1)
    assert row["weakest_unit"].endswith("above the untrained m1")
    assert cells[4].endswith(row["weakest_unit"])
    assert cells[4] in table.paper.rows[-1][1][-1].interval
    assert "weakest_low" in render_csv(table)


def test_no_p_value_is_smaller_than_resamples_can_show():
    table = build_claims_table(simulate_run(), "abc")
    assert min(row["p"] for row in table.records if row["p"] is not None) == 2 / (RESAMPLES + 1)
    assert table.cells[0][5] == "0.0010"
    assert {row[6] for row in table.cells} >= {"1.0000"}


def test_the_steps_between_sizes_stand_below():
    below = build_claims_table(simulate_run(), "abc").below
    assert [(row["dataset"], row["smaller"], row["larger"]) for row in below.records] == [
        (home, *pair) for home in (RICH, POOR) for pair in (("m1", "m3"), ("m3", "m9"))
    ]


def test_students_of_other_recipes_and_variants_decide_no_claim_of_one_home():
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
    assert [row["claim"] for row in table.records] == TWO_HOME_CLAIMS
    assert {row["verdict"] for row in table.records} == {NOT_TESTABLE}
    assert table.records[-1]["because"].startswith("this needs 2 homes, and there are scores of 1: select")
    assert {row["p_holm"] for row in table.records} == {None}
    assert table.cells[0][3:7] == ["", "", "", ""]


def test_a_run_of_baselines_is_told_which_scores_its_claims_miss():
    table = build_claims_table([make_score(kind="baseline", recogniser="majority", parameters=None)], "abc")
    assert {row["verdict"] for row in table.records} == {NOT_TESTABLE}
    for row in table.records:
        assert "no score of a language model of known size" in row["because"]
        assert "`models`" in row["because"]


def test_numbers_without_an_interval_leave_a_claim_undecided():
    scores = [make_base(f"m{size}", f1, size, missing=0.1 / size) for size, f1 in ((1, 0.1), (2, 0.4), (4, 0.9))]
    row = build_claims_table(scores, "abc").records[0]
    assert (row["verdict"], row["effect"], row["effect_low"], row["p"]) == (UNDECIDED, pytest.approx(0.8), None, None)
    assert row["because"].endswith("only 1 tested group, so there are no intervals")


def test_the_notes_say_how_claims_are_decided_and_what_the_scores_rest_on():
    (heading, rules), *rest = build_claims_table(simulate_run(), "abc").grounds
    assert "How claims are decided" in heading
    assert [rule.split(":")[0] for rule in rules] == TWO_HOME_CLAIMS
    assert {"Verdicts", "Metrics", "Split", "Seeds", "Students", "Code"} <= {name for name, _ in rest}


def test_simulated_homes_and_tiny_models_are_called_that():
    metadata = {"simulated": ["made-up"], "stand_in": "tiny model of this project"}
    table = build_claims_table([make_score("little", provenance=metadata)], "abc")
    assert all(row[1] == "made-up (simulated)" for row in table.cells)
    assert dict(table.notes)["Tiny models"] == ["little: tiny model of this project"]


def test_the_table_is_written_in_every_form_and_the_order_of_the_scores_decides_no_verdict():
    scores = [
        *(make_base(f"m{size}", f1, size, missing=0.1 / size) for size, f1 in ((2, 0.4), (4, 0.55))),
        make_base("little", 0.2, missing=0.3),
        make_base("large", 0.6, 8),
        *make_transfer_scores(0.45, 0.3),
    ]
    table = build_claims_table(scores, "abc")
    rows = list(csv.DictReader(line for line in io.StringIO(render_csv(table)) if not line.startswith("#")))
    assert [row["verdict"] for row in rows] == [row["verdict"] for row in table.records]
    assert "| F1 grows with size" in render_markdown(table)
    assert "Steps between neighbouring sizes" in render_markdown(table)
    assert r"\begin{table*}" in render_latex(table, "claims")
    decided = [
        sorted((row["claim"], row["dataset"], row["verdict"], row["effect"]) for row in table.records)
        for table in (build_claims_table(simulate_run(), "abc"), build_claims_table(simulate_run()[::-1], "abc"))
    ]
    assert decided[0][:-1] == decided[1][:-1]


def test_of_a_tiny_test_set_the_reason_says_that_intervals_are_rough():
    for groups, rough in ((9, True), (10, False)):
        row = build_claims_table(simulate_run(groups), "abc").records[0]
        assert ("; only 9 tested groups, so intervals are rough" in row["because"]) == rough


def test_seeds_of_sampling_are_averaged_and_are_no_models_of_their_own():
    scores = [make_base(f"m{size}", f1, size) for size, f1 in ((1, 0.1), (2, 0.4), (4, 0.8))]
    again = [make_base("m4_decode1", 0.9, 4) | {"variant": "decode1"}]
    other = [make_base("m4_constrained_decode1", 0.0, 4) | {"variant": "constrained-decode1"}]
    table = build_claims_table([*scores, *again, *other], "abc")
    assert table.records[0]["effect"] == pytest.approx(0.75)
    assert [row["larger"] for row in table.below.records] == ["m2", "m4"]
    failures = build_claims_table([make_base("m1", 0.1, missing=0.2), *scores[1:], *again], "abc").records[4]
    assert "(mean of 2 seeds, ± 0.000) by m4" in failures["because"]


def test_scores_of_different_test_sets_are_not_compared():
    scores = simulate_run(12)
    other = SimulatedHome(np.random.default_rng(5), RICH, 12, 20).score("m4", 0.5, size=4)
    with pytest.raises(ValueError, match="m1 on rich and m4 on rich were not scored on the same groups and events"):
        build_claims_table([*scores, other], "abc")


def test_the_program_writes_the_table_and_the_grounds_of_its_numbers(tmp_path):
    paths = []
    for number, score in enumerate([make_base("m1", 0.2), make_base("m2", 0.3, 2), make_base("m4", 0.7, 4)]):
        paths.append(tmp_path / f"{number}.json")
        write_json(paths[-1], score)
    forms = [tmp_path / f"claims.{suffix}" for suffix in ("md", "csv", "tex")]
    claims.main(
        ["--scores", *map(str, paths), "--markdown", str(forms[0]), "--csv", str(forms[1]), "--tex", str(forms[2])]
    )
    markdown, table, latex = (path.read_text() for path in forms)
    assert "| F1 grows with size" in markdown
    assert table.startswith('"claim","dataset","verdict","effect","unit"')
    assert r"\begin{table*}" in latex


def test_several_pairs_of_homes_are_corrected_among_themselves_and_decided_together():
    table = build_claims_table(make_homes_run(), "abc")
    pairs = [row for row in table.records if row["claim"] == ASYMMETRIC.name]
    assert [row["dataset"] for row in pairs] == ["h0, h1", "h0, h2", "h1, h2"]
    assert [row["p_holm"] for row in pairs] == pytest.approx(holm([row["p"] for row in pairs]))
    others = [row for row in table.records if row["claim"] != ASYMMETRIC.name]
    assert [row["p_holm"] for row in others] == pytest.approx(holm([row["p"] for row in others]))
    assert {row["claim"] for row in table.records} == {claim.name for claim in CLAIMS}
    shown = [cells[:2] for cells in table.cells]
    assert [OVER_PAIRS.name, "3 homes"] in shown
    assert [OVER_LEFT_OUT.name, "3 homes"] in shown
    assert [KEEPS_UP.name, "h1"] in shown


def test_homes_without_a_student_of_their_own_are_in_no_pair():
    scores = [score for score in make_homes_run() if score["train_dataset"] != "h2"]
    pairs = [row["dataset"] for row in build_claims_table(scores, "abc").records if row["claim"] == ASYMMETRIC.name]
    assert pairs == ["h0, h1"]


def test_a_column_for_each_of_several_pairs_is_in_no_paper():
    table = build_claims_table(make_homes_run(), "abc")
    assert [column.dataset for column in table.paper.columns] == ["h0", "h1", "h2", "3 homes"]
    assert ASYMMETRIC.name not in [name for name, _ in table.paper.rows]
    assert table.paper.footnotes[-1].startswith(f"not shown: {ASYMMETRIC.name} (a row for each pair")
    assert len(build_claims_table(simulate_run(), "abc").paper.footnotes) == 1
