import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import parse_predictions
import pytest
import score
import table
from factories import (
    LABELS,
    PREDICTIONS,
    SPLITS,
    TRAINING_LOG,
    WINDOWS,
    make_facts,
    make_prediction,
    make_student_facts,
    make_window,
    write_inputs,
)
from hearth.common.files import read_json, read_json_lines, write_json, write_json_lines
from hearth.evaluation import bootstrap, statistics
from hearth.evaluation.counts import counts_of_score
from hearth.evaluation.figures.registry import render
from hearth.evaluation.score_document import METRICS, PARSINGS, read_score

SCRIPTS = Path(parse_predictions.__file__).parent


@pytest.fixture
def inputs(tmp_path):
    return write_inputs(tmp_path)


def parse(inputs, split="test"):
    parse_predictions.main(
        [
            *("--windows", str(inputs["windows"]), "--home", str(inputs["home"]), "--split", split),
            *("--predictions", str(inputs["predictions"]), "--out", str(inputs["parsed"])),
        ]
    )


def run_score(inputs, out, given=None, recogniser="little", student=False, model=True):
    score.main(
        [
            *("--recogniser", recogniser, "--dataset", "made-up", "--windows", str(inputs["windows"])),
            *("--splits", str(inputs["splits"]), "--home", str(inputs["home"]), "--parsed", str(inputs["parsed"])),
            *(("--prompt", str(inputs["prompt"]), "--model", str(inputs["model"])) if model else ()),
            *(("--student", str(inputs["student"])) if student else ()),
            *("--facts", json.dumps(given or make_facts()), "--out", str(out)),
        ]
    )


def test_parsing_adds_labels_and_status_to_raw_predictions(inputs):
    parse(inputs)
    rows = read_json_lines(inputs["parsed"])
    assert [{key: row[key] for key in PREDICTIONS[0]} for row in rows] == PREDICTIONS
    assert rows[0]["reasoning"] == "Stove."
    assert [row["labels"] for row in rows] == [["COOKING", "EATING"], [None, "EATING"], [None]]
    assert [row["status"] for row in rows] == ["ok", "unknown_label", "unclosed_reasoning"]
    assert rows[1]["lenient_labels"] == ["drinking water, coffee or drinks", "EATING"]
    assert [row["lenient_status"] for row in rows] == ["ok", "ok", "unclosed_reasoning"]


def test_parsing_keeps_the_confidence_of_labels_that_it_reads(inputs):
    sure = [{**row, "confidences": [0.5, 0.25]} for row in PREDICTIONS[:2]]
    write_json_lines(inputs["predictions"], [*sure, {**PREDICTIONS[2], "confidences": [None]}])
    parse(inputs)
    assert [row["confidences"] for row in read_json_lines(inputs["parsed"])] == [[0.5, 0.25], [None, 0.25], [None]]


def test_a_score_tells_of_confidence_where_there_is_any(inputs, tmp_path):
    parse(inputs)
    run_score(inputs, tmp_path / "plain.json")
    assert "confidence" not in read_json(tmp_path / "plain.json")
    rows = read_json_lines(inputs["parsed"])
    write_json_lines(inputs["parsed"], [{**rows[0], "confidences": [0.9, 0.8]}, *rows[1:]])
    run_score(inputs, tmp_path / "sure.json")
    assert read_json(tmp_path / "sure.json")["confidence"]["n_events"] == 2


def test_parsing_follows_the_order_of_the_windows(inputs):
    parse(inputs)
    expected = inputs["parsed"].read_bytes()
    write_json_lines(inputs["predictions"], PREDICTIONS[::-1])
    parse(inputs)
    assert inputs["parsed"].read_bytes() == expected


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (PREDICTIONS[:2], r"1 window\(s\) without a prediction, first 'made-up/3/0'"),
        (
            [*PREDICTIONS, make_prediction("made-up/1/0", "")],
            r"1 prediction\(s\) without a window, first 'made-up/1/0'",
        ),
        ([*PREDICTIONS, PREDICTIONS[0]], r"1 window\(s\) predicted more than once, first 'made-up/2/0'"),
        ([{"window_id": "made-up/2/0"}], "all.jsonl: row 1 has no 'text'"),
    ],
)
def test_predictions_of_other_windows_are_an_error(inputs, predictions, message):
    write_json_lines(inputs["predictions"], predictions)
    with pytest.raises(ValueError, match=message):
        parse(inputs)


