"""Test the score of each kind of recogniser, and the errors for inputs that do not belong together."""

import pytest
from factories import (
    LABELS,
    METRIC_SETTINGS,
    PREDICTIONS,
    SPLITS,
    TRAINING_LOG,
    WINDOWS,
    make_metadata,
    make_prediction,
    make_student_metadata,
    make_window,
    write_inputs,
)
from hearth.common.files import read_json, read_json_lines, write_json, write_json_lines
from hearth.evaluation import bootstrap, statistics
from hearth.evaluation.counts import counts_of_score
from hearth.evaluation.notes import short_notes
from hearth.evaluation.score_document import METRICS, PARSINGS, read_score
from hearth.prompting.prompts import answer_text
from score_runs import make_baseline_metadata, run_folds, run_parse, run_score, score_folds
from window_factories import make_splits


@pytest.fixture
def paths(tmp_path):
    return write_inputs(tmp_path)


def test_a_score_has_the_calibration_of_predictions_with_confidences(paths, tmp_path):
    run_parse(paths)
    run_score(paths, tmp_path / "plain.json")
    assert "confidence" not in read_json(tmp_path / "plain.json")
    rows = read_json_lines(paths["parsed"])
    write_json_lines(paths["parsed"], [{**rows[0], "confidences": [0.9, 0.8]}, *rows[1:]])
    run_score(paths, tmp_path / "sure.json")
    assert read_json(tmp_path / "sure.json")["confidence"]["n_events"] == 2


def test_a_score_counts_odd_answers_and_knows_no_tokens_that_a_server_did_not_say(paths, tmp_path):
    run_parse(paths)
    rows = read_json_lines(paths["parsed"])
    odd = {"oddities": ["no_token_counts", "prompt_cut"], "prompt_tokens": None, "completion_tokens": None}
    write_json_lines(paths["parsed"], [rows[0] | odd, rows[1] | {"oddities": ["prompt_cut"]}, rows[2]])
    run_score(paths, tmp_path / "score.json")
    score = read_score(tmp_path / "score.json")
    assert score["oddities"] == {"no_token_counts": 1, "prompt_cut": 2}
    assert score["tokens"] == {"prompt": None, "completion": None}
    assert score["budgets"] == []


def test_a_score_counts_answers_by_their_source_if_there_are_several(paths, tmp_path):
    run_parse(paths)
    rows = read_json_lines(paths["parsed"])
    for sources in (["m A", "m A", "m A"], ["m A", "m B", "m A"]):
        write_json_lines(
            paths["parsed"], [row | {"answered_by": name} for row, name in zip(rows, sources, strict=True)]
        )
        run_score(paths, tmp_path / "score.json")
        score = read_score(tmp_path / "score.json")
        said = dict(short_notes([score])).get("Doubtful answers", [])
        assert [text.partition(": ")[2] for text in said] == (
            ["the answers came from 2 models, providers or builds: 2 from m A, 1 from m B"] if "m B" in sources else []
        )
    assert score["answered_by"] == {"m A": 2, "m B": 1}


def test_a_score_has_the_most_frequent_reason_of_unanswered_windows(paths, tmp_path):
    run_parse(paths)
    rows = read_json_lines(paths["parsed"])
    lost = {"text": "", "finish_reason": "unanswered", "status": "unanswered", "lenient_status": "unanswered"}
    reasons = ["the server is odd", "tokens: 12", "tokens: 13"]
    for row, reason in zip(rows, reasons, strict=True):
        row |= lost | {"unanswered_reason": reason}
        row["labels"] = row["lenient_labels"] = [None] * len(row["labels"])
    write_json_lines(paths["parsed"], rows)
    run_score(paths, tmp_path / "score.json")
    score = read_score(tmp_path / "score.json")
    assert score["unanswered_reason"] == "tokens: 12"
    assert dict(short_notes([score]))["Never answered"] == [
        "little on made-up: 3 of 3 windows; their events count as wrong; the most frequent reason: tokens: 12"
    ]


