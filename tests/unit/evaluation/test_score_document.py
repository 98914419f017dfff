"""Test the reader of score files, and the selection of the scores that the paper is about."""

import pytest
from factories import MODEL
from hearth.common.files import write_json
from hearth.evaluation.score_document import DESCRIPTIONS, METRICS, metric_value, read_score, select_paper_scores
from score_factories import make_score, make_student_score


def test_a_score_is_read_as_it_was_written(tmp_path):
    write_json(tmp_path / "score.json", make_student_score())
    assert read_score(tmp_path / "score.json") == make_student_score()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda score: score.pop("groups"), r"score\.json has no 'groups'; .*run the rule `score` again"),
        (lambda score: score.update(condition=score.pop("variant")), r"score\.json has no 'variant'; "),
        (lambda score: score["strict"].pop("intervals"), r"score\.json: strict is .*; expected ParsingMetrics; "),
        (
            lambda score: score.update(groups={"2": {"windows": 2}}),
            r"score\.json: groups is \{'2': .*; expected GroupCounts; .*run the rule `score` again",
        ),
        (lambda score: score.update(n_events="5"), r"score\.json: n_events is '5'; expected int; "),
    ],
)
def test_an_incomplete_or_outdated_score_file_is_an_error(tmp_path, change, message):
    score = make_score()
    change(score)
    write_json(tmp_path / "score.json", score)
    with pytest.raises(ValueError, match=message):
        read_score(tmp_path / "score.json")


def test_another_json_file_is_no_score(tmp_path):
    write_json(tmp_path / "snapshot.json", MODEL)
    with pytest.raises(ValueError, match=r"snapshot\.json has no 'groups'; this is not a score file"):
        read_score(tmp_path / "snapshot.json")


def test_every_metric_has_a_value():
    score = make_score(weighted_f1=0.25)
    assert metric_value(score["strict"], "weighted_f1") == 0.25
    assert metric_value(score["strict"], "missing_rate") == pytest.approx(1 / 5)
    assert all(0 <= metric_value(score["strict"], name) <= 1 for name in METRICS)


def test_every_metric_has_a_description():
    assert list(DESCRIPTIONS) == list(METRICS)


def test_the_papers_scores_are_of_sized_base_models_and_students_of_its_recipe_without_variants():
    others = [
        make_score(variant="cold"),
        make_score(parameters=None),
        make_student_score(recipe="labels"),
        make_score(kind="baseline", parameters=None),
    ]
    own = [make_score(), make_student_score()]
    assert select_paper_scores([*others, *own]) == own
