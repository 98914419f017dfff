"""Test the lineage of a table cell: the file of its number, the inputs of its score, example answers, errors."""

from functools import reduce
from operator import getitem

import explain
import pytest
from config_factories import CONFIG, make_project, replace_at
from factories import PREDICTIONS, TEST_WINDOWS, WINDOWS, make_prediction
from hearth.common.files import read_json, write_json, write_json_lines
from hearth.evaluation import lineage, tables
from hearth.evaluation.paper_table import row_names
from hearth.evaluation.table_rows import build_rows
from hearth.prompting.prompts import answer_text
from hearth.workflow.configuration import resolve
from hearth.workflow.recognisers import Recogniser, recognisers
from parse_predictions import parse_prediction
from score_factories import make_run_scores, make_score, make_student_score

LABELS = ("COOKING", "drinking water, coffee or drinks", "EATING")


def parsed_rows(predictions):
    return [
        parse_prediction(one, len(window["events"]), LABELS)
        for window, one in zip(TEST_WINDOWS, predictions, strict=True)
    ]


def numbered(rows):
    return list(enumerate(rows, start=1))


@pytest.fixture
def finished(tmp_path):
    """Write the results of a run with the table `students`; return its working directory."""
    config, _ = resolve(CONFIG, [], make_project(tmp_path / "project"))
    run = tmp_path / "run" / "results"
    write_json(run / "run_config.json", config)
    for name, dataset in explain.selected_pairs(config, "students"):
        score = make_score(name, dataset) if name == "large" else make_student_score(dataset) | {"recogniser": name}
        write_json(run / "scores" / name / f"{dataset}.json", score)
    for name in ("little_reasoning_made-up", "large"):
        write_json_lines(run / "predictions" / name / "made-up/test1/parsed.jsonl", parsed_rows(PREDICTIONS))
    write_json_lines(run / "datasets/made-up/windows.jsonl", WINDOWS)
    return tmp_path / "run"


def explained(run, capsys, *names):
    explain.main(["--run", str(run), *names])
    return capsys.readouterr().out


def test_a_cell_is_explained_from_its_score_file_to_raw_answers(finished, capsys):
    text = explained(finished, capsys, "students", "little_reasoning_made-up", "made-up")
    for said in (
        "Weighted F1: 0.600",
        "95 % interval over tested groups",
        "computed from 3 windows, 5 events, 2 sessions",
        "results/scores/little_reasoning_made-up/made-up.json, key strict.weighted_f1",
        "six-parts@0123456789ab, reasoning think",
        "results/prompts/made-up.txt (text of the prompt)",
        "temperature 0.6",
        "by session, test fraction 0.3, seed 1",
        "example/little at revision 0123456789abcdef",
        "recipe reasoning, teacher large, trained on made-up (4 of 5 traces)",
        "little_reasoning_made-up: 1 too long",
        "results/predictions/large/made-up/train1/all.jsonl",
        "A window labelled correctly: made-up/2/0",
        "A window labelled partly wrong: made-up/2/1",
        "A window with an unreadable answer: made-up/3/0",
        "datasets/made-up/windows.jsonl:2",
        "made-up/test1/parsed.jsonl:1",
        "    | <think>Stove, or",
    ):
        assert said in text, said
    assert "x  1 08:00:00 kitchen stove turned ON: none (recorded: drinking water, coffee or drinks)" in text


def test_a_cell_of_a_table_in_common_labels_is_explained_in_these(finished, capsys):
    mapping = dict.fromkeys(LABELS, "cooking") | {"EATING": "eating"}
    config = read_json(finished / "results/run_config.json")
    config["tables"]["students"]["labels"] = "common"
    write_json(finished / "results/run_config.json", config)
    for path in finished.glob("results/scores/*/*.json"):
        score = read_json(path)
        score["provenance"]["home"]["common_labels"] = mapping
        common = {key: score[key] for key in ("groups", "strict", "lenient", "complexity")}
        common["strict"] = common["strict"] | {"weighted_f1": 0.875}
        write_json(path, score | {"common": common})
    text = explained(finished, capsys, "students", "little_reasoning_made-up", "made-up")
    for said in (
        "Weighted F1: 0.875",
        "results/scores/little_reasoning_made-up/made-up.json, key common.strict.weighted_f1",
        "= 1 08:00:00 kitchen stove turned ON: cooking (recorded: cooking)",
        "none (recorded: cooking)",
    ):
        assert said in text.replace("=  1", "= 1"), said


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("student", "large", "second"), "unknown table 'student'; did you mean 'students'"),
        (("students", "larg", "second"), "no recogniser 'larg'; did you mean 'large'"),
        (("students", "large", "secnd"), "no large on 'secnd'; did you mean 'second'"),
        (("students", "little_reasoning_made-up", "made-up", "weighted"), "unknown column 'weighted'; did you mean"),
        (("students", "large", "second"), "windows.jsonl: no such file; make it: snakemake table_students"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest(finished, names, message):
    with pytest.raises(ValueError, match=message):
        explain.main(["--run", str(finished), *names])


def test_a_directory_without_a_run_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="--run must name the working directory of a run"):
        explain.main(["--run", str(tmp_path), "students", "large", "second"])


