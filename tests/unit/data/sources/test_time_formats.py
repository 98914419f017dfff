"""Test that the likely format of times is found on their column, and that unreadable times are explained by it."""

import numpy as np
import pandas as pd
import pytest
from hearth.data.sources.time_formats import likely_remedy, weigh_formats
from table_factories import load, row, write_csv


def column(*texts):
    return pd.Series(texts, dtype=str)


@pytest.mark.parametrize(
    ("texts", "form", "others"),
    [
        (["03/13/2024 08:00:01", "03/01/2024 08:00:01"], "%m/%d/%Y %H:%M:%S", []),
        (["03/01/2024 08:00:01", "03/02/2024 08:00:01"], "%m/%d/%Y %H:%M:%S", ["%d/%m/%Y %H:%M:%S"]),
        (["1709280037", "1709280038.5"], "seconds", []),
        (["1709280037123"], "milliseconds", []),
        (["01-Mar-2024 08:00:01"], "%d-%b-%Y %H:%M:%S", []),
        (["2024-02-03 08:00:01,5"], "iso8601", []),
    ],
)
def test_a_format_is_weighed_on_the_whole_column(texts, form, others):
    weighed = weigh_formats(column(*texts))
    assert (weighed.best.format, [reading.format for reading in weighed.others]) == (form, others)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("03.02.2024 08:00:00", "set `k` to '%d.%m.%Y %H:%M:%S'"),
        ("2/13/24 8:00 PM", "set `k` to '%m/%d/%y %I:%M %p'"),
        ("1709280037", "set `k` to 'seconds'"),
        ("45352.333762", "these are days as Excel counts them"),
        ("45352,333762", "these are days as Excel counts them"),
        ("2024-02-03 08:00:00 CET", "names of time zones are not read: set a pattern with the name as text"),
        ("1.70928E+09", "these are rounded numbers of a spreadsheet"),
        ("2024-02-03", "these are dates without a time of day"),
        ("8:00:01 PM", "these are times of day without a date"),
        ("noon", "correct it, or set `k`"),
        ("", ""),
    ],
)
def test_unreadable_times_are_explained_once(text, remedy):
    assert likely_remedy(column(text, text), np.ones(2, dtype=bool), "iso8601", "k").startswith(remedy)


def test_a_few_times_of_another_format_are_no_reason_to_change_the_format_of_all(tmp_path):
    write_csv(tmp_path / "a.csv", row(1), row(2), row(3), "03.02.2024 08:00:04,E1,ON,cooking")
    _, report = load(tmp_path)
    [problem] = report.broken
    assert problem.line == 5
    assert "is written as '%d.%m.%Y %H:%M:%S', other rows are not: correct it in the file" in problem.reason
