"""The paper's claims: when each holds, when it does not, when the scores do not reach to it."""

import csv
import io
import re

import numpy as np
import pytest
from factories import TRAINING_LOG, draw_gold, draw_predictions, make_measured_score, make_score, make_student_score
from hearth.evaluation import claims
from hearth.evaluation.claims import HELD, NOT_TESTABLE, NotTestableError
from hearth.evaluation.rendering import csv_text, latex, markdown

RICH, POOR = "rich", "poor"


def rates(missing):
    return {"ok_rate": 1.0, "malformed_rate": 0.0, "missing_rate": missing, "unknown_rate": 0.0}


def scored(score, dataset, labels, missing):
    score["strict"]["rates"] = rates(missing)
    # Of one session, so that there are no intervals between the numbers.
    score["sessions"] = {"2": score["sessions"]["2"]}
    score["provenance"]["home"] |= {"name": dataset, "labels": labels}
    return score


def base(name, f1, size=1, dataset=RICH, missing=0.0, labels=20):
    return scored(make_score(name, dataset, f1, parameters=size * 10**6), dataset, labels, missing)


def student(f1, seed=0, trained_on=RICH, dataset=RICH, missing=0.0, labels=20, **changes):
    log = TRAINING_LOG | {"settings": TRAINING_LOG["settings"] | {"seed": seed}}
    changes = {"train_dataset": trained_on, "parameters": 10**6, "recogniser": f"s_{trained_on}_{seed}"} | changes
    score = make_student_score(dataset, f1, provenance={"student": log})
    return scored(score | changes, dataset, labels, missing)


# F1 grows with size and flattens


def grows(*points, dataset=RICH):
    return claims.grows_and_flattens([base(f"m{size}", f1, size) for size, f1 in points], dataset)


@pytest.mark.parametrize(
    ("points", "holds", "said"),
    [
        ([(1, 0.2), (2, 0.4), (4, 0.5)], True, "+0.300, at least 0.15"),
        ([(1, 0.35), (2, 0.45), (4, 0.5)], True, "+0.150, at least 0.15; per doubling of parameters +0.100 over"),
        ([(1, 0.36), (2, 0.45), (4, 0.5)], False, "+0.140, less than 0.15"),
        ([(1, 0.2), (2, 0.3), (4, 0.4)], False, "at least 0.15; per doubling of parameters +0.100 over the lower half"),
        ([(1, 0.2), (2, 0.3), (4, 0.5)], False, "+0.200 over the upper, -0.100 between them: does not flatten"),
        ([(1, 0.5), (2, 0.4), (4, 0.2)], False, "-0.300, less than 0.15"),
        # Two doublings in one step: it is the gain of each that counts.
        ([(1, 0.2), (2, 0.35), (8, 0.55)], True, "+0.150 over the lower half of the sizes, +0.100 over the upper"),
    ],
)
def test_f1_grows_by_the_threshold_and_flattens_per_doubling(points, holds, said):
    found = grows(*points)
    assert found.holds == holds
    assert said in found.because


def test_of_an_even_number_of_sizes_both_halves_have_the_step_in_the_middle():
    found = grows((1, 0.1), (2, 0.3), (4, 0.5), (8, 0.6))
    assert "+0.200 over the lower half of the sizes, +0.150 over the upper" in found.because
    assert "from 0.100 (m1, 1.0M) to 0.600 (m8, 8.0M)" in found.because


def test_models_of_one_size_count_as_one_by_their_mean():
    scores = [base("a", 0.1), base("b", 0.3), base("c", 0.4, 2), base("d", 0.5, 4)]
    found = claims.grows_and_flattens(scores, RICH)
    assert found.holds
    assert "from 0.200 (a, b, 1.0M)" in found.because
    with pytest.raises(NotTestableError, match="base models of 3 sizes, the scores are of 2"):
        claims.grows_and_flattens(scores[:3], RICH)


