"""Test the program that parses predictions: its labels, statuses and order, and errors in its input."""

import json
import subprocess
import sys

import parse_predictions
import pytest
from factories import (
    HOME,
    PREDICTIONS,
    WINDOWS,
    make_prediction,
    make_window,
    write_inputs,
)
from hearth.common.files import read_json_lines, write_json_lines, write_text
from score_runs import run_parse


@pytest.fixture
def paths(tmp_path):
    return write_inputs(tmp_path)


def test_parsing_adds_labels_and_status_to_raw_predictions(paths):
    run_parse(paths)
    rows = read_json_lines(paths["parsed"])
    assert [{key: row[key] for key in PREDICTIONS[0]} for row in rows] == PREDICTIONS
    assert rows[0]["reasoning"] == "Stove."
    assert [row["labels"] for row in rows] == [["COOKING", "EATING"], [None, "EATING"], [None]]
    assert [row["status"] for row in rows] == ["ok", "unknown_label", "unclosed_reasoning"]
    assert rows[1]["lenient_labels"] == ["drinking water, coffee or drinks", "EATING"]
    assert [row["lenient_status"] for row in rows] == ["ok", "ok", "unclosed_reasoning"]


def test_predictions_without_one_readable_answer_are_said(paths, caplog):
    run_parse(paths)
    assert "could be read" not in caplog.text
    write_json_lines(paths["predictions"], [{**row, "text": "I cannot tell."} for row in PREDICTIONS])
    run_parse(paths)
    assert "all.jsonl: not one of 3 answers could be read (2 malformed, 1 truncated)" in caplog.text


def test_parsing_keeps_the_confidence_of_labels_that_it_reads(paths):
    sure = [{**row, "confidences": [0.5, 0.25]} for row in PREDICTIONS[:2]]
    write_json_lines(paths["predictions"], [*sure, {**PREDICTIONS[2], "confidences": [None]}])
    run_parse(paths)
    assert [row["confidences"] for row in read_json_lines(paths["parsed"])] == [[0.5, 0.25], [None, 0.25], [None]]


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (PREDICTIONS[:2], r"all\.jsonl: window 'made-up/3/0' has no prediction"),
        ([*PREDICTIONS, PREDICTIONS[0]], "row 4 is the prediction of window 'made-up/2/0'; expected the end"),
        (
            [make_prediction("made-up/1/0", ""), *PREDICTIONS],
            "row 1 is the prediction of window 'made-up/1/0'; expected that of 'made-up/2/0'",
        ),
        (PREDICTIONS[::-1], "row 1 is the prediction of window 'made-up/3/0'; expected that of 'made-up/2/0'"),
        ([{"window_id": "made-up/2/0"}], "all.jsonl: row 1 has no 'text'"),
    ],
)
def test_predictions_that_are_not_those_of_the_windows_in_order_are_an_error(paths, predictions, message):
    write_json_lines(paths["predictions"], predictions)
    with pytest.raises(ValueError, match=message):
        run_parse(paths)
    assert not paths["parsed"].exists()


def test_an_empty_split_is_an_error(paths):
    write_json_lines(paths["windows"], WINDOWS[1:])
    with pytest.raises(ValueError, match=r"windows.jsonl: no window of split 'train1'"):
        run_parse(paths, "train1")


def test_a_session_that_the_splits_lack_is_an_error(paths):
    write_json_lines(paths["windows"], [*WINDOWS, make_window("4", 0, ["EATING"])])
    with pytest.raises(ValueError, match=r"splits.json: has no session '4' of .*windows.jsonl"):
        run_parse(paths)


def test_invalid_json_ends_the_program_with_one_line(paths):
    paths["predictions"].write_text('{"window_id": \n')
    command = [sys.executable, parse_predictions.__file__, "--split", "test1", "--out", paths["parsed"]]
    command += [part for name in ("windows", "splits", "home", "predictions") for part in (f"--{name}", paths[name])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"error: {paths['predictions']}:1: not JSON: Expecting value\n"
    assert not paths["parsed"].exists()


def test_lenient_labels_include_the_aliases_of_the_home(paths):
    write_text(paths["home"], json.dumps({**HOME, "aliases": {"COOKING": ["frying"]}}))
    answer = '[{"id": 1, "activity": "Frying"}, {"id": 2, "activity": "EATING"}]'
    write_json_lines(paths["predictions"], [{**PREDICTIONS[0], "text": answer}, *PREDICTIONS[1:]])
    run_parse(paths)
    first = read_json_lines(paths["parsed"])[0]
    assert (first["labels"], first["status"]) == ([None, "EATING"], "unknown_label")
    assert (first["lenient_labels"], first["lenient_status"]) == (["COOKING", "EATING"], "ok")
