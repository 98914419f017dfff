"""Test the counts and lists in the card of a dataset."""

from event_factories import FLAT, flat_events
from hearth.data.dataset_card import dataset_card
from hearth.data.load_report import LoadReport, RowProblem


def test_the_card_counts_rows_and_contents():
    report = LoadReport(
        files=2, rows=6, loaded=3, unlabelled=1, broken=[RowProblem("x.csv", 7, "unknown `sensor`\n'Q'")], notes=["odd"]
    )
    report.skipped["duplicate row"] += 2
    card = dataset_card(FLAT, flat_events(), report, [], simulated=True)
    for line in [
        "# Flat",
        "- rows: 6",
        "- loaded: 3",
        "  - without an activity in the files: 1",
        "- broken: 1",
        "- skipped: 2",
        "  - duplicate row: 2",
        "- `x.csv:7: unknown 'sensor' 'Q'`",
        "- odd",
        "2 sessions, 3 events, 2 residents, 2 of 2 sensors, 2 of 2 labels.",
        "| day2 | 2 | A B | 08:00:00 | 08:00:01 |",
        "| drinking water, coffee or drinks | 1 |",
        "| E1 | kitchen | stove | 2 |",
    ]:
        assert line in card.splitlines()
    assert "simulated" in card
    assert "simulated" not in dataset_card(FLAT, flat_events(), report, [], simulated=False)


def test_the_card_lists_fifty_broken_rows_and_counts_the_rest():
    report = LoadReport(rows=63, loaded=3, broken=[RowProblem("x.csv", line, "bad") for line in range(2, 62)])
    card = dataset_card(FLAT, flat_events(), report, [], simulated=False).splitlines()
    assert sum(line.startswith("- `x.csv:") for line in card) == 50
    assert "- and 10 more" in card
