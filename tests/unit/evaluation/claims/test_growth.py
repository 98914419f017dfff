"""Test the claim that F1 grows with size and flattens."""

import re

import pytest
from claim_factories import POOR, RICH, make_base, make_measured_scores, make_student
from hearth.evaluation.claims.growth import grows_and_flattens
from hearth.evaluation.claims.verdicts import NotTestableError


def grows(*points, dataset=RICH):
    return grows_and_flattens([make_base(f"m{size}", f1, size) for size, f1 in points], dataset)


@pytest.mark.parametrize(
    ("points", "holds", "said"),
    [
        ([(1, 0.2), (2, 0.4), (4, 0.5)], True, "+0.300, at least 0.15"),
        ([(1, 0.35), (2, 0.45), (4, 0.5)], True, "+0.150, at least 0.15; per doubling of parameters +0.100 over"),
        ([(1, 0.36), (2, 0.45), (4, 0.5)], False, "+0.140, less than 0.15"),
        ([(1, 0.2), (2, 0.3), (4, 0.4)], False, "at least 0.15; per doubling of parameters +0.100 over the lower half"),
        ([(1, 0.2), (2, 0.3), (4, 0.5)], False, "+0.200 over the upper half, difference -0.100: does not flatten"),
        ([(1, 0.5), (2, 0.4), (4, 0.2)], False, "-0.300, less than 0.15"),
        # The step from 2 to 8 is two doublings; its gain of 0.2 counts as 0.1 per doubling.
        ([(1, 0.2), (2, 0.35), (8, 0.55)], True, "+0.150 over the lower half of the sizes, +0.100 over the upper"),
    ],
)
def test_f1_grows_by_the_threshold_and_flattens_per_doubling(points, holds, said):
    finding = grows(*points)
    assert finding.holds == holds
    assert said in finding.because


def test_of_an_even_number_of_sizes_both_halves_have_the_step_in_the_middle():
    finding = grows((1, 0.1), (2, 0.3), (4, 0.5), (8, 0.6))
    assert "+0.200 over the lower half of the sizes, +0.150 over the upper" in finding.because
    assert "from 0.100 (m1, 1.0M) to 0.600 (m8, 8.0M)" in finding.because


def test_models_of_one_size_count_as_one_by_their_mean():
    scores = [make_base("a", 0.1), make_base("b", 0.3), make_base("c", 0.4, 2), make_base("d", 0.5, 4)]
    finding = grows_and_flattens(scores, RICH)
    assert finding.holds
    assert "from 0.200 (a, b, 1.0M)" in finding.because
    with pytest.raises(NotTestableError, match="base models of 3 sizes, and there are 2"):
        grows_and_flattens(scores[:3], RICH)


def test_only_base_models_on_that_home_make_the_curve():
    scores = [make_base("a", 0.2), make_base("b", 0.4, 2), make_base("c", 0.5, 4, dataset=POOR), make_student(0.9)]
    with pytest.raises(NotTestableError, match="and there are 2"):
        grows_and_flattens(scores, RICH)


@pytest.mark.parametrize(
    ("skills", "holds"),
    [({"m1": 0.2, "m3": 0.75, "m9": 0.85}, True), ({"m1": 0.8, "m3": 0.75, "m9": 0.7}, False)],
)
def test_a_clear_verdict_is_beyond_chance_and_the_same_of_few_sessions_within_it(skills, holds):
    finding = grows_and_flattens(make_measured_scores(40, **skills), RICH)
    assert (finding.holds, finding.certain) == (holds, True)
    few = grows_and_flattens(make_measured_scores(5, m1=0.45, m3=0.6, m9=0.7), RICH)
    assert few.certain is False


def test_what_decides_is_shown_with_its_interval():
    finding = grows_and_flattens(make_measured_scores(40, m1=0.2, m3=0.75, m9=0.85), RICH)
    assert re.search(r"\(m9, 9.0M\): \+0\.\d{3} \[\+0\.\d\d, \+0\.\d\d\], at least 0.15", finding.because)
    assert re.search(r"over the upper half, difference [-+]0\.\d{3} \[", finding.because)
