"""Test the figures of students that learned from several homes."""

import pytest
from hearth.evaluation.figures import f1_by_size, transfer
from score_factories import make_score, make_student_score


def make_scores_of_several_homes():
    """Return scores on two homes of their base and of a student of both, of the first and of all others than each."""
    of_sets = {"all": ["made-up", "second"], "all-but-second": ["made-up", "third"], "made-up": ["made-up"]}
    return [make_score("little", home, 0.3) for home in ("made-up", "second")] + [
        make_student_score(home, f1, recogniser=f"little_reasoning_{name}", train_dataset=name, train_datasets=homes)
        for name, homes, f1 in zip(of_sets, of_sets.values(), (0.5, 0.4, 0.45), strict=True)
        for home in ("made-up", "second")
    ]


def test_figures_tell_homes_that_a_student_of_several_knows_from_others():
    scores = make_scores_of_several_homes()
    (axes,) = transfer.draw(scores).axes
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == ["trained on made-up", "trained on all", "trained on all-but-second", "not trained"]
    known = [score for score in scores if score["train_dataset"] in ("", "all")]
    with pytest.raises(ValueError, match="no student was tested on a home that it did not learn from"):
        transfer.draw(known)
    # Filled on the homes that the student knows.
    hollow = {
        axes.get_title(): sum(line.get_markerfacecolor() == "white" for line in axes.lines if line.get_marker() == "D")
        for axes in f1_by_size.draw(scores).axes
    }
    assert sorted(hollow.values()) == [0, 2]
