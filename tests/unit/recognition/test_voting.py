"""Check majority votes: which label wins, which status the window gets, and what samples that do not match raise."""

from pathlib import Path

import pytest
from hearth.common.files import read_json_lines, write_json_lines
from hearth.prompting.parsing import STATUSES
from hearth.recognition.voting import vote
from hypothesis import given
from hypothesis import strategies as st
from vote import main


def sample(labels, status="ok", lenient=None, **changes):
    return {
        "window_id": "home/s/0",
        "text": "...",
        "finish_reason": "unanswered" if status == "unanswered" else "stop",
        "prompt_tokens": 0 if status == "unanswered" else 10,
        "completion_tokens": 0 if status == "unanswered" else 5,
        "seed": 0,
        "reasoning": "because",
        "labels": labels,
        "status": status,
        "lenient_labels": labels if lenient is None else lenient,
        "lenient_status": status,
        **changes,
    }


def voted(*samples):
    (prediction,) = vote([[one] for one in samples], [Path(f"{number}.jsonl") for number in range(len(samples))])
    return prediction


def test_a_vote_has_the_oddities_of_all_samples_and_unknown_tokens_if_those_of_one_are_unknown():
    prediction = voted(sample(["A"], oddities=["b", "a"]), sample(["A"], oddities=["a"], prompt_tokens=None))
    assert prediction["oddities"] == ["a", "b"]
    assert (prediction["prompt_tokens"], prediction["completion_tokens"]) == (None, 10)
    assert "oddities" not in voted(sample(["A"]))


def test_each_event_gets_the_label_of_most_samples_and_their_share_as_confidence():
    prediction = voted(sample(["A", "B", "C"]), sample(["A", "A", "B"]), sample(["B", "A", "C"]))
    assert prediction["labels"] == ["A", "A", "C"]
    assert prediction["confidences"] == [pytest.approx(2 / 3)] * 3
    assert (prediction["status"], prediction["lenient_status"]) == ("ok", "ok")
    assert (prediction["prompt_tokens"], prediction["completion_tokens"]) == (30, 15)


def test_of_a_tie_the_earliest_sample_decides():
    assert voted(sample(["B"]), sample(["A"]))["labels"] == ["B"]
    assert voted(sample(["C"]), sample(["A"]), sample(["B"]), sample(["B"]), sample(["A"]))["labels"] == ["A"]
    assert voted(sample([None], "malformed"), sample(["B"]), sample(["A"]))["labels"] == ["B"]


def test_a_lost_answer_does_not_vote():
    prediction = voted(
        sample([None, None], "truncated"), sample(["A", None], "missing_events"), sample([None] * 2, "malformed")
    )
    assert prediction["labels"] == ["A", None]
    assert prediction["confidences"] == [pytest.approx(1 / 3), None]
    assert prediction["status"] == "missing_events"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["malformed", "truncated"], "malformed"),
        (["unanswered", "truncated"], "truncated"),
        (["unknown_label", "malformed"], "unknown_label"),
        (["unanswered", "unanswered"], "unanswered"),
    ],
)
def test_without_any_vote_the_status_is_that_of_the_first_sample_that_was_asked_for(statuses, expected):
    prediction = voted(*(sample([None], status, unanswered_reason="too long") for status in statuses))
    assert prediction["labels"] == [None]
    assert prediction["status"] == expected
    assert prediction.get("unanswered_reason") == ("too long" if expected == "unanswered" else None)
    assert (prediction["finish_reason"] == "unanswered") == (expected == "unanswered")


def test_lenient_labels_are_voted_on_by_themselves():
    prediction = voted(sample([None], "malformed", ["B"]), sample([None], "malformed", ["B"]), sample(["A"]))
    assert (prediction["labels"], prediction["lenient_labels"]) == (["A"], ["B"])


@given(
    st.integers(1, 4).flatmap(
        lambda events: st.lists(
            st.lists(st.sampled_from(["A", "B", "C", None]), min_size=events, max_size=events), min_size=1, max_size=7
        )
    )
)
def test_no_label_has_more_votes_than_the_winner_and_none_wins_without_a_vote(rows):
    prediction = voted(*(sample(labels, "ok" if None not in labels else "missing_events") for labels in rows))
    for event, label in enumerate(prediction["labels"]):
        column = [labels[event] for labels in rows]
        given_votes = [column.count(each) for each in ("A", "B", "C")]
        assert (column.count(label) if label else 0) == max(given_votes)
        assert (label is None) == (max(given_votes) == 0)
    assert prediction["status"] in STATUSES
    assert (prediction["status"] == "ok") == (None not in prediction["labels"])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ([], r"b\.jsonl: it has 0 predictions, another sample has more"),
        ([sample(["A"], window_id="home/s/1")], r"b\.jsonl: row 1 is the prediction of window 'home/s/1'"),
        ([sample(["A", "B"])], r"b\.jsonl: window 'home/s/0' has another number of labels than in a\.jsonl"),
    ],
)
def test_samples_of_other_windows_are_refused(second, message):
    with pytest.raises(ValueError, match=message):
        list(vote([[sample(["A"])], second], [Path("a.jsonl"), Path("b.jsonl")]))


def test_the_program_writes_one_row_for_each_window(tmp_path):
    rows = {
        name: [sample([label], window_id=f"home/s/{number}") for number, label in enumerate(labels)]
        for name, labels in {"a": "ABA", "b": "BBA", "c": "ACA"}.items()
    }
    for name, each in rows.items():
        write_json_lines(tmp_path / f"{name}.jsonl", each)
    main(["--samples", *(str(tmp_path / f"{name}.jsonl") for name in rows), "--out", str(tmp_path / "out.jsonl")])
    written = list(read_json_lines(tmp_path / "out.jsonl"))
    assert [row["labels"] for row in written] == [["A"], ["B"], ["A"]]
    assert [row["window_id"] for row in written] == [f"home/s/{number}" for number in range(3)]
