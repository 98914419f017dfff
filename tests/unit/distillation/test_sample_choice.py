"""Test which samples of a window are learned, and how much each of their labels weighs."""

import json

import numpy as np
import pytest
from hearth.distillation.sample_choice import (
    brief_sample,
    label_weights,
    nearest_samples,
    teaches_long,
    usable_samples,
)
from sample_factories import make_sample, vote_on

COOK, EAT, TV = "COOKING", "EATING", "watching TV"


def nearest(samples):
    return [sample["seed"] for sample in nearest_samples(samples, vote_on(samples)["labels"])]


def test_a_planted_majority_is_found_and_the_samples_nearest_to_it_come_first():
    draw, truth = np.random.default_rng(1), [COOK, EAT, EAT, COOK, TV, TV, EAT, COOK, COOK, EAT]
    errors = [5, 0, 3, 1, 4, 2, 2, 5]
    samples = []
    for seed, count in enumerate(errors):
        labels = list(truth)
        for event in draw.choice(len(truth), count, replace=False):
            labels[event] = str(draw.choice([label for label in (COOK, EAT, TV) if label != truth[event]]))
        samples.append(make_sample(labels, seed))
    assert vote_on(samples)["labels"] == truth
    assert nearest(samples) == [1, 3, 5, 6]


def test_of_equally_near_samples_the_earlier_ones_are_taken():
    assert nearest([make_sample([COOK, EAT], seed) for seed in range(6)]) == [0, 1, 2, 3]
    assert nearest([make_sample([COOK, label], seed) for seed, label in enumerate([TV, EAT, TV, EAT])]) == [0, 2, 1, 3]


def test_a_cut_sample_is_taken_only_if_no_other_can_be_read():
    cut = make_sample([COOK, EAT], 0, finish_reason="length")
    unreadable = make_sample([COOK, EAT], 1, text="<think>\nHm.\n</think>\n\nCooking, I think.")
    assert nearest([cut, make_sample([COOK, TV], 2), unreadable]) == [2]
    assert nearest([cut, unreadable]) == [0]
    assert usable_samples([unreadable, unreadable]) == []


def weights_of(sample, samples):
    return [(sample["text"][begin:end], weight) for begin, end, weight in label_weights(sample, samples)]


def test_a_label_weighs_the_share_of_the_samples_that_wrote_it_for_this_event():
    thought = 'Perhaps [{"id": 1, "activity": "EATING"}].'
    samples = [make_sample([COOK, label], seed, thought=thought) for seed, label in enumerate([EAT, EAT, EAT, TV])]
    assert weights_of(samples[0], samples) == [('COOKING"', 1), ('EATING"', 0.75)]
    assert weights_of(samples[3], samples) == [('COOKING"', 1), ('watching TV"', 0.25)]
    begin = label_weights(samples[0], samples)[0][0]
    assert begin > samples[0]["text"].index("</think>")


def test_a_label_that_the_home_lacks_weighs_nothing_whatever_others_wrote():
    samples = [make_sample([COOK, "DANCING"], seed) for seed in range(2)]
    assert weights_of(samples[0], samples) == [('COOKING"', 1), ('DANCING"', 0)]


def test_labels_in_any_order_of_ids_and_with_escapes_are_found():
    entries = [{"id": 2, "activity": EAT}, {"id": 1, "activity": COOK}]
    escaped = json.dumps(entries, indent=1).replace("E", "\\u0045")
    samples = [make_sample([COOK, EAT], 0, text=escaped), make_sample([COOK, TV], 1)]
    assert weights_of(samples[0], samples) == [('\\u0045ATING"', 0.5), ('COOKING"', 1)]


def test_an_answer_whose_labels_are_not_found_weighs_their_mean_share():
    text = '<think>\nHm.\n</think>[{"id": 1, "place": {}, "activity": "COOKING"}, {"id": 2, "activity": "EATING"}]'
    samples = [make_sample([COOK, EAT], 0, text=text), make_sample([COOK, TV], 1)]
    assert samples[0]["labels"] == [COOK, EAT]
    assert weights_of(samples[0], samples) == [(text.partition("</think>")[2], 0.75)]


def test_the_shortest_of_the_nearest_samples_is_taken_and_for_one_window_in_five_the_longest():
    names = [f"made-up/1/{index}" for index in range(2000)]
    assert sum(map(teaches_long, names)) / len(names) == pytest.approx(0.2, abs=0.03)
    for name in names[:30]:
        tokens = [(COOK, 30), (COOK, 12), (COOK, 55), (EAT, 3), (EAT, 99)]
        samples = [make_sample([label], seed, None, name, count) for seed, (label, count) in enumerate(tokens)]
        assert brief_sample(samples, vote_on(samples)["labels"])["seed"] == (2 if teaches_long(name) else 1)


def test_without_a_sample_that_agrees_wholly_the_nearest_is_taken():
    short = next(f"made-up/1/{index}" for index in range(99) if not teaches_long(f"made-up/1/{index}"))
    labels = [[COOK, EAT, TV], [COOK, TV, EAT], [TV, EAT, EAT]]
    samples = [make_sample(one, seed, None, short, 9 - seed) for seed, one in enumerate(labels)]
    assert vote_on(samples)["labels"] == [COOK, EAT, EAT]
    assert brief_sample(samples, vote_on(samples)["labels"])["seed"] == 2
    unread = [make_sample([COOK], 0, text="Hm.")]
    assert brief_sample(unread, vote_on(unread)["labels"]) is None


def test_without_counted_tokens_characters_say_which_sample_is_shortest():
    short = next(f"made-up/1/{index}" for index in range(99) if not teaches_long(f"made-up/1/{index}"))
    samples = [
        make_sample([COOK], seed, None, short, tokens, thought="Hm. " * size)
        for seed, (tokens, size) in enumerate([(None, 4), (1, 9), (None, 2)])
    ]
    assert brief_sample(samples, [COOK])["seed"] == 2
