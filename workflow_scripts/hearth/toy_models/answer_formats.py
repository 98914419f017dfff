"""Answer formats: the prompts of different homes ask for different ones, so that the tiny models have to read which.

Instruction-tuned models have seen answers in many formats. A model that had seen only one could never use a wrong one.
"""

import json
import random
from dataclasses import dataclass

ID_KEYS = ("id", "event", "number", "item")
LABEL_KEYS = ("activity", "label", "action", "task")
# "objects", the container of the standard format, occurs twice, so that it is drawn for two in five formats.
CONTAINERS = ("objects", "objects", "label-first", "mapping", "wrapped")
# Share of the homes that ask for the standard format.
STANDARD_SHARE = 0.25


@dataclass(frozen=True)
class AnswerFormat:
    """A container, one of `CONTAINERS`, and its keys for an event's id and its label."""

    container: str
    id_key: str
    label_key: str

    def describe(self) -> str:
        """Return the format in the words of the prompt template `brief.j2`."""
        return {
            "objects": f"a JSON list with {self.id_key} and {self.label_key} for each event",
            "label-first": f"a JSON list with {self.label_key} and {self.id_key} for each event",
            "mapping": f"a JSON object of {self.label_key} by {self.id_key}, one for each event",
            "wrapped": f"a JSON object whose answers list has {self.id_key} and {self.label_key} for each event",
        }[self.container]

    def render(self, labels: list[str]) -> str:
        """Return the JSON answer that gives `labels` to the events 1, 2, ..."""
        numbered = list(enumerate(labels, start=1))
        objects = [{self.id_key: number, self.label_key: label} for number, label in numbered]
        value = {
            "objects": objects,
            "label-first": [{self.label_key: label, self.id_key: number} for number, label in numbered],
            "mapping": {str(number): label for number, label in numbered},
            "wrapped": {"answers": objects},
        }[self.container]
        return json.dumps(value, ensure_ascii=False)


# The format of Hearth's own prompts, as `prompting.prompts.answer_text` writes it.
STANDARD = AnswerFormat("objects", "id", "activity")


def draw_format(source: str, seed: int) -> AnswerFormat:
    """Draw the format that the home of `source` and `seed` asks for."""
    rng = random.Random(f"form/{source}/{seed}")  # noqa: S311 - a choice of words, not a secret
    if rng.random() < STANDARD_SHARE:
        return STANDARD
    return AnswerFormat(rng.choice(CONTAINERS), rng.choice(ID_KEYS), rng.choice(LABEL_KEYS))


def replace_format(system: str, answer_format: AnswerFormat, example_labels: list[str]) -> str:
    """Return the prompt `system`, rendered from `brief.j2`, with `answer_format` in place of the standard format.

    `example_labels` are the labels of the prompt's example. Raises ValueError unless the prompt describes the standard
    format once, and shows the example in it once.
    """
    replacements = [
        (STANDARD.describe(), answer_format.describe()),
        (STANDARD.render(example_labels), answer_format.render(example_labels)),
    ]
    for standard, other in replacements:
        if (count := system.count(standard)) != 1:
            raise ValueError(
                f"the rendered prompt contains this text {count} times; its template must state it once: {standard}"
            )
        system = system.replace(standard, other)
    return system
