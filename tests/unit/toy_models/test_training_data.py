"""Check the homes, reasoning and labels of training examples."""

import pytest
from hearth.prompting.parsing import parse
from hearth.simulation.paraphrases import paraphrase_home
from toy_homes import HOMES, home_examples


@pytest.mark.parametrize("source", sorted(HOMES))
def test_equal_seeds_give_equal_homes_and_other_seeds_other_words(source):
    assert home_examples(source, 1003) == home_examples(source, 1003)
    assert home_examples(source, 1003).examples != home_examples(source, 1004).examples
    # There are three styles of labels and two of sensors.
    paraphrased = [paraphrase_home(HOMES[source], source, seed)[0] for seed in range(1000, 1040)]
    assert len({home.labels for home in paraphrased}) == 3
    assert len({tuple(sensor.words for sensor in home.sensors.values()) for home in paraphrased}) == 2


@pytest.mark.parametrize("source", sorted(HOMES))
def test_an_example_reasons_event_by_event_and_answers_with_the_gold_labels(source, examples_by_source):
    home = examples_by_source[source][0]
    for example in home.examples:
        answer = parse(example.completion, len(example.gold), home.home.labels, "stop")
        assert (answer.status, answer.labels) == ("ok", example.gold)
        lines = [line.split(" | ") for line in answer.reasoning.splitlines()]
        assert [(line[0], line[3], line[4]) for line in lines] == [
            (str(number), str(number), label) for number, label in enumerate(example.gold, start=1)
        ]
        assert lines[0][2] == "A"
