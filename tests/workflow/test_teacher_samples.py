"""Check a run whose student learns from several samples of its teacher, and which jobs a further sample adds."""

import json

import pytest
from snakemake_runs import Workflow, small_config

STUDENT = "tiny-s_vote_sim-marble"
TARGET = f"results/students/{STUDENT}/fold1/training_log.json"


def voting_config(samples):
    """Return the config of a run with one student of votes on one home."""
    config = small_config()
    del config["datasets"]["sim-mural"]
    config |= {"models": ["tiny-s"], "teacher": "tiny-s", "teacher_samples": samples}
    config["students"] |= {"bases": ["tiny-s"], "recipe": "vote"}
    config["decoding"]["max_new_tokens"] = 256  # a sample that is cut has no label
    config["datasets"]["sim-marble"]["simulate"]["sessions"] = 2
    config["split"]["test_fraction"] = 0.5
    config["students"]["training"] |= {"epochs": 1, "max_examples": 4}
    selected = [{"recognisers": name} for name in ("teacher", "teacher_samples", "teacher_vote")]
    config["tables"] = {"votes": {"title": "Votes", "rows": "votes", "select": selected}}
    return config


@pytest.fixture(scope="module")
def voted(tmp_path_factory):
    """Return a run with a student that learned from two samples."""
    workflow = Workflow(tmp_path_factory.mktemp("voted") / "run", voting_config(2))
    workflow.run(TARGET, "table_votes")
    return workflow


def test_the_student_learns_from_samples_and_the_table_compares_their_vote(voted):
    log = json.loads((voted.directory / TARGET).read_text())
    assert (log["recipe"], log["examples"]["used"]) == ("vote", 4)
    assert log["teacher_tokens"] > 0
    text = (voted.directory / "results/tables/votes.md").read_text()
    assert "tiny-s_vote" in text
    assert "Share of the vote against being right" in text


def test_a_further_sample_reruns_itself_the_vote_and_the_student_only(voted):
    assert voted.plan(TARGET) == {}
    shards = list((voted.directory / "results/predictions/tiny-s_sampled/sim-marble/train1").glob("*.stats.json"))
    voted.configure(voting_config(3))
    try:
        assert voted.plan(TARGET) == {
            "recognise": len(shards),
            "gather_predictions": 1,
            "parse_predictions": 1,
            "vote": 1,
            "distil": 1,
        }
    finally:
        voted.configure(voting_config(2))


def test_another_temperature_of_samples_asks_for_all_of_them_again_and_not_for_the_teacher(voted):
    changed = voting_config(2) | {"teacher_sampling": {"temperature": 0.4}}
    voted.configure(changed)
    try:
        counts = voted.plan(TARGET)
    finally:
        voted.configure(voting_config(2))
    assert (counts["parse_predictions"], counts["vote"], counts["distil"]) == (2, 1, 1)
