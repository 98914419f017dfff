"""Test the formats of times that a draft weighs."""

import pytest
import yaml
from draft_factories import ROWS, head, load, table, write
from hearth.onboarding.draft.home_draft import draft_home


def stamped(form, *moments):
    rows = [(moment, *row[1:]) for moment, row in zip(moments, ROWS, strict=True)]
    return table(rows=rows), form


@pytest.mark.parametrize(
    ("lines", "form", "said"),
    [
        (*stamped("%m/%d/%Y %H:%M:%S", *(f"03/0{n}/2024 08:00:00" for n in range(1, 5))), "'%d/%m/%Y %H:%M:%S'"),
        (*stamped("%d/%m/%Y %H:%M:%S", *(f"0{n}/03/2024 08:00:00" for n in range(1, 5))), "'%m/%d/%Y %H:%M:%S'"),
        (*stamped("%d/%m/%Y %H:%M", *(f"{n}/03/2024 08:00" for n in range(10, 14))), ""),
        (*stamped("%m/%d/%Y %I:%M:%S %p", *(f"3/{n}/2024 04:00:37 PM" for n in range(12, 16))), ""),
        # Read as day/month, the last time is eight months before the one above.
        (
            *stamped("%m/%d/%Y %H:%M", "03/09/2024 08:00", "03/10/2024 08:00", "03/11/2024 08:00", "04/01/2024 08:00"),
            "",
        ),
        (*stamped("%d.%m.%Y %H:%M:%S", *(f"0{n}.03.2024 08:00:00" for n in range(1, 5))), ""),
        (*stamped("%d.%m.%y %H:%M", *(f"2{n}.03.24 08:00" for n in range(1, 5))), ""),
        (*stamped("%d-%b-%Y %H:%M:%S", *(f"0{n}-Mar-2024 08:00:00" for n in range(1, 5))), ""),
        (*stamped("seconds", *(f"17092800{n}7.000" for n in range(1, 5))), "all times are in UTC"),
        (*stamped("milliseconds", *(f"17092800{n}7000" for n in range(1, 5))), "all times are in UTC"),
        (*stamped("iso8601", *(f"2024-07-0{n}T00:30:00+02:00" for n in range(1, 5))), "Etc/GMT-2"),
        (*stamped("iso8601", *(f"2024-07-0{n}T00:30:00Z" for n in range(1, 5))), "all times are in UTC"),
    ],
)
def test_times_are_weighed_and_what_stays_open_is_said(tmp_path, lines, form, said):
    data = write(tmp_path / "data", *lines)
    text, home, events, _ = load(data, tmp_path)
    assert home.recording.time.format == form
    assert said in head(text)
    assert ("OPEN: time.format" in text) == said.startswith("'%")
    assert len(events) == 4


def test_a_reading_that_only_a_late_row_excludes_is_excluded(tmp_path):
    rows = [(f"0{1 + n // 400}/03/2024 {n // 60 % 24:02d}:{n % 60:02d}:00", *ROWS[n % 4][1:]) for n in range(3000)]
    data = write(tmp_path / "data", *table(rows=[*rows, ("13/03/2024 08:00:00", *ROWS[0][1:])]))
    text = draft_home(data, "schema")
    assert yaml.safe_load(text)["recording"]["time"] == {"format": "%d/%m/%Y %H:%M:%S"}
    assert "OPEN: time.format" not in text


def test_one_damaged_time_does_not_stop_a_draft_and_is_counted(tmp_path):
    rows = [(f"{n + 1:02d}.03.2024 08:00:00", *ROWS[n % 4][1:]) for n in range(20)]
    data = write(tmp_path / "data", *table(rows=[*rows, ("garbled", *ROWS[0][1:])]))
    text, _, events, report = load(data, tmp_path)
    assert (len(events), len(report.broken)) == (20, 1)
    assert "1 of 21 rows are broken" in head(text)