def test_only_base_models_on_that_home_make_the_curve():
    scores = [base("a", 0.2), base("b", 0.4, 2), base("c", 0.5, 4, dataset=POOR), student(0.9)]
    with pytest.raises(NotTestableError, match="the scores are of 2"):
        claims.grows_and_flattens(scores, RICH)


# A distilled small student comes close to its teacher


@pytest.mark.parametrize(
    ("student_f1", "holds", "said"),
    [
        (0.5, True, "gains +0.200 of the teacher's lead of +0.400, at least 0.5 of it"),
        (0.499, False, "less than 0.5 of it"),
        (0.8, True, "gains +0.500"),
        (0.2, False, "gains -0.100"),
    ],
)
def test_a_student_is_close_when_it_makes_up_half_of_the_lead(student_f1, holds, said):
    found = claims.comes_close([base("little", 0.3), base("large", 0.7, 9), student(student_f1)], RICH)
    assert found.holds == holds
    assert said in found.because


def test_seeds_are_averaged_and_counted():
    scores = [base("little", 0.3), base("large", 0.7, 9), student(0.4, 0), student(0.6, 1), student(0.5, 2)]
    found = claims.comes_close(scores, RICH)
    assert found.holds
    assert "of its student 0.500 (mean of 3 seeds, ± 0.100)" in found.because


def test_the_smallest_students_base_is_looked_at():
    scores = [base("little", 0.3), base("middle", 0.4, 3), base("large", 0.7, 9), student(0.35)]
    bigger = student(0.69, base="middle", parameters=3 * 10**6, recogniser="s_middle")
    found = claims.comes_close([*scores, bigger], RICH)
    assert not found.holds
    assert "of the base little" in found.because


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([base("little", 0.7), base("large", 0.7, 9), student(0.9)], "teacher large 0.700 is not above"),
        ([base("little", 0.8), base("large", 0.7, 9), student(0.9)], "nothing to come close to"),
        ([base("little", 0.3), base("large", 0.7, 9)], "no student of recipe reasoning"),
        (
            [base("little", 0.3), base("large", 0.7, 9), student(0.5, trained_on=POOR)],
            "no score on rich of a student of little that was trained on rich",
        ),
        ([base("little", 0.3), student(0.5)], "no score of large on rich"),
        ([base("large", 0.7, 9), student(0.5)], "no score of little on rich"),
    ],
)
def test_coming_close_is_not_testable_without_a_better_teacher_or_a_student(scores, reason):
    with pytest.raises(NotTestableError, match=reason):
        claims.comes_close(scores, RICH)


# Failures fall with size and with distillation


@pytest.mark.parametrize(
    ("small", "large", "own", "holds", "said"),
    [
        (0.2, 0.1, 0.0, True, "falls with size, falls with distillation"),
        (0.2, 0.2, 0.0, False, "does not fall with size, falls with distillation"),
        (0.2, 0.0, 0.2, False, "falls with size, does not fall with distillation"),
        (0.2, 0.3, 0.3, False, "does not fall with size, does not fall with distillation"),
    ],
)
def test_failures_must_fall_both_ways(small, large, own, holds, said):
    scores = [base("little", 0.3, missing=small), base("large", 0.7, 9, missing=large), student(0.5, missing=own)]
    found = claims.failures_fall(scores, RICH)
    assert found.holds == holds
    assert found.because.endswith(said)


def test_failures_that_only_a_student_has_are_held_against_distillation():
    scores = [base("little", 0.3), base("large", 0.7, 9), student(0.5, missing=0.06)]
    found = claims.failures_fall(scores, RICH)
    assert not found.holds
    assert "does not fall with distillation" in found.because


