"""Check that the prompt's words, the prompt's example and the completions have the same answer format."""

import json

import pytest
from hearth.prompting.prompts import answer_text
from hearth.toy_models.answer_formats import CONTAINERS, STANDARD, AnswerFormat, draw_format, replace_format
from toy_homes import home_examples


def test_homes_ask_for_many_formats_and_some_for_the_standard_one():
    labels = ["COOKING", "EATING"]
    assert STANDARD.render(labels) == answer_text(labels)
    formats = [draw_format("marble", seed) for seed in range(1206, 1286)]
    assert len(set(formats)) > 20
    assert 0.1 < formats.count(STANDARD) / len(formats) < 0.5


@pytest.mark.parametrize("container", sorted(set(CONTAINERS)))
def test_the_prompt_describes_and_shows_the_format_of_the_completions(container):
    answer_format = AnswerFormat(container, "event", "label")
    home = home_examples("marble", 1000, answer_format)
    labels = [event["label"] for event in home.home.example["events"]]
    assert home.system.count(answer_format.describe()) == 1
    assert home.system.endswith(answer_format.render(labels))
    assert all(example.completion.endswith(answer_format.render(example.gold)) for example in home.examples)
    assert json.loads(answer_format.render(labels))
    with pytest.raises(ValueError, match="must state it once"):
        replace_format("Answer as you like.", answer_format, labels)