def test_the_score_of_a_base_model(paths, tmp_path):
    run_parse(paths)
    run_score(paths, tmp_path / "score.json")
    score = read_json(tmp_path / "score.json")
    assert (score["recogniser"], score["dataset"], score["kind"], score["base"]) == ("little", "made-up", "base", "")
    assert (score["n_windows"], score["n_events"], score["n_sessions"], score["parameters"]) == (3, 5, 2, 596049920)
    assert score["strict"]["accuracy"] == pytest.approx(3 / 5)
    # F1 of COOKING is 1, of drinking 0, of EATING 4/5 (2 of 3 events).
    assert score["strict"]["macro_f1"] == pytest.approx((1 + 0 + 4 / 5) / 3)
    assert score["strict"]["weighted_f1"] == pytest.approx((1 + 0 + 3 * 4 / 5) / 5)
    assert score["strict"]["micro_f1"] == pytest.approx(6 / 8)
    assert score["strict"]["confusion"]["labels"] == LABELS
    assert score["strict"]["status"] == {
        "ok": 1,
        "malformed": 0,
        "missing_events": 0,
        "unknown_label": 1,
        "unclosed_reasoning": 1,
        "truncated": 0,
        "unanswered": 0,
    }
    assert score["strict"]["rates"] == pytest.approx(
        {"ok_rate": 1 / 3, "malformed_rate": 1 / 3, "missing_rate": 1 / 5, "unknown_rate": 1 / 5}
    )
    assert score["lenient"]["accuracy"] == pytest.approx(4 / 5)
    assert score["tokens"] == {"prompt": 300, "completion": 30}
    assert score["provenance"]["split"]["sessions"] == {"all": 3, "train1": 1, "test1": 2}
    assert score["provenance"]["student"] is None


def test_a_score_separates_simple_from_complex_windows(paths, tmp_path):
    run_parse(paths)
    run_score(paths, tmp_path / "score.json")
    complexity = read_json(tmp_path / "score.json")["complexity"]
    # The only train window has one label, so test windows with one label are simple and others complex. The answer
    # to the simple window cannot be read.
    assert (complexity["simple"]["accuracy"], complexity["simple"]["status"]["unclosed_reasoning"]) == (0, 1)
    assert (complexity["complex"]["accuracy"], sum(complexity["complex"]["status"].values())) == (3 / 4, 2)
    groups = complexity["complex"]["groups"]
    assert (groups["names"], groups["windows"]) == (["2"], "2")
    assert "median of the train windows" in complexity["rule"]


def test_the_score_of_a_student_carries_its_training(paths, tmp_path):
    run_parse(paths)
    run_score(paths, tmp_path / "score.json", make_student_metadata(), "little_reasoning_made-up", student=True)
    score = read_json(tmp_path / "score.json")
    assert (score["base"], score["teacher"], score["recipe"]) == ("little", "large", "reasoning")
    assert score["provenance"]["student"]["settings"] == TRAINING_LOG["settings"]
    assert "losses" not in score["provenance"]["student"]
    assert not {"steps", "teacher_tokens"} & set(score["provenance"]["student"])  # an older log has none


def test_the_score_of_a_student_carries_what_its_learning_took(paths, tmp_path):
    run_parse(paths)
    earlier = {"student": "little_on-policy-round1_made-up", "adapter": "0", "steps": 60}
    write_json(paths["student"], TRAINING_LOG | {"steps": 30, "teacher_tokens": 900, "continues": earlier})
    run_score(paths, tmp_path / "score.json", make_student_metadata(), "little_reasoning_made-up", student=True)
    student = read_score(tmp_path / "score.json")["provenance"]["student"]
    assert (student["steps"], student["teacher_tokens"]) == (90, 900)


