from hearth.recognition.shard_warnings import shard_warnings

GOOD = '[{"id": 1, "activity": "A"}]'


def prediction(text=GOOD, finish_reason="stop", **changes):
    return {"window_id": "h/s/0", "text": text, "finish_reason": finish_reason, **changes}


def warnings(*predictions):
    return shard_warnings(predictions, [1] * len(predictions), ["A"])


def test_a_shard_without_anything_odd_has_no_warnings():
    assert warnings(prediction(), prediction("rubbish")) == []
    assert warnings(prediction(GOOD, "length"), prediction()) == []


def test_several_sources_of_answers_are_said():
    one, other = prediction(answered_by="m Together"), prediction(answered_by="m Novita fp_1")
    assert warnings(one, one) == warnings(one, prediction()) == []
    assert warnings(other, one, one) == [
        "the answers came from 2 models, providers or builds: 2 from m Together, 1 from m Novita fp_1"
    ]
    (many,) = warnings(*(prediction(answered_by=f"m {build}") for build in range(7)))
    assert many.endswith("1 from m 4, others from 2 more")


def test_unanswered_windows_are_said_with_the_most_frequent_reason():
    def lost(reason):
        return prediction("", "unanswered", unanswered_reason=reason)

    assert warnings(lost("cut"), prediction(), lost("the prompt has 10 tokens"), lost("the prompt has 11 tokens")) == [
        "3 of 4 windows are unanswered; the most frequent reason: the prompt has 10 tokens"
    ]
    assert warnings(lost("cut")) == ["1 of 1 windows are unanswered; the most frequent reason: cut"]


def test_warnings_count_answers_and_leave_out_unanswered_windows():
    assert warnings(prediction("?"), prediction("<think>", "length"), prediction("", "unanswered"))[1:] == [
        "not one of 2 answers could be read (1 malformed, 1 unclosed_reasoning); look at some of them"
    ]
    cut, odd = warnings(prediction(GOOD, "length", oddities=["prompt_cut"]), prediction(GOOD, "length"), prediction())
    assert cut == "2 of 3 answers were cut off at max_new_tokens"
    assert odd.startswith(
        "1 of 3 answers are to prompts for which the server counted fewer tokens than they have words"
    )
