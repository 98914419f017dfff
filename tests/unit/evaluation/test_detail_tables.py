"""Test the tables of labels and of parts: their rows, columns and records, and what marks and notes say."""

import pytest
from factories import LABELS
from hearth.evaluation.rendering import render_csv, render_markdown
from hearth.evaluation.tables import build_table
from score_factories import make_measured_score, make_score, make_seed_scores, make_student_score


def build(rows, scores):
    return build_table({"title": "Details", "rows": rows}, scores, "abc")


def test_a_table_of_labels_has_recognisers_side_by_side():
    scores = make_seed_scores()[:2]
    table = build("labels", scores)
    assert [column.heading for column in table.columns] == [
        "Dataset",
        "Label",
        "Events",
        *(f"{name}: {number}" for name in ("little", "large") for number in ("precision", "recall", "F1")),
    ]
    assert [row[1] for row in table.cells] == LABELS
    assert len(table.records) == len(scores) * len(LABELS)
    of_class = scores[1]["strict"]["per_class"]["EATING"]
    row = table.cells[LABELS.index("EATING")]
    assert row[2] == str(of_class["support"])
    assert row[6:8] == [f"{of_class['precision']:.3f}", f"{of_class['recall']:.3f}"]
    assert row[8].startswith(f"{of_class['f1']:.3f} [")


def test_f1_of_a_label_has_an_interval_around_it_and_none_where_a_resample_lacks_the_label():
    records = build("labels", make_seed_scores(sessions=30)).records
    assert all(record["f1_low"] < record["f1"] < record["f1_high"] for record in records)
    # COOKING occurs in one of the eight groups only.
    gold = {f"s{number}": ["EATING", "EATING"] for number in range(7)} | {"s7": ["COOKING", "EATING"]}
    predicted = {session: [labels[0], "COOKING"] for session, labels in gold.items()}
    score = make_measured_score(gold, predicted)
    rare = {record["label"]: record for record in build("labels", [score]).records}
    assert rare["COOKING"]["f1_low"] is None
    assert rare["EATING"]["f1_low"] is not None


def test_students_of_several_homes_share_the_columns_of_their_name():
    students = [
        make_student_score(home, recogniser=f"little_reasoning_{home}", train_dataset=home) for home in ("a", "b")
    ]
    table = build("labels", students)
    assert [column.heading for column in table.columns[3:]] == [
        f"little_reasoning: {number}" for number in ("precision", "recall", "F1")
    ]
    assert {record["recogniser"] for record in table.records} == {"little_reasoning_a", "little_reasoning_b"}


def test_a_table_of_parts_has_all_events_then_residents_activities_and_sets_of_labels():
    score = make_score()
    part = score["breakdown"]["activities"]["one"]
    score["without"] = {"eating": part | {"labels": ["EATING"], "groups": score["groups"]}}
    table = build("parts", [score, make_score("large")])
    assert [row[1:4] for row in table.cells] == [
        ["all", "", "5"],
        ["residents present", "1", "5"],
        ["resident", "A", "5"],
        ["activities", "one", "1"],
        ["activities", "several", "4"],
        ["without", "eating", "1"],
    ]
    assert table.cells[-1][-2:] == ["", ""]  # the other recogniser has no such score
    assert table.cells[0][4] == f"{score['strict']['accuracy']:.3f} [0.25, 0.75]"


def test_only_the_first_of_several_seeds_is_shown_and_a_note_says_so():
    scores = make_seed_scores()
    table = build("labels", scores)
    assert {record["recogniser"] for record in table.records} == {"little", "large", "pupil"}
    assert "Seeds of details" in dict(table.notes)
    assert "Seeds of details" not in dict(build("labels", scores[:3]).notes)


def test_segments_stand_below_the_parts():
    score = make_score()
    table = build("parts", [score])
    found = score["segments"]
    assert table.below.records[0]["segments"] == found["segments"]
    assert table.below.cells[0][:3] == ["little", "made-up", str(found["segments"])]
    assert "## Segments" in render_markdown(table)
    assert "# Segments" in render_csv(table)


def test_tiny_models_and_simulated_homes_are_called_that():
    score = make_score(provenance={"stand_in": "a real one", "simulated": ["made-up"]})
    for rows in ("labels", "parts"):
        table = build(rows, [score])
        assert table.cells[0][0] == "made-up (simulated)"
        assert "little (tiny)" in table.columns[-1].heading
        assert {"Simulated data", "Tiny models"} <= dict(table.notes).keys()


def test_unknown_rows_are_an_error():
    with pytest.raises(ValueError, match="'rows' is 'events'; it must be scores or labels or parts"):
        build("events", [make_score()])