def test_the_score_of_a_baseline_has_neither_model_nor_prompt(paths, tmp_path):
    run_parse(paths)
    run_score(paths, tmp_path / "score.json", make_baseline_metadata(), "majority", model=False)
    score = read_json(tmp_path / "score.json")
    assert (score["kind"], score["base"], score["parameters"]) == ("baseline", "", None)
    assert score["strict"]["accuracy"] == pytest.approx(3 / 5)
    assert (score["provenance"]["model"], score["provenance"]["prompt"]) == (None, None)
    assert not {"prompt", "decoding", "training"} & set(score["provenance"]["assumed"])


@pytest.mark.parametrize(
    ("metadata", "model", "message"),
    [
        (make_baseline_metadata(), True, "majority: kind 'baseline' has no prompt"),
        (make_metadata(), False, "majority: kind 'base' needs a prompt"),
        (make_baseline_metadata(teacher="large"), False, "unknown key 'teacher' for kind 'baseline'"),
    ],
)
def test_a_baseline_with_a_prompt_and_a_model_without_one_are_errors(paths, tmp_path, metadata, model, message):
    run_parse(paths)
    with pytest.raises(ValueError, match=message):
        run_score(paths, tmp_path / "score.json", metadata, "majority", model=model)


def test_a_gold_label_outside_the_home_is_an_error(paths, tmp_path):
    run_parse(paths)
    write_json_lines(paths["windows"], [*WINDOWS[:3], make_window("3", 0, ["EATTING"])])
    with pytest.raises(ValueError, match=r"window made-up/3/0: event 1: gold label 'EATTING'.*did you mean 'EATING'"):
        run_score(paths, tmp_path / "score.json")


def test_parsed_predictions_of_other_sizes_are_an_error(paths, tmp_path):
    run_parse(paths)
    write_json_lines(paths["windows"], [*WINDOWS[:3], make_window("3", 0, ["EATING", "EATING"])])
    with pytest.raises(ValueError, match="made-up/3/0 has 2 events and 1 labels; run the rule `parse_predictions`"):
        run_score(paths, tmp_path / "score.json")


def test_confidences_of_another_number_of_events_are_an_error(paths, tmp_path):
    run_parse(paths)
    rows = read_json_lines(paths["parsed"])
    write_json_lines(paths["parsed"], [{**rows[0], "confidences": [0.9]}, *rows[1:]])
    with pytest.raises(ValueError, match="made-up/2/0 has 2 events and 1 confidences; run the rule `parse_pred"):
        run_score(paths, tmp_path / "score.json")


def test_a_split_of_another_number_of_windows_is_an_error(paths, tmp_path):
    run_parse(paths)
    write_json(paths["splits"], SPLITS | {"windows": {"train1": 1, "test1": 4}})
    with pytest.raises(ValueError, match=r"splits\.json says 4 windows in split test1, but there are 3"):
        run_score(paths, tmp_path / "score.json")


@pytest.mark.parametrize(
    ("metadata", "student", "message"),
    [
        (make_metadata(kind="pupil"), False, "kind is 'pupil'; it must be one of base, student, baseline"),
        (make_metadata(decodng={}), False, "unknown key 'decodng' for kind 'base'; did you mean 'decoding'"),
        (make_student_metadata(simulated=True), True, "simulated must be a list, not True"),
        (make_metadata(kind="student"), True, "no key 'teacher', which kind 'student' needs"),
        (make_student_metadata(), False, "kind 'student' needs a training log"),
        (make_metadata(), True, "kind 'base' has no training log"),
        ("[]", False, "--metadata: expected a JSON object, found str"),
    ],
)
def test_incomplete_metadata_is_an_error(paths, tmp_path, metadata, student, message):
    run_parse(paths)
    with pytest.raises(ValueError, match=message):
        run_score(paths, tmp_path / "score.json", metadata, student=student)


def test_scoring_windows_of_training_sessions_is_an_error(paths, tmp_path):
    run_parse(paths)
    write_json(paths["splits"], make_splits({"1": None, "2": 1, "3": None}, WINDOWS))
    with pytest.raises(ValueError, match="made-up/3/0"):
        run_score(paths, tmp_path / "score.json")