def test_failures_of_several_seeds_are_averaged():
    scores = [base("little", 0.3, missing=0.2), base("large", 0.7, 9)]
    found = claims.failures_fall([*scores, student(0.5, 0, missing=0.3), student(0.5, 1, missing=0.05)], RICH)
    assert found.holds
    assert "0.1750 (mean of 2 seeds, ± 0.177) by the student of little" in found.because


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (
            [base("little", 0.3), base("large", 0.7, 9), student(0.5)],
            "neither little, large nor the student of little leaves",
        ),
        ([base("little", 0.3, missing=0.1), student(0.5)], "base models of 2 sizes"),
        ([base("little", 0.3, missing=0.1), base("large", 0.7, 9)], "no score on rich of a student of little"),
    ],
)
def test_failures_are_not_testable_where_there_are_none_or_nothing_to_compare(scores, reason):
    with pytest.raises(NotTestableError, match=reason):
        claims.failures_fall(scores, RICH)


# Transfer between homes is asymmetric


def transfer(rich_on_poor, poor_on_rich, poor_labels=10, own=0.5):
    return [
        student(own),
        student(own, trained_on=POOR, dataset=POOR, labels=poor_labels),
        student(rich_on_poor, dataset=POOR, labels=poor_labels),
        student(poor_on_rich, trained_on=POOR),
        base("little", 0.123, dataset=POOR, labels=poor_labels),
    ]


@pytest.mark.parametrize(
    ("rich_on_poor", "poor_on_rich", "holds", "said"),
    [
        (0.45, 0.3, True, "difference +0.300: asymmetric, the richer home's student"),
        (0.425, 0.4, True, "difference +0.050: asymmetric, the richer"),
        (0.424, 0.4, False, "difference +0.048: no asymmetry of 0.05"),
        (0.376, 0.4, False, "difference -0.048: no asymmetry of 0.05"),
        (0.375, 0.4, False, "difference -0.050: asymmetric the other way round"),
    ],
)
def test_transfer_is_asymmetric_when_the_richer_homes_student_retains_more(rich_on_poor, poor_on_rich, holds, said):
    scores = transfer(rich_on_poor, poor_on_rich)
    for pair in ((RICH, POOR), (POOR, RICH)):
        found = claims.transfer_is_asymmetric(scores, *pair)
        assert found.holds == holds
        assert said in found.because


def test_transfer_tells_what_the_base_does_without_training():
    found = claims.transfer_is_asymmetric(transfer(0.45, 0.3), RICH, POOR)
    assert "on poor (10 labels) the student of rich retains 0.90 of the weighted F1 of poor's own" in found.because
    assert "(0.450 of 0.500; little zero-shot 0.123)" in found.because
    assert "(0.300 of 0.500)" in found.because


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (transfer(0.4, 0.4, poor_labels=20), "both homes have 20 labels"),
        (transfer(0.4, 0.4, own=0.0), "trained on poor has weighted F1 0 there"),
        ([*transfer(0.4, 0.4)[:3], base("x", 0.1)], "no score on rich of a student of little that was trained on poor"),
    ],
)
def test_transfer_is_not_testable_between_equals_or_without_all_four_students(scores, reason):
    with pytest.raises(NotTestableError, match=reason):
        claims.transfer_is_asymmetric(scores, RICH, POOR)


# Chance


def measured(sessions, dataset=RICH, labels=20, **skills):
    """Scores measured on so many sessions: `m1`, `m2`, ... are base models of that size, other names students."""
    draw = np.random.default_rng(sessions)
    gold = draw_gold(draw, sessions, 10)
    found = []
    for name, skill in skills.items():
        size = int(name[1:]) * 10**6 if name.startswith("m") else 10**6
        score = make_measured_score(gold, draw_predictions(draw, gold, skill), name, dataset, parameters=size)
        if not name.startswith("m"):
            names = {"kind": "student", "base": "m1", "teacher": "m9", "recipe": "reasoning", "train_dataset": RICH}
            score |= names | {"train_dataset": POOR if name.startswith("poor") else RICH}
        score["provenance"]["home"] |= {"labels": labels}
        found.append(score)
    return found