def test_an_empty_split_is_an_error(inputs):
    write_json_lines(inputs["windows"], WINDOWS[1:])
    with pytest.raises(ValueError, match=r"windows.jsonl: no window of split 'train'"):
        parse(inputs, "train")


def test_the_score_of_a_base_model(inputs, tmp_path):
    parse(inputs)
    run_score(inputs, tmp_path / "score.json")
    found = read_json(tmp_path / "score.json")
    assert (found["recogniser"], found["dataset"], found["kind"], found["base"]) == ("little", "made-up", "base", "")
    assert (found["n_windows"], found["n_events"], found["n_sessions"], found["parameters"]) == (3, 5, 2, 596049920)
    assert found["strict"]["accuracy"] == pytest.approx(3 / 5)
    # COOKING 1; drinking 0; EATING: 2 of 3 found, F1 4/5.
    assert found["strict"]["macro_f1"] == pytest.approx((1 + 0 + 4 / 5) / 3)
    assert found["strict"]["weighted_f1"] == pytest.approx((1 + 0 + 3 * 4 / 5) / 5)
    assert found["strict"]["micro_f1"] == pytest.approx(6 / 8)
    assert found["strict"]["confusion"]["labels"] == LABELS
    assert found["strict"]["status"] == {
        "ok": 1,
        "malformed": 0,
        "missing_events": 0,
        "unknown_label": 1,
        "unclosed_reasoning": 1,
        "truncated": 0,
    }
    assert found["strict"]["rates"] == pytest.approx(
        {"ok_rate": 1 / 3, "malformed_rate": 1 / 3, "missing_rate": 1 / 5, "unknown_rate": 1 / 5}
    )
    assert found["lenient"]["accuracy"] == pytest.approx(4 / 5)
    assert found["tokens"] == {"prompt": 300, "completion": 30}
    assert found["provenance"]["split"]["sessions"] == {"train": 1, "test": 2}
    assert found["provenance"]["student"] is None


def test_a_score_tells_simple_from_complex_windows(inputs, tmp_path):
    parse(inputs)
    run_score(inputs, tmp_path / "score.json")
    found = read_json(tmp_path / "score.json")["complexity"]
    # The only train window has one label, and so has the last test window, which was never answered.
    assert (found["simple"]["accuracy"], found["simple"]["status"]["unclosed_reasoning"]) == (0, 1)
    assert (found["complex"]["accuracy"], sum(found["complex"]["status"].values())) == (3 / 4, 2)
    assert {name: part["windows"] for name, part in found["complex"]["sessions"].items()} == {"2": 2}
    assert "median of the train windows" in found["rule"]


def test_the_score_of_a_student_carries_its_training(inputs, tmp_path):
    parse(inputs)
    run_score(inputs, tmp_path / "score.json", make_student_facts(), "little_reasoning_made-up", student=True)
    found = read_json(tmp_path / "score.json")
    assert (found["base"], found["teacher"], found["recipe"]) == ("little", "large", "reasoning")
    assert found["provenance"]["student"]["settings"] == TRAINING_LOG["settings"]
    assert "losses" not in found["provenance"]["student"]


def baseline_facts(**changes):
    return make_facts(**{"kind": "baseline", "base": "", "decoding": {}, "dtype": "", "engine": ""} | changes)


def test_the_score_of_a_baseline_has_neither_model_nor_prompt(inputs, tmp_path):
    parse(inputs)
    run_score(inputs, tmp_path / "score.json", baseline_facts(), "majority", model=False)
    found = read_json(tmp_path / "score.json")
    assert (found["kind"], found["base"], found["parameters"]) == ("baseline", "", None)
    assert found["strict"]["accuracy"] == pytest.approx(3 / 5)
    assert (found["provenance"]["model"], found["provenance"]["prompt"]) == (None, None)
    assert not {"prompt", "decoding", "training"} & set(found["provenance"]["assumed"])


@pytest.mark.parametrize(
    ("given", "model", "message"),
    [
        (baseline_facts(), True, "majority: kind 'baseline' has no prompt"),
        (make_facts(), False, "majority: kind 'base' needs a prompt"),
        (baseline_facts(teacher="large"), False, "unknown key 'teacher' for kind 'baseline'"),
    ],
)
def test_a_baseline_with_a_prompt_and_a_model_without_one_are_errors(inputs, tmp_path, given, model, message):
    parse(inputs)
    with pytest.raises(ValueError, match=message):
        run_score(inputs, tmp_path / "score.json", given, "majority", model=model)