@pytest.fixture
def folds(tmp_path):
    """Return the folder of a baseline's predictions in two folds, of which the first has two windows."""
    write_inputs(tmp_path)
    write_json(tmp_path / "splits.json", make_splits({"1": 1, "2": 2, "3": 1}, WINDOWS, window_size=2))
    answers = [make_prediction(window["window_id"], answer_text(window["gold"])) for window in WINDOWS]
    write_json_lines(tmp_path / "raw1.jsonl", [answers[0], answers[3]])
    write_json_lines(tmp_path / "raw2.jsonl", answers[1:3])
    return tmp_path


def test_the_predictions_of_all_folds_are_scored_together(folds):
    run_folds(folds, 2, METRIC_SETTINGS)
    score = read_score(folds / "score.json")
    assert (score["n_windows"], score["n_groups"], score["strict"]["accuracy"]) == (4, 3, 1)
    assert score["provenance"]["split"]["folds"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one, two: (two, one), r"parsed1\.jsonl: has a prediction of 'made-up/2/0' where that of 'made-up/1/0'"),
        (lambda one, two: (one[:1], two), r"parsed1\.jsonl: window 'made-up/3/0' has no prediction"),
        (lambda one, two: (one, [*two, one[0]]), r"parsed2\.jsonl: 'made-up/1/0' is not a window that is tested there"),
    ],
)
def test_predictions_of_other_windows_than_those_of_a_fold_are_an_error(folds, change, message):
    run_folds(folds, 2, METRIC_SETTINGS)
    paths = [folds / "parsed1.jsonl", folds / "parsed2.jsonl"]
    for path, rows in zip(paths, change(*map(read_json_lines, paths)), strict=True):
        write_json_lines(path, rows)
    with pytest.raises(ValueError, match=message):
        score_folds(folds, 2, METRIC_SETTINGS)


def test_a_score_has_the_counts_of_its_groups_and_an_interval_of_every_metric(paths, tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "FEWEST_GROUPS", 2)
    run_parse(paths)
    run_score(paths, tmp_path / "score.json")
    score = read_score(tmp_path / "score.json")
    # The answer to the window of session 3 cannot be read.
    gold = {"COOKING": "1 0", "EATING": "2 1", "drinking water, coffee or drinks": "1 0"}
    right = {"COOKING": "1 0", "EATING": "2 0", "drinking water, coffee or drinks": "0 0"}
    right_leniently = right | {"drinking water, coffee or drinks": "1 0"}
    assert score["groups"] == {
        "names": ["2", "3"],
        "windows": "2 1",
        "gold": gold,
        "strict": {
            "predicted": right,
            "right": right,
            **{"ok": "1 0", "malformed": "0 1", "missing": "0 1", "unknown": "1 0"},
        },
        "lenient": {
            "predicted": right_leniently,
            "right": right_leniently,
            **{"ok": "2 0", "malformed": "0 1", "missing": "0 1", "unknown": "0 0"},
        },
    }
    for parsing in PARSINGS:
        intervals = score[parsing]["intervals"]
        assert set(intervals) == set(METRICS)
        assert intervals == statistics.metric_intervals(counts_of_score(score, parsing))
    assert score["strict"]["intervals"]["accuracy"] == [0.0, 0.75]


def test_equal_inputs_give_equal_scores_byte_for_byte(paths, tmp_path):
    run_parse(paths)
    for name in ("one", "other"):
        run_score(paths, tmp_path / name)
        bootstrap.group_weights.cache_clear()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("sessions", [1, 2])
def test_a_score_of_few_sessions_has_no_interval(paths, tmp_path, sessions):
    if sessions == 1:
        write_json_lines(paths["windows"], WINDOWS[:3])
        write_json_lines(paths["predictions"], PREDICTIONS[:2])
        write_json(paths["splits"], SPLITS | {"windows": {"train1": 1, "test1": 2}})
    run_parse(paths)
    run_score(paths, tmp_path / "score.json")
    assert read_score(tmp_path / "score.json")["strict"]["intervals"] == dict.fromkeys(METRICS)
