"""Test the shares of broken rows, and that like reasons are listed once."""

import pytest
from hearth.data.load_report import LoadReport, RowProblem, broken_forms

BROKEN = [RowProblem("a.csv", line, "bad") for line in (2, 3)]


def test_shares_of_rows_and_of_label_rows_have_limits_of_their_own():
    report = LoadReport(rows=100, broken=BROKEN, label_rows=20, broken_labels=BROKEN[:1])
    assert list(report.excesses(0.02, 0.05)) == []
    assert list(report.excesses(0.019, 0.05)) == [
        "2 of 100 rows are broken, a share of 0.0200 (allowed: 0.019), first a.csv:2; correct them, or raise "
        "max_broken_share"
    ]
    [message] = report.excesses(0.02, 0.04)
    assert message.startswith("1 of 20 label rows are broken, a share of 0.0500 (allowed: 0.04)")
    assert list(LoadReport().excesses(0, 0)) == []


def test_a_broken_row_of_two_events_weighs_as_much_as_a_good_one():
    assert LoadReport(rows=98 * 2 + 2, events_per_row=2, broken=BROKEN).broken_share == pytest.approx(0.02)


def test_reasons_that_differ_in_quoted_texts_numbers_and_hints_are_one_form():
    reasons = [
        "'1' is no time",
        "'x y' is no time; set it",
        "3 cells, but the header has 5",
        "4 cells, but the header has 5",
    ]
    problems = [RowProblem("a.csv", line, reason) for line, reason in enumerate([*reasons, "'2' is no time"], start=2)]
    assert broken_forms(problems) == [
        "a.csv:2: '1' is no time (3 rows like this)",
        "a.csv:4: 3 cells, but the header has 5 (2 rows like this)",
    ]


@pytest.mark.parametrize(("broken", "remedy"), [(20, "raise max_broken_share"), (59, "another home's files")])
def test_a_large_share_of_broken_rows_is_not_to_be_accepted(broken, remedy):
    report = LoadReport(rows=100, loaded=100 - broken)
    report.broken = [RowProblem("a.csv", line, "no time") for line in range(broken)]
    (text,) = report.excesses(0.02, 1)
    assert remedy in text
