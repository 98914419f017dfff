"""Test the timing of students with an engine that says how many tokens it computed, and of baselines."""

import pickle

import pytest
from echo_engine import PROMPT, WINDOWS, Echo
from hearth.common.cli import UserError
from hearth.engines.llamacpp import AnswerTimings
from hearth.engines.protocol import Completion
from hearth.recognition import timing
from hearth.recognition.baseline_timing import time_baseline
from hearth.recognition.baselines import BASELINES, learn, predict_labels
from hearth.recognition.timing import OpenedStudent, time_student

TIMED = WINDOWS[:4]


class Timed(Echo):
    """An engine that computes the prefix once, 100 tokens in a second, and answers with 7 tokens in a second."""

    def __init__(self, context=10**6):
        super().__init__(batch_size=1)
        self.timings, self.reuses_prompts, self.context = None, True, context
        self.asked, self.cached_prefix = [], False

    def complete(self, prefix, requests, decoding):
        for request in requests:
            own, size = len(request.suffix), len(prefix) + len(request.suffix)
            self.asked.append((request.key, self.reuses_prompts))
            if size > self.context:
                yield [Completion.unanswered(request.key, "too long")]
                continue
            computed = own if self.reuses_prompts and self.cached_prefix else size
            self.cached_prefix = True
            self.timings = AnswerTimings(computed, computed / 100, 7, 1.0)
            yield [Completion(request.key, "[]", "stop", size, 7)]


def opened(engine):
    return lambda: OpenedStudent(engine, PROMPT, False, 60)


def test_every_window_is_timed_with_and_without_the_cached_prefix():
    engine = Timed()
    timed = time_student(opened(engine), TIMED, 2)
    keys = [window["window_id"] for window in TIMED]
    # The first answer caches the prefix. It is one to another window than the first that is timed.
    assert engine.asked == [(keys[-1], True), *((key, True) for key in keys), *((key, False) for key in keys)]
    assert (timed["windows"], timed["threads"], timed["reasoning"], timed["direct"]) == (4, 2, "none", False)
    assert timed["own_tokens"] < timed["prompt_tokens"]
    assert timed["prompt_tokens"] - timed["own_tokens"] == pytest.approx(len(PROMPT["system"]), abs=10)
    assert (timed["answer_tokens"], timed["answer_tokens_per_second"]) == (7, 7.0)
    assert timed["prompt_tokens_per_second"] == pytest.approx(100)
    assert 0 < timed["seconds"] <= timed["slowest_seconds"]
    assert timed["cpu_seconds"] > 0
    assert timed["peak_memory_bytes"] > 2**20


def test_slow_windows_end_the_timing_early(monkeypatch):
    monkeypatch.setattr(timing, "MOST_SECONDS", 0.0)
    engine = Timed()
    assert time_student(opened(engine), TIMED, 1)["windows"] == 2
    assert [reuses for _, reuses in engine.asked] == [True] * 3 + [False] * 2


def test_too_few_windows_and_prompts_that_do_not_fit_are_errors():
    with pytest.raises(UserError, match="1 windows to time; at least 2 are needed"):
        time_student(opened(Timed()), TIMED[:1], 1)
    with pytest.raises(UserError, match=f"{TIMED[-1]['window_id']} is unanswered: too long"):
        time_student(opened(Timed(context=10)), TIMED, 1)


@pytest.mark.parametrize("name", BASELINES)
def test_what_a_baseline_has_learned_is_pickled_and_timed(name):
    train = [window | {"gold": ["A", "B", "A"][: len(window["events"])]} for window in WINDOWS[::5]]
    labeller = pickle.loads(pickle.dumps(learn(name, train)))
    labels = [list(map(str, found)) for found in labeller([window["events"] for window in TIMED])]
    assert labels == predict_labels(name, train, TIMED)
    timed = time_baseline(lambda: labeller, TIMED)
    assert (timed["windows"], timed["threads"], timed["answer_tokens"]) == (4, 1, None)
    assert 0 < timed["seconds"] <= timed["slowest_seconds"]