def test_baselines_stand_in_tables_and_figures_beside_language_models(inputs, tmp_path):
    parse(inputs)
    run_score(inputs, tmp_path / "base.json")
    run_score(inputs, tmp_path / "majority.json", baseline_facts(), "majority", model=False)
    outs = {form: tmp_path / f"table.{form}" for form in ("md", "csv", "tex")}
    table.main(
        [
            *(
                "--name",
                "t",
                "--spec",
                json.dumps({"title": "T", "columns": ["recogniser", "reasoning", "parameters"]}),
            ),
            *("--scores", str(tmp_path / "majority.json"), str(tmp_path / "base.json")),
            *("--markdown", str(outs["md"]), "--csv", str(outs["csv"]), "--tex", str(outs["tex"])),
        ]
    )
    assert "| majority | | |" in " ".join(outs["md"].read_text().split())
    assert "majority: no language model; trained on" in outs["md"].read_text()
    for name in ("f1_by_size", "failures"):
        drawn = render(name, [read_score(tmp_path / f"{score}.json") for score in ("majority", "base")])
        assert (b"majority" in drawn["svg"]) == (name == "failures")


def test_a_gold_label_outside_the_home_is_an_error(inputs, tmp_path):
    parse(inputs)
    write_json_lines(inputs["windows"], [*WINDOWS[:3], make_window("3", 0, ["EATTING"])])
    with pytest.raises(ValueError, match=r"window made-up/3/0: event 1: gold label 'EATTING'.*did you mean 'EATING'"):
        run_score(inputs, tmp_path / "score.json")


def test_parsed_predictions_of_other_sizes_are_an_error(inputs, tmp_path):
    parse(inputs)
    write_json_lines(inputs["windows"], [*WINDOWS[:3], make_window("3", 0, ["EATING", "EATING"])])
    with pytest.raises(ValueError, match="window made-up/3/0 has 2 events and 1 labels; parse again"):
        run_score(inputs, tmp_path / "score.json")


def test_a_split_that_tells_of_other_windows_is_an_error(inputs, tmp_path):
    parse(inputs)
    write_json(inputs["splits"], SPLITS | {"windows": {"train": 1, "test": 4}})
    with pytest.raises(ValueError, match=r"splits\.json says 4 test windows, but there are 3"):
        run_score(inputs, tmp_path / "score.json")


@pytest.mark.parametrize(
    ("given", "student", "message"),
    [
        (make_facts(kind="pupil"), False, "kind is 'pupil'; it must be one of base, student, baseline"),
        (make_facts(decodng={}), False, "unknown key 'decodng' for kind 'base'; did you mean 'decoding'"),
        (make_student_facts(simulated=True), True, "simulated must be a list, not True"),
        (make_facts(kind="student"), True, "no key 'teacher', which kind 'student' needs"),
        (make_student_facts(), False, "kind 'student' and a training log do not go together"),
        (make_facts(), True, "kind 'base' and a training log do not go together"),
        ("[]", False, "--facts: expected a JSON object, found str"),
    ],
)
def test_incomplete_facts_are_an_error(inputs, tmp_path, given, student, message):
    parse(inputs)
    with pytest.raises(ValueError, match=message):
        run_score(inputs, tmp_path / "score.json", given, student=student)


def test_a_session_in_both_splits_is_an_error(inputs):
    write_json_lines(inputs["windows"], [*WINDOWS, make_window("2", 2, ["EATING"], "train")])
    with pytest.raises(ValueError, match=r"windows.jsonl: session '2' has windows in both splits"):
        parse(inputs)


def test_windows_that_the_split_has_for_training_are_not_scored(inputs, tmp_path):
    parse(inputs)
    write_json(inputs["splits"], SPLITS | {"sessions": {"train": ["1", "3"], "test": ["2"]}})
    with pytest.raises(ValueError, match=r"window made-up/3/0: splits\.json does not list its session for testing"):
        run_score(inputs, tmp_path / "score.json")


