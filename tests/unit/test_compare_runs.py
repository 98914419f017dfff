"""tests/compare_runs.py on small runs: equal, different, renamed and incomplete."""

import json
import runpy
from pathlib import Path

import pytest
from repository import REPOSITORY

compare_runs = runpy.run_path(str(REPOSITORY / "tests" / "compare_runs.py"))

PREDICTION = {"window_id": "home/s/0", "text": "<think>\nIt\u2028is on.\n</think>\n\n[]", "seed": 0}
SCORE = {"condition": "short", "strict": {"macro_f1": 0.5, "n": 1}, "provenance": {"stand_in": "a toy", "seed": 0}}


def write_run(folder: Path, score: object = SCORE, recogniser: str = "tiny", **prediction: object) -> Path:
    """Write the results of a run with one recogniser and one dataset."""
    predictions = folder / f"results/predictions/{recogniser}/home/test"
    predictions.mkdir(parents=True)
    for name in ("all", "parsed"):
        lines = [PREDICTION, PREDICTION | {"window_id": "home/s/1"} | prediction]
        (predictions / f"{name}.jsonl").write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        )
    path = folder / f"results/scores/{recogniser}/home.json"
    path.parent.mkdir(parents=True)
    path.write_text(score if isinstance(score, str) else json.dumps(score))
    return folder


@pytest.fixture
def before(tmp_path) -> Path:
    return write_run(tmp_path / "before")


@pytest.fixture
def compare(before, capsys):
    """Return a function that compares `before` with a run: the exit status and the printed lines."""

    def run(after: Path, *options: str) -> tuple[int, list[str]]:
        status = compare_runs["main"]([str(before), str(after), *options])
        return status, capsys.readouterr().out.splitlines()

    return run


def test_equal_runs_are_reported_kind_by_kind(compare, before, tmp_path):
    status, printed = compare(write_run(tmp_path / "after") / "results")
    assert status == 0
    counts = "1 files compared, 1 equal (1 byte for byte), 0 different, 0 in one run only"
    assert printed == [f"{kind}: {counts}" for kind in ("predictions", "parsed", "scores")]


@pytest.mark.parametrize(
    ("score", "difference"),
    [
        (SCORE | {"strict": {"macro_f1": 0.51, "n": 1}}, "strict.macro_f1: 0.5 != 0.51"),
        (json.dumps(SCORE).replace("0.5", "0.50"), "strict.macro_f1: 0.5 != 0.50"),
        (json.dumps(SCORE).replace('"n": 1', '"n": "1"'), "strict.n: 1 != '1'"),
        (SCORE | {"strict": {"macro_f1": 0.5}}, "strict.n: 1 != missing"),
        (SCORE | {"strict": [0.5]}, "strict: {'macro_f1': 0.5, 'n': 1} != [0.5]"),
        (SCORE | {"variant": ""}, "variant: missing != ''"),
    ],
)
def test_a_changed_digit_type_or_key_of_a_score_is_a_difference(compare, tmp_path, score, difference):
    status, printed = compare(write_run(tmp_path / "after", score))
    assert status == 1
    assert printed[2].endswith("1 files compared, 0 equal (0 byte for byte), 1 different, 0 in one run only")
    assert printed[3:] == [f"  scores/tiny/home.json: {difference}"]


def test_the_first_difference_of_a_long_text_is_shown_in_its_surroundings(compare, tmp_path):
    status, printed = compare(write_run(tmp_path / "after", text="<think>\nIt\u2028is off." + "a" * 500))
    assert status == 1
    assert printed[1].startswith("  predictions/tiny/home/test/all.jsonl: 1.text: ")
    assert "is on." in printed[1]
    assert "is off." in printed[1]
    before, after = "a" * 500 + "b" + "c" * 500, "a" * 500 + "d" + "c" * 500
    assert compare_runs["excerpt"](before, after) == "..." + "a" * 30 + "b" + "c" * 29 + "..."


def test_prose_and_the_order_of_keys_are_no_difference(compare, tmp_path):
    score = {key: SCORE[key] for key in reversed(SCORE)} | {"provenance": {"seed": 0, "stand_in": "tiny"}}
    status, printed = compare(write_run(tmp_path / "after", score))
    assert status == 0
    assert printed[2].endswith("1 files compared, 1 equal (0 byte for byte), 0 different, 0 in one run only")


def test_another_key_can_be_left_out(compare, tmp_path):
    after = write_run(tmp_path / "after", SCORE | {"tokens": 3})
    assert compare(after)[0] == 1
    assert compare(after, "--leave-out", "tokens")[0] == 0


def test_renamed_keys_values_and_paths_are_mapped(compare, tmp_path):
    score = {"variant": "curt", **{key: value for key, value in SCORE.items() if key != "condition"}}
    after = write_run(tmp_path / "after", score)
    assert compare(after)[0] == 1
    assert compare(after, "--rename-key", "condition=variant")[0] == 1
    assert compare(after, "--rename-key", "condition=variant", "--rename-value", "short=curt")[0] == 0


def test_a_path_is_renamed_where_a_whole_part_has_the_name(compare, tmp_path):
    renames = compare_runs["Renames"]({}, {}, {"truth": "gold-labels"}, set())
    assert renames.path("scores/s_truth_home/truthful.json") == "scores/s_gold-labels_home/truthful.json"
    after = write_run(tmp_path / "after", recogniser="small")
    assert compare(after, "--rename-path", "tiny=small")[0] == 0


def test_a_file_of_one_run_only_fails_the_comparison(compare, before, tmp_path):
    after = write_run(tmp_path / "after", recogniser="small")
    status, printed = compare(after)
    assert status == 1
    assert "  scores/small/home.json: only in " + str(after / "results") in printed
    assert "  scores/tiny/home.json: only in " + str(before / "results") in printed


def test_nothing_to_compare_fails_the_comparison(tmp_path, capsys):
    assert compare_runs["main"]([str(tmp_path), str(tmp_path)]) == 1
    assert "nothing to compare" in capsys.readouterr().out


def test_a_rename_without_both_names_is_refused(compare, tmp_path, capsys):
    with pytest.raises(SystemExit):
        compare(tmp_path, "--rename-key", "condition")
    assert "'condition' is not OLD=NEW" in capsys.readouterr().err
