"""Test the table of votes: what a majority is compared with, and how its share and its being right go together."""

import numpy as np
import pytest
from hearth.evaluation.rendering import render_csv, render_markdown
from hearth.evaluation.tables import build_table
from score_factories import draw_gold, draw_predictions, make_confidence, make_measured_score


def make_scores(vote_skill=0.95):
    """Return the scores of a teacher, of two of its samples and of their vote, on thirty sessions."""
    draw = np.random.default_rng(5)
    gold = draw_gold(draw, 30, 15)
    skills = {"large": 0.7, "large_sampled": 0.5, "large_sampled_decode1": 0.6, "large_vote": vote_skill}
    scores = [
        make_measured_score(gold, draw_predictions(draw, gold, skill), name, n_events=450)
        for name, skill in skills.items()
    ]
    for score, variant in zip(scores, ("", "sampled", "sampled-decode1", "vote"), strict=True):
        score["variant"] = variant
    scores[3]["provenance"]["decoding"]["self_consistency"] = 2
    scores[3]["confidence"] = make_confidence(0.8)
    return scores


def build(scores):
    return build_table({"title": "Votes", "rows": "votes"}, scores, "abc")


def test_the_vote_is_compared_with_the_teacher_and_with_its_mean_sample():
    scores = make_scores()
    greedy, sample, vote = build(scores).records
    assert [record["recogniser"] for record in (greedy, sample, vote)] == ["large", "large_sampled", "large_vote"]
    assert [record["samples"] for record in (greedy, sample, vote)] == [1, 2, 2]
    accuracies = [score["strict"]["accuracy"] for score in scores]
    assert sample["accuracy"] == pytest.approx((accuracies[1] + accuracies[2]) / 2)
    assert greedy["accuracy_of_vote"] == pytest.approx(accuracies[3] - accuracies[0])
    for record in (greedy, sample):
        assert 0 < record["accuracy_of_vote_low"] < record["accuracy_of_vote"] < record["accuracy_of_vote_high"]
        assert 0 < record["accuracy_of_vote_p"] <= record["accuracy_of_vote_p_holm"] < 0.05
    assert vote["accuracy_of_vote"] is vote["accuracy_of_vote_p"] is None


def test_a_vote_that_is_no_better_is_said_to_be_none():
    greedy = build(make_scores(vote_skill=0.7)).records[0]
    assert greedy["accuracy_of_vote_low"] < 0 < greedy["accuracy_of_vote_high"]
    assert greedy["accuracy_of_vote_p"] > 0.05


def test_shares_that_no_event_has_are_left_out():
    table = build(make_scores())
    shares = table.below.records
    assert [(share["from"], share["events"]) for share in shares] == [(0.3, 30), (0.5, 1), (0.9, 10)]
    assert shares[0]["accuracy"] == 0.8
    assert "## Share of the vote against being right" in render_markdown(table)
    assert "large_vote" in render_csv(table)


def test_votes_without_any_label_have_no_table_of_shares():
    scores = make_scores()
    del scores[3]["confidence"]
    table = build(scores)
    assert table.below is None
    assert "large_vote" in render_csv(table)


def test_a_table_without_a_vote_says_how_to_get_one():
    with pytest.raises(ValueError, match="'Votes' has no majority of samples; select teacher_vote"):
        build(make_scores()[:3])