@pytest.mark.parametrize(
    ("skills", "holds"),
    [({"m1": 0.2, "m3": 0.75, "m9": 0.85}, True), ({"m1": 0.8, "m3": 0.75, "m9": 0.7}, False)],
)
def test_a_clear_verdict_is_beyond_chance_and_the_same_of_few_sessions_within_it(skills, holds):
    found = claims.grows_and_flattens(measured(40, **skills), RICH)
    assert (found.holds, found.sure) == (holds, True)
    few = claims.grows_and_flattens(measured(5, m1=0.45, m3=0.6, m9=0.7), RICH)
    assert few.sure is False


def test_what_decides_is_shown_with_its_interval():
    found = claims.grows_and_flattens(measured(40, m1=0.2, m3=0.75, m9=0.85), RICH)
    assert re.search(r"\(m9, 9.0M\): \+0\.\d{3} \[\+0\.\d\d, \+0\.\d\d\], at least 0.15", found.because)
    assert re.search(r"over the upper, -0\.\d{3} \[|over the upper, \+0\.\d{3} \[", found.because)


def test_a_student_is_surely_close_only_where_other_sessions_would_not_turn_it():
    sure = claims.comes_close(measured(40, m1=0.2, m9=0.8, student=0.78), RICH)
    assert (sure.holds, sure.sure) == (True, True)
    open_ = claims.comes_close(measured(6, m1=0.2, m9=0.8, student=0.5), RICH)
    assert open_.sure is False
    far = claims.comes_close(measured(40, m1=0.2, m9=0.8, student=0.25), RICH)
    assert (far.holds, far.sure) == (False, True)
    assert re.search(r"; against the teacher -0\.\d{3} \[-0\.\d\d, \+0\.\d\d\]$", sure.because)


def test_several_seeds_narrow_no_interval_to_nothing():
    scores = measured(40, m1=0.2, m9=0.8, student=0.6, student_seed1=0.62)
    found = claims.comes_close(scores, RICH)
    assert "(mean of 2 seeds" in found.because
    assert found.sure is not None


def test_one_condition_that_surely_fails_is_enough_for_a_sure_no():
    fails, open_, met = (
        claims._Condition(np.array([value, *bounds]))
        for value, bounds in ((-0.5, [-0.6, -0.4]), (-0.1, [-0.3, 0.1]), (0.2, [0.1, 0.3]))
    )
    unknown = claims._Condition(np.array([0.2, np.nan, np.nan]))
    assert claims._finding("", met, met).sure is True
    assert claims._finding("", met, claims._Condition(np.array([0.1, -0.1, 0.2]))).sure is False
    assert claims._finding("", fails, open_).sure is True
    assert claims._finding("", open_, met).sure is False
    assert claims._finding("", met, unknown).sure is None
    assert claims._finding("", fails, unknown).sure is True


def test_a_difference_of_nothing_is_within_chance_where_it_must_be_beyond():
    at = np.zeros(3)
    assert (claims._Condition(at).met, claims._Condition(at, beyond=True).met) == (True, False)


def test_failures_and_transfer_have_their_intervals_too():
    failing = measured(40, m1=0.3, m9=0.9, student=0.85)
    found = claims.failures_fall(failing, RICH)
    assert (found.holds, found.sure) == (True, True)
    assert re.search(r"by m9, -0\.\d{4} \[-0\.\d{3}, -0\.\d{3}\];", found.because)
    both = measured(40, m1=0.3, student=0.8, poor=0.2) + measured(41, POOR, 10, m1=0.3, poor_own=0.8, student=0.75)
    found = claims.transfer_is_asymmetric(both, RICH, POOR)
    assert (found.holds, found.sure) == (True, True)
    assert re.search(r"difference \+0\.\d{3} \[\+0\.\d\d, \+0\.\d\d\]: asymmetric, the richer", found.because)


