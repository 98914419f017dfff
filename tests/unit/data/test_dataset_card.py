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


def test_the_card_lists_fifty_forms_of_broken_rows_and_counts_the_rest():
    broken = [RowProblem("x.csv", line, f"bad {chr(line) * 2}") for line in range(200, 260)]
    broken += [RowProblem("x.csv", line, f"'{line}' is no time") for line in range(2, 7)]
    report = LoadReport(rows=68, loaded=3, broken=broken)
    card = dataset_card(FLAT, flat_events(), report, [], simulated=False).splitlines()
    assert sum(line.startswith("- `x.csv:") for line in card) == 50
    assert "- `x.csv:2: '2' is no time (5 rows like this)`" in card
    assert "- and 11 more forms" in card


def test_the_card_counts_label_rows_unread_files_and_warnings():
    report = LoadReport(label_rows=9, broken_labels=[RowProblem("labels.csv", 3, "odd")], unread=["b.CSV", "c.txt"])
    report.warnings.append("few events lie in intervals")
    card = dataset_card(FLAT, flat_events(), report, [], simulated=False).splitlines()
    for line in [
        "- label rows: 9",
        "  - broken: 1",
        "- `labels.csv:3: odd`",
        "- files that are not read: `b.CSV, c.txt`",
        "- few events lie in intervals",
    ]:
        assert line in card


def test_the_card_names_the_first_of_many_unread_files():
    report = LoadReport(unread=[f"{number}.jpg" for number in range(1000)])
    card = dataset_card(FLAT, flat_events(), report, [], simulated=False)
    [line] = [line for line in card.splitlines() if "jpg" in line]
    assert line.startswith("- files that are not read: `0.jpg, 1.jpg, ")
    assert line.endswith(", 9.jpg` and 990 more")


def test_the_card_counts_events_that_accept_a_label_beside_their_first(tmp_path):
    events = flat_events()
    first, second = FLAT.labels[:2]
    events["alternatives"] = [[first, second]] * len(events)
    card = dataset_card(FLAT, events.assign(activity=first), LoadReport(), [], simulated=False).splitlines()
    assert f"| {first} | {len(events)} | 0 |" in card
    assert f"| {second} | 0 | {len(events)} |" in card
