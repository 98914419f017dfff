"""Training data of the tiny models: windows of simulated homes, with reasoning written from the gold labels."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from hearth.data.cutting import cut_windows
from hearth.data.sources.registry import SOURCES
from hearth.data.windows import Window
from hearth.homes.home import Home
from hearth.prompting.prompts import render_prompt, window_text
from hearth.simulation.formats import FORMATS
from hearth.simulation.paraphrases import paraphrase_home
from hearth.simulation.variants import missing_sensors
from hearth.toy_models.answer_formats import AnswerFormat, replace_format


def simulate_windows(source: str, home: Home, seed: int, sessions: int, size: int) -> list[Window]:
    """Simulate a home's files, load them with the loader for `source`, and return windows of at most `size` events.

    `seed` decides the residents' habits, the events and which sensors are missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "home"
        FORMATS[source](root, seed, sessions, home, missing=missing_sensors(seed))
        events, _report = SOURCES[source].read(root, home)
    return list(cut_windows(events, f"simulated-{source}-{seed}", size, keep_short=True))


def reasoning_text(window: Window) -> str:
    """Return a text with one line for each event: its id, description, resident, its id again, and its label.

    For example `3 | kitchen fridge opened | B | 3 | COOKING`; residents are lettered in order of appearance.
    """
    letters: dict[tuple[str, ...], str] = {}
    lines = []
    for event, residents, label in zip(window["events"], window["residents"], window["gold"], strict=True):
        letter = letters.setdefault(tuple(residents), ascii_uppercase[len(letters)])
        lines.append(f"{event['id']} | {event['description']} | {letter} | {event['id']} | {label}")
    return "\n".join(lines)


@dataclass(frozen=True)
class TrainingExample:
    """A window as text: the user's turn, the completion without the end-of-turn token, and the gold labels."""

    user: str
    completion: str
    gold: list[str]


@dataclass(frozen=True)
class HomeExamples:
    """The training examples of one simulated and paraphrased home, and the system prompt that they share."""

    source: str
    home: Home
    system: str
    examples: list[TrainingExample]


def make_example(window: Window, answer_format: AnswerFormat) -> TrainingExample:
    """Return the training example of one window."""
    answer = answer_format.render(window["gold"])
    completion = f"<think>\n{reasoning_text(window)}\n</think>\n\n{answer}"
    return TrainingExample(window_text(window), completion, window["gold"])


def paraphrase_window(window: Window, home: Home, paraphrased: Home, labels: dict[str, str]) -> Window:
    """Return a window of `home` with the descriptions of `paraphrased` and paraphrased gold labels."""
    descriptions = {
        home.describe(name, state)[2]: paraphrased.describe(name, state)[2]
        for name, sensor in home.sensors.items()
        for state in sensor.states
    }
    events = [event | {"description": descriptions[event["description"]]} for event in window["events"]]
    return window | {"events": events, "gold": [labels[label] for label in window["gold"]]}


def make_home_examples(
    source: str, home: Home, template: Path, seed: int, sessions: int, size: int, answer_format: AnswerFormat
) -> HomeExamples:
    """Simulate a home with `seed`, paraphrase it, and return its training examples, with answers in `answer_format`.

    `size` is the maximum of events per window.
    """
    paraphrased, labels = paraphrase_home(home, source, seed)
    windows = [
        paraphrase_window(window, home, paraphrased, labels)
        for window in simulate_windows(source, home, seed, sessions, size)
    ]
    example_labels = [event["label"] for event in paraphrased.example["events"]]
    system = replace_format(render_prompt(paraphrased, template, "think")["system"], answer_format, example_labels)
    return HomeExamples(source, paraphrased, system, [make_example(window, answer_format) for window in windows])
