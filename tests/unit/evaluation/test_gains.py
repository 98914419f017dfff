"""Test the table of gains: copied mistakes, mistakes put right, and what is kept of a teacher's right answers."""

from statistics import fmean

import gain_table
import numpy as np
import pytest
from count_factories import encode_windows
from factories import LABELS, SPLITS, TEST_WINDOWS, WINDOWS, make_prediction
from hearth.common.files import write_json, write_json_lines
from hearth.evaluation.bootstrap import group_weights, percentile_interval
from hearth.evaluation.gain_table import gain_table as build_gain_table
from hearth.evaluation.gains import Gain
from hearth.evaluation.rendering import render_markdown
from hearth.prompting.prompts import answer_text
from parse_predictions import parse_prediction
from score_factories import make_score, make_student_score

COOK, DRINK, EAT = LABELS
SESSIONS = [str(number) for number in range(8)]
# In each session the teacher is right on two events, wrong on two, and silent on one.
GOLD = [[COOK, EAT, COOK, EAT, DRINK]] * len(SESSIONS)
TEACHER = [[COOK, EAT, DRINK, DRINK, None]] * len(SESSIONS)
# It copies one mistake and puts one right, and loses one right answer.
COPIES = [COOK, COOK, DRINK, EAT, DRINK]


def encode(answers):
    return encode_windows(
        LABELS, GOLD, answers, ["missing_events" if None in one else "ok" for one in answers], SESSIONS
    )


def gain_of(*students):
    names = tuple(f"pupil_seed{number}" for number in range(len(students)))
    return Gain("made-up", names, tuple(map(encode, students)), encode(TEACHER), "recall")


def test_events_are_counted_by_whether_the_teacher_is_right():
    gain = gain_of([COPIES] * 8)
    assert {name: gain.total(name) for name in gain.counts[0]} == {
        **{"events": 40, "right": 16, "wrong": 16, "unlabelled": 8},
        **{"copied": 8, "put_right": 8, "kept": 8, "student_right": 24},
    }
    shares = ("copied", "put_right", "kept", "accuracy", "teacher_accuracy")
    assert [gain.share(name) for name in shares] == [0.5, 0.5, 0.5, 0.6, 0.4]
    assert gain.share_interval("copied") == [0.5, 0.5]
    # One event of either label: cooking has precision 1/2 and recall 1, eating has neither.
    assert gain.f1_where_right == pytest.approx((2 / 3 + 0) / 2)
    assert gain.f1_where_right_interval == pytest.approx([1 / 3, 1 / 3])


def test_a_label_that_is_wrong_in_another_way_or_missing_is_neither_copied_nor_put_right():
    gain = gain_of([[COOK, EAT, EAT, None, None]] * 8)
    assert (gain.share("copied"), gain.share("put_right"), gain.share("kept")) == (0, 0, 1)
    assert gain.f1_where_right == 1


def test_an_interval_resamples_groups_and_seeds_are_averaged():
    answers = [COPIES if number < 3 else GOLD[number] for number in range(8)]
    gain = gain_of(answers)
    shares = np.array([0.5 if number < 3 else 0 for number in range(8)])
    expected = percentile_interval(group_weights("made-up", 8) @ shares / 8, 8)
    assert gain.share_interval("copied") == pytest.approx(expected)
    both = gain_of(answers, GOLD)
    assert both.share("copied") == pytest.approx(fmean([3 / 16, 0]))
    low, high = both.share_interval("copied")
    assert low <= both.share("copied") <= high
    assert high - low > expected[1] / 2  # seeds differ, too


def test_a_teacher_without_mistakes_leaves_none_to_copy():
    perfect = Gain("made-up", ("pupil",), (encode([COPIES] * 8),), encode(GOLD), "recall")
    assert perfect.share("copied") is perfect.share_interval("copied") is None
    silent = encode([[None] * 5] * 8)
    assert Gain("made-up", ("pupil",), (silent,), silent, "recall").f1_where_right is None