def test_the_table_says_what_chance_leaves_open_and_what_the_paper_says():
    found = claims.build(measured(40, m1=0.2, m3=0.75, m9=0.85, student=0.8), "abc")
    assert [row["sure"] for row in found.records] == [*["beyond chance"] * 3, ""]
    assert "within 3 to 5 % F1" in found.records[1]["paper"]
    assert all("assumed" in row["paper"] for row in found.records)
    assert any("95 % intervals" in said for said in dict(found.notes)["Chance"])


def test_of_a_tiny_test_set_nothing_is_called_beyond_chance():
    def said(sessions):
        rows = claims.build(measured(sessions, m1=0.1, m3=0.9, m9=0.95), "abc").records
        return [(row["verdict"], row["sure"]) for row in rows[:1]]

    assert said(9) == [(HELD, "too few sessions")]
    assert said(10) == [(HELD, "beyond chance")]


# The table

FULL = [
    *(base(f"m{size}", f1, size, missing=0.1 / size) for size, f1 in ((2, 0.4), (4, 0.55))),
    base("little", 0.2, missing=0.3),
    base("large", 0.6, 8),
    *transfer(0.45, 0.3),
]


def test_a_row_a_claim_and_home_and_a_row_a_pair():
    found = claims.build(FULL, "abc")
    assert [(row["dataset"], row["verdict"]) for row in found.records] == [
        (RICH, HELD),
        (POOR, NOT_TESTABLE),
        (RICH, HELD),
        (POOR, NOT_TESTABLE),
        (RICH, HELD),
        (POOR, NOT_TESTABLE),
        ("rich, poor", HELD),
    ]
    assert [row["claim"] for row in found.records[::2]] == [claim.name for claim in claims.CLAIMS]


def test_students_of_other_recipes_and_recognisers_under_a_condition_decide_no_claim():
    own = [base("little", 0.3), base("middle", 0.6, 3), base("large", 0.7, 9), student(0.6)]
    asked = base("little_constrained", 0.9) | {"variant": "constrained"}
    others = [asked, student(0.9, recogniser="labels", recipe="labels"), student(0.1, recogniser="n5", variant="n5")]
    assert claims.build(own + others, "abc").records == claims.build(own, "abc").records


def test_every_claim_has_a_row_even_of_a_single_home():
    found = claims.build([base("little", 0.2)], "abc")
    assert [row["claim"] for row in found.records] == [claim.name for claim in claims.CLAIMS]
    assert {row["verdict"] for row in found.records} == {NOT_TESTABLE}
    assert found.records[-1]["because"] == "it takes 2 homes, the scores are of 1"


def test_the_notes_say_how_claims_are_decided_and_what_the_scores_rest_on():
    (heading, rules), *rest = claims.build(FULL, "abc").notes
    assert "thresholds are ours" in heading
    assert len(rules) == 4
    assert {"Metrics", "Split", "Seeds", "Students", "Code"} <= {name for name, _ in rest}


def test_simulated_homes_and_tiny_models_are_called_that():
    facts = {"simulated": ["made-up"], "stand_in": "tiny model of this project"}
    found = claims.build([make_score("little", provenance=facts)], "abc")
    assert all(row[1] == "made-up (simulated)" for row in found.cells)
    assert dict(found.notes)["Tiny models"] == ["little: tiny model of this project"]


def test_the_table_is_written_in_every_form_and_the_order_of_the_scores_decides_no_verdict():
    found = claims.build(FULL, "abc")
    rows = list(csv.DictReader(line for line in io.StringIO(csv_text(found)) if not line.startswith("#")))
    assert [row["verdict"] for row in rows] == [row["verdict"] for row in found.records]
    assert "| F1 grows with size and flattens" in markdown(found)
    assert r"\begin{tabular}{p{0.12\linewidth}p{0.1\linewidth}llp{0.3\linewidth}" in latex(found, "claims")
    verdicts = [
        sorted((row["claim"], row["verdict"]) for row in claims.build(given, "abc").records)
        for given in (FULL, FULL[::-1])
    ]
    assert verdicts[0] == verdicts[1]
