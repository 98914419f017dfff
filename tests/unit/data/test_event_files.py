"""Test that events files are read back as they were written, and that digests identify their content."""

from datetime import datetime

import pandas as pd
import pytest
from event_factories import FLAT, flat_events, flat_row
from hearth.data.event_files import digest_events, read_events, write_events
from hearth.data.events import check_events, event_table


def test_events_are_read_back_as_they_were_written(tmp_path):
    write_events(tmp_path / "events.parquet", flat_events())
    again = read_events(tmp_path / "events.parquet")
    check_events(again, FLAT)
    assert again.to_dict("records") == flat_events().to_dict("records")
    assert again.dtypes["time"] == flat_events().dtypes["time"]
    assert digest_events(again) == digest_events(flat_events())


def test_groups_and_accepted_labels_are_read_back(tmp_path):
    labels = [[name] for name in flat_events()["activity"]]
    events = flat_events().assign(group_day=["Mon", "Mon", "Tue"], group_flat="F", alternatives=labels)
    write_events(tmp_path / "events.parquet", events)
    again = read_events(tmp_path / "events.parquet")
    assert again.to_dict("records") == events.to_dict("records")
    assert digest_events(again) == digest_events(events) != digest_events(flat_events())


def test_equal_events_give_equal_files(tmp_path):
    for name in ("one", "two"):
        write_events(tmp_path / name, flat_events())
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("activity", "drinking water, coffee or drinks"),
        ("residents", ["A"]),
        ("time", datetime(2024, 1, 2, 8, 0, 0, 1000)),
    ],
)
def test_the_digest_changes_with_any_value(column, value):
    assert digest_events(event_table([flat_row(**{column: value})])) != digest_events(event_table([flat_row()]))


def test_reading_another_file_names_it(tmp_path):
    (tmp_path / "text").write_text("session,event")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other")
    for name in ("text", "other", "missing"):
        with pytest.raises(ValueError, match=name):
            read_events(tmp_path / name)
