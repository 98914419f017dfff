"""Paraphrases cover every label and sensor, stay distinct, and replace a home's words everywhere."""

import pytest
from hearth.prompting.prompts import render_prompt
from hearth.simulation.paraphrases import PARAPHRASES, paraphrase_home
from hearth.toy_models.training_data import paraphrase_window, simulate_windows
from toy_homes import HOMES, TEMPLATE


@pytest.mark.parametrize("source", sorted(HOMES))
def test_paraphrases_cover_labels_and_sensors_and_are_distinct(source):
    home, words = HOMES[source], PARAPHRASES[source]
    assert list(words["labels"]) == list(home.labels)
    assert list(words["sensors"]) == list(home.sensors)
    labels = [word for label, others in words["labels"].items() for word in [label, *others]]
    assert len(labels) == len(set(labels))
    places = [
        (sensor.room, word) for name, sensor in home.sensors.items() for word in [sensor.words, words["sensors"][name]]
    ]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("source", sorted(HOMES))
def test_a_paraphrased_window_has_the_same_events_and_labels(source):
    home = HOMES[source]
    paraphrased, labels = paraphrase_home(home, source, 1000)
    window = simulate_windows(source, home, 1000, 1, 10)[0]
    changed = paraphrase_window(window, home, paraphrased, labels)
    back = {new: old for old, new in labels.items()}
    assert [back[label] for label in changed["gold"]] == window["gold"]
    assert [(e["id"], e["time"]) for e in changed["events"]] == [(e["id"], e["time"]) for e in window["events"]]
    known = {
        paraphrased.describe(name, state)[2] for name, sensor in paraphrased.sensors.items() for state in sensor.states
    }
    assert {event["description"] for event in changed["events"]} <= known


@pytest.mark.parametrize("source", sorted(HOMES))
def test_the_prompt_has_no_label_that_was_paraphrased(source):
    seed = next(
        seed
        for seed in range(1000, 1020)
        if paraphrase_home(HOMES[source], source, seed)[0].labels != HOMES[source].labels
    )
    paraphrased, labels = paraphrase_home(HOMES[source], source, seed)
    system = render_prompt(paraphrased, TEMPLATE, "think")["system"]
    replaced = [old for old, new in labels.items() if old != new and not any(old in word for word in labels.values())]
    assert replaced
    assert not [label for label in replaced if f"{label};" in system or f'"{label}"' in system]
