"""Forms of an answer, so that the family has to read from its prompt which one is asked for.

Instruction-tuned models have seen answers in every form; one that had seen a single form could never get it wrong.
"""

import json
import random
from dataclasses import dataclass

NUMBERS = ("id", "event", "number", "item")
LABELS = ("activity", "label", "action", "task")
CONTAINERS = ("objects", "objects", "turned", "mapping", "wrapped")  # two in five look like ours
# Share of the homes that ask for the form that Hearth's own prompts ask for.
SHARE_ASKED = 0.25


@dataclass(frozen=True)
class Form:
    """A container, and what it calls an event's number and its label."""

    container: str
    number: str
    label: str

    def described(self) -> str:
        """The form in the words of `brief.j2`."""
        return {
            "objects": f"a JSON list with {self.number} and {self.label} for each event",
            "turned": f"a JSON list with {self.label} and {self.number} for each event",
            "mapping": f"a JSON object of {self.label} by {self.number}, one for each event",
            "wrapped": f"a JSON object whose answers list has {self.number} and {self.label} for each event",
        }[self.container]

    def write(self, labels: list[str]) -> str:
        """The answer that gives `labels` to events 1, 2, ..."""
        numbered = list(enumerate(labels, start=1))
        objects = [{self.number: number, self.label: label} for number, label in numbered]
        value = {
            "objects": objects,
            "turned": [{self.label: label, self.number: number} for number, label in numbered],
            "mapping": {str(number): label for number, label in numbered},
            "wrapped": {"answers": objects},
        }[self.container]
        return json.dumps(value, ensure_ascii=False)


# What Hearth's own prompts ask for.
ASKED = Form("objects", "id", "activity")


def draw(source: str, seed: int) -> Form:
    """The form that the home of `seed` asks for."""
    rng = random.Random(f"form/{source}/{seed}")  # noqa: S311 - a choice of words, not a secret
    if rng.random() < SHARE_ASKED:
        return ASKED
    return Form(rng.choice(CONTAINERS), rng.choice(NUMBERS), rng.choice(LABELS))


def asking(system: str, form: Form, example: list[str]) -> str:
    """A system prompt rendered from `brief.j2`, with the labels `example`, that asks for another form.

    Raises ValueError for a prompt that does not ask for Hearth's own form in the template's words.
    """
    parts = [(ASKED.described(), form.described()), (ASKED.write(example), form.write(example))]
    for ours, other in parts:
        if system.count(ours) != 1:
            raise ValueError(f"the prompt template of the lessons has to say once: {ours}")
        system = system.replace(ours, other)
    return system