def test_answers_to_other_windows_cannot_be_compared():
    other = encode_windows(LABELS, GOLD[:7], TEACHER[:7], ["missing_events"] * 7, SESSIONS[:7])
    with pytest.raises(ValueError, match="pupil and its teacher did not answer the same windows of made-up"):
        Gain("made-up", ("pupil",), (other,), encode(TEACHER), "recall")


def scores_and_answers():
    scores = [
        make_score("little"),
        make_score("large"),
        make_student_score(),
        make_student_score(recogniser="little_reasoning_made-up_seed1"),
        make_student_score(recogniser="little_gold-labels_made-up", recipe="gold-labels", teacher=""),
    ]
    texts = [[[EAT] * 5] * 8, TEACHER, [COPIES] * 8, GOLD, [[COOK, EAT, DRINK, EAT, DRINK]] * 8]
    names = [score["recogniser"] for score in scores]
    return scores, {(name, "made-up"): encode(answers) for name, answers in zip(names, texts, strict=True)}


def test_a_row_is_a_recogniser_beside_the_teacher_of_the_students():
    table = build_gain_table("Gains", "", *scores_and_answers(), "abc")
    records = {record["recogniser"]: record for record in table.records}
    assert list(records) == ["little", "little_reasoning_made-up", "little_gold-labels_made-up"]
    assert {record["teacher"] for record in table.records} == {"large"}
    student = records["little_reasoning_made-up"]
    assert (student["n_seeds"], student["copied"], student["put_right"]) == (2, 0.25, 0.75)
    assert records["little_gold-labels_made-up"]["copied"] == 0.5
    assert student["copied_low"] < 0.25 < student["copied_high"]


def test_a_table_without_a_teacher_or_without_answers_is_an_error():
    scores, answers = scores_and_answers()
    with pytest.raises(ValueError, match="no student with a teacher; select students"):
        build_gain_table("Gains", "", [scores[0], scores[4]], answers, "abc")
    del answers["large", "made-up"]
    with pytest.raises(ValueError, match="no answers of large to the tested windows of made-up"):
        build_gain_table("Gains", "", scores, answers, "abc")


def test_simulated_homes_and_tiny_models_are_marked():
    scores, answers = scores_and_answers()
    for score in scores:
        taught = "a tiny teacher" if score["teacher"] else ""
        marks = {"stand_in": "a tiny model", "teacher_stand_in": taught, "simulated": ["made-up"]}
        score["provenance"] |= marks
    text = render_markdown(build_gain_table("Gains", "", scores, answers, "abc")).replace("\\", "")
    assert "| little_reasoning_made-up (tiny)" in text
    assert text.count("| large (tiny)") == 3
    assert "| made-up (simulated)" in text


def test_the_program_reads_answers_of_students_and_teacher(tmp_path):
    answers = {
        "large": [[COOK, COOK], [DRINK, EAT], [EAT]],
        "little_reasoning_made-up": [[COOK, COOK], [DRINK, EAT], [COOK]],
    }
    parsed = []
    for name, labels in answers.items():
        path = tmp_path / "predictions" / name / "made-up" / "test1" / "parsed.jsonl"
        rows = [
            parse_prediction(
                make_prediction(window["window_id"], f"<think>.</think>{answer_text(answer)}"),
                len(answer),
                tuple(LABELS),
            )
            for window, answer in zip(TEST_WINDOWS, labels, strict=True)
        ]
        write_json_lines(path, rows)
        parsed.append(str(path))
    folder = tmp_path / "datasets" / "made-up"
    write_json_lines(folder / "windows.jsonl", WINDOWS)
    write_json(folder / "splits.json", SPLITS)
    write_json(tmp_path / "score.json", make_student_score())
    gain_table.main(
        [
            *("--name", "gains", "--spec", '{"title": "Gains"}', "--scores", str(tmp_path / "score.json")),
            *("--parsed", *parsed, "--windows", str(folder / "windows.jsonl"), "--splits", str(folder / "splits.json")),
            *(part for kind in ("markdown", "csv", "tex") for part in (f"--{kind}", str(tmp_path / f"gains.{kind}"))),
        ]
    )
    text = (tmp_path / "gains.markdown").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| little")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[4:10] == ["5", "0.800", "0.600", "1", "1.000", "0.000"]
