import pytest
from factories import PREDICTIONS
from hearth.common.files import write_json_lines
from hearth.prompting.predictions import read_parsed_predictions, read_predictions

PARSED = {"reasoning": "", "labels": ["COOKING"], "status": "ok", "lenient_labels": [None], "lenient_status": "ok"}


def test_predictions_are_read_as_they_are(tmp_path):
    rows = [*PREDICTIONS, PREDICTIONS[0] | {"confidences": [0.5, None], "reasoning_forced": True}]
    write_json_lines(tmp_path / "all.jsonl", rows)
    assert read_predictions(tmp_path / "all.jsonl") == rows
    parsed = [row | PARSED for row in rows]
    write_json_lines(tmp_path / "parsed.jsonl", parsed)
    assert read_parsed_predictions(tmp_path / "parsed.jsonl") == parsed


def test_a_row_that_is_no_prediction_is_named(tmp_path):
    path = tmp_path / "all.jsonl"
    write_json_lines(path, [PREDICTIONS[0], {"window_id": "a/1/0"}])
    with pytest.raises(ValueError, match=r"all\.jsonl: row 2 has no 'text'"):
        read_predictions(path)
    write_json_lines(path, [PREDICTIONS[0] | {"finish_reason": "eos"}])
    with pytest.raises(ValueError, match="finish_reason is 'eos'; expected"):
        read_predictions(path)
    write_json_lines(path, PREDICTIONS)
    with pytest.raises(ValueError, match="row 1 has no 'reasoning'"):
        read_parsed_predictions(path)