@pytest.mark.parametrize("column", tables.COLUMNS)
def test_every_column_has_a_source_and_a_definition(column):
    key, definition = lineage.column_source(column)
    assert definition
    if key.startswith(("strict", "lenient")):
        assert isinstance(reduce(getitem, key.split("."), make_score()), float)


def test_a_row_of_several_seeds_is_found_by_its_name_and_by_each_recogniser():
    rows = build_rows(make_run_scores(seeds=(0, 1), homes=("made-up",)), "mean")
    table = tables.build_table(
        {"title": "T", "seeds": "mean"}, make_run_scores(seeds=(0, 1), homes=("made-up",)), "abc"
    )
    shown = row_names(table.records)
    position = lineage.find_row(rows, shown, "model-1m_reasoning_made-up", "made-up")
    assert lineage.find_row(rows, shown, "model-1m_reasoning_made-up_seed1", "made-up") == position
    said = dict(lineage.cell_notes(table, position, rows[position], "weighted_f1"))
    assert "mean over 2 seeds" in said["Cell"]
    assert len(said["Score"]) == 2


def test_a_row_is_found_by_the_name_that_the_table_of_a_paper_shows():
    names = {"recogniser": "little_reasoning_second", "train_dataset": "second"}
    scores = [make_score("large", "made-up"), make_student_score(), make_student_score("second", **names)]
    rows = build_rows(scores)
    shown = row_names(tables.build_table({"title": "T", "seeds": "each"}, scores, "abc").records)
    assert shown == ["large", "little_reasoning", "little_reasoning"]
    for row_name in ("little_reasoning", "little_reasoning_made-up"):
        assert lineage.find_row(rows, shown, row_name, "made-up") == 1
    assert lineage.find_row(rows, shown, "little_reasoning", "second") == 2
    assert lineage.find_row(rows, [f"{name} (tiny)" for name in shown], "little_reasoning (tiny)", "second") == 2
    with pytest.raises(ValueError, match="no recogniser 'little_reasonin'; did you mean 'little_reasoning'"):
        lineage.find_row(rows, shown, "little_reasonin", "second")
    with pytest.raises(ValueError, match="no large on 'second'; known: made-up"):
        lineage.find_row(rows, shown, "large", "second")


def test_examples_are_the_first_of_each_kind_in_window_order():
    right = [make_prediction(row["window_id"], answer_text(row["gold"])) for row in TEST_WINDOWS]
    examples = lineage.select_examples(numbered(WINDOWS), numbered(parsed_rows(right)))
    assert [(one.kind, one.window_line, one.prediction_line) for one in examples] == [("correct", 2, 1)]


def test_an_accepted_label_is_right_in_an_example_as_in_the_score():
    several = [row | {"gold_any": [[label, "EATING"] for label in row["gold"]]} for row in WINDOWS]
    other = [make_prediction(row["window_id"], answer_text(["EATING"] * len(row["gold"]))) for row in TEST_WINDOWS]
    (example,) = lineage.select_examples(numbered(several), numbered(parsed_rows(other)))
    assert example.kind == "correct"
    assert "  x " not in lineage.render_text([], [example], "w", "p")


def test_the_homes_that_a_baseline_learned_from_are_among_the_files_of_its_row():
    score = make_score("words_others", "made-up") | {"train_datasets": ["second"]}
    (row,) = build_rows([score])
    files = dict(lineage.row_notes(row, {"words_others": Recogniser("words_others", "baseline")}, {}, "abc"))["Files"]
    assert {"results/datasets/made-up/splits.json", "results/datasets/second/splits.json"} <= {*files}


def test_earlier_rounds_and_scored_text_are_among_the_files_of_a_student(tmp_path):
    changes = {"rounds": {"recipes": ["on-policy"], "trained_on": ["second"]}}
    config, _ = resolve(replace_at(CONFIG, "students/groups", changes), [], make_project(tmp_path / "project"))
    name, earlier = "little_on-policy_second", "little_on-policy-round0_second"
    known = recognisers(config)
    files = explain.round_files(config, known)
    assert name in files
    assert "little_reasoning_second" not in files
    assert f"results/students/{earlier}/ (an earlier round)" in files[name]
    row = build_rows([make_student_score("second", recogniser=name)])[0]
    notes = dict(lineage.row_notes(row, known, explain.student_traces(config, known), "abc", files))
    assert f"results/predictions/{earlier}_policy/second/ (text of the student's own)" in notes["Files"]
    scored = f"results/log_probabilities/large/{earlier}_policy/second/ (the teacher's likeliest tokens)"
    assert scored in notes["Files"]


def test_control_characters_are_escaped():
    evil = [make_prediction(row["window_id"], "\x1b[2J\x07 \u202ereversed\nsecond line") for row in TEST_WINDOWS]
    examples = lineage.select_examples(numbered(WINDOWS), numbered(parsed_rows(evil)))
    text = lineage.render_text([("Cell", ["x"])], examples, "w", "p")
    assert "\\x1b[2J\\x07 \\u202ereversed\n    | second line" in text
    assert "\x1b" not in text


def test_explanations_are_reproducible(finished, capsys):
    names = ("students", "little_reasoning_made-up", "made-up", "gap_to_teacher")
    one = explained(finished, capsys, *names)
    assert one == explained(finished, capsys, *names)
