"""Check what becomes of a shard's windows that no answer can be had for, and of a disk that is full."""

import pytest
from echo_engine import DECODING, PROMPT, WINDOWS, Echo
from hearth.common.cli import UserError
from hearth.engines.protocol import Completion, Decoding
from hearth.recognition.shards import recognise_shard


class Picky(Echo):
    """An engine that cannot answer the windows whose keys it is made with."""

    def __init__(self, refused, **settings):
        super().__init__(**settings)
        self.refused = refused

    def complete(self, prefix, requests, decoding):
        requests = list(requests)
        yield [Completion.unanswered(key, "the prompt has 99 tokens", 99) for key in self.refused]
        yield from super().complete(prefix, [r for r in requests if r.key not in self.refused], decoding)


def run_picky(engine, work, share, **decoding):
    settings = Decoding.from_settings({**DECODING, **decoding})
    return recognise_shard(WINDOWS, PROMPT, engine, settings, {"model": "m"}, work, max_unanswered_share=share)


def test_windows_without_an_answer_say_why_and_all_others_are_answered(tmp_path):
    refused = [WINDOWS[7]["window_id"]]
    predictions, stats = run_picky(Picky(refused), tmp_path, 0.01, confidence="tokens", reasoning_budget=5)
    row = predictions.pop(7)
    assert row == {
        "window_id": refused[0],
        "text": "",
        "finish_reason": "unanswered",
        "unanswered_reason": "the prompt has 99 tokens",
        "prompt_tokens": 99,
        "completion_tokens": 0,
        "seed": 3,
        "reasoning_forced": False,
        "confidences": [None] * 3,
    }
    assert {p["finish_reason"] for p in predictions} == {"stop"}
    assert stats["windows"] == 20


def test_a_shard_with_too_many_unanswered_windows_stops_and_keeps_what_it_has(tmp_path):
    refused = [window["window_id"] for window in WINDOWS[:3]]

    class Late(Picky):
        def complete(self, prefix, requests, decoding):
            first, *others = list(super().complete(prefix, requests, decoding))
            yield from [*others, first]

    with pytest.raises(UserError, match=r"3 of 20 windows are unanswered.* allows 2: .*: the prompt has 99 tokens"):
        run_picky(Late(refused), tmp_path, 0.1)
    engine = Late(refused)
    predictions, _ = run_picky(engine, tmp_path, 0.11)
    assert engine.batches == []
    assert [p["finish_reason"] for p in predictions] == ["unanswered"] * 3 + ["stop"] * 17
    with pytest.raises(UserError, match="allows 0"):
        run_picky(Late(refused[:1]), tmp_path, 0.0)


def test_a_window_without_an_answer_is_asked_again_when_the_job_starts_again(tmp_path):
    key = WINDOWS[7]["window_id"]
    run_picky(Picky([key]), tmp_path, 0.05)
    engine = Echo()
    predictions, _ = run_picky(engine, tmp_path, 0.0)
    assert engine.batches == [[key]]
    assert predictions[7]["finish_reason"] == "stop"


def test_a_full_disk_stops_the_shard_with_its_error(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hearth.recognition.journal.os.fsync", full)
    engine = Endless()
    with pytest.raises(OSError, match="No space left on device"):
        run_picky(engine, tmp_path, 0.0)
    assert engine.batches


class Endless(Echo):
    """An engine that repeats its batches for ever."""

    def complete(self, prefix, requests, decoding):
        requests = list(requests)
        while True:
            yield from super().complete(prefix, requests, decoding)