def test_a_score_has_the_counts_of_its_sessions_and_an_interval_of_every_metric(inputs, tmp_path):
    parse(inputs)
    run_score(inputs, tmp_path / "score.json")
    found = read_score(tmp_path / "score.json")
    assert found["sessions"]["2"] == {
        "windows": 2,
        "gold": {"COOKING": 1, "drinking water, coffee or drinks": 1, "EATING": 2},
        "strict": {
            "predicted": {"COOKING": 1, "EATING": 2},
            "right": {"COOKING": 1, "EATING": 2},
            **{"ok": 1, "malformed": 0, "missing": 0, "unknown": 1},
        },
        "lenient": {
            "predicted": {"COOKING": 1, "drinking water, coffee or drinks": 1, "EATING": 2},
            "right": {"COOKING": 1, "drinking water, coffee or drinks": 1, "EATING": 2},
            **{"ok": 2, "malformed": 0, "missing": 0, "unknown": 0},
        },
    }
    for parsing in PARSINGS:
        intervals = found[parsing]["intervals"]
        assert set(intervals) == set(METRICS)
        # What was written, and so reordered, gives the intervals again.
        assert intervals == statistics.metric_intervals(counts_of_score(found, parsing))
    assert found["strict"]["intervals"]["accuracy"] == [0.0, 0.75]


def test_equal_inputs_give_equal_scores_byte_for_byte(inputs, tmp_path):
    parse(inputs)
    for name in ("one", "other"):
        run_score(inputs, tmp_path / name)
        bootstrap.session_weights.cache_clear()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_score_of_one_session_has_no_interval(inputs, tmp_path):
    write_json_lines(inputs["windows"], WINDOWS[:3])
    write_json_lines(inputs["predictions"], PREDICTIONS[:2])
    write_json(inputs["splits"], SPLITS | {"windows": {"train": 1, "test": 2}})
    parse(inputs)
    run_score(inputs, tmp_path / "score.json")
    assert read_score(tmp_path / "score.json")["strict"]["intervals"] == dict.fromkeys(METRICS)


def test_a_score_without_intervals_is_to_be_made_again(inputs, tmp_path):
    parse(inputs)
    run_score(inputs, tmp_path / "score.json")
    found = read_json(tmp_path / "score.json")
    del found["sessions"]
    write_json(tmp_path / "score.json", found)
    with pytest.raises(ValueError, match=r"score.json has no 'sessions'; .*run the rule `score` again"):
        read_score(tmp_path / "score.json")


def test_a_table_from_scores(inputs, tmp_path):
    parse(inputs)
    run_score(inputs, tmp_path / "base.json")
    run_score(inputs, tmp_path / "student.json", make_student_facts(), "little_reasoning_made-up", student=True)
    outs = {form: tmp_path / f"table.{form}" for form in ("md", "csv", "tex")}
    table.main(
        [
            *("--name", "distillation", "--spec", json.dumps({"title": "Students", "caption": "", "columns": []})),
            *("--scores", str(tmp_path / "student.json"), str(tmp_path / "base.json")),
            *("--markdown", str(outs["md"]), "--csv", str(outs["csv"]), "--tex", str(outs["tex"])),
        ]
    )
    found = pd.read_csv(outs["csv"], comment="#")
    assert found["recogniser"].tolist() == ["little_reasoning_made-up", "little"]
    assert found["gain_over_base"].tolist()[0] == 0.0
    assert found["n_events"].dtype == "int64"
    assert "| little_reasoning_made-up |" in outs["md"].read_text()
    assert "\n# Code: git commit " in outs["csv"].read_text()
    assert r"\label{tab:distillation}" in outs["tex"].read_text()
    assert str(tmp_path) not in "".join(path.read_text() for path in outs.values())


def test_a_table_of_something_else_is_an_error(inputs, tmp_path):
    with pytest.raises(ValueError, match=r"snapshot.json has no 'recogniser'; this is not a score file"):
        table.main(
            [
                *("--name", "t", "--spec", '{"title": "T"}', "--scores", str(inputs["model"])),
                *("--markdown", str(tmp_path / "a"), "--csv", str(tmp_path / "b"), "--tex", str(tmp_path / "c")),
            ]
        )


def test_bad_input_ends_in_one_line(inputs):
    inputs["predictions"].write_text('{"window_id": \n')
    command = [sys.executable, SCRIPTS / "parse_predictions.py", "--split", "test", "--out", inputs["parsed"]]
    command += [part for name in ("windows", "home", "predictions") for part in (f"--{name}", inputs[name])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"error: {inputs['predictions']}:1: not JSON: Expecting value\n"
    assert not inputs["parsed"].exists()
