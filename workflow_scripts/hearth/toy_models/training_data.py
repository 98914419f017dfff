"""What the family learns from: windows of simulated homes with a reasoning told from what truly happened."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from hearth.data.sources import SOURCES
from hearth.data.windows import LabelledWindow, cut_windows
from hearth.homes.home import Home
from hearth.prompting.prompts import render_prompt, window_text
from hearth.simulation.formats import FORMATS
from hearth.toy_models.answer_formats import Form, asking
from hearth.toy_models.paraphrases import dialect, translate

# A home of the lessons lacks up to this many of the data set's sensors, so no sensor can be counted on.
MOST_MISSING = 5


def windows_of(source: str, home: Home, seed: int, sessions: int, size: int) -> list[LabelledWindow]:
    """Windows of one simulated home, read back from its files by the loader that reads the real data set.

    The seed draws its residents' habits, what happens, and which sensors it has.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "home"
        FORMATS[source](root, seed, sessions, home, missing=seed % (MOST_MISSING + 1))
        events, _report = SOURCES[source](root, home)
    return list(cut_windows(events, f"lesson-{source}-{seed}", size, keep_short=True))


def reasoning(window: dict) -> str:
    """One line an event: its id, what happened, whose doing it was; then its id and what that person was about.

    For example `3 | kitchen fridge opened | B | 3 | COOKING`; people are lettered in order of appearance.
    """
    people: dict[tuple, str] = {}
    lines = []
    for event, residents, label in zip(window["events"], window["residents"], window["gold"], strict=True):
        person = people.setdefault(tuple(residents), ascii_uppercase[len(people)])
        lines.append(f"{event['id']} | {event['description']} | {person} | {event['id']} | {label}")
    return "\n".join(lines)


@dataclass(frozen=True)
class Lesson:
    """A window in words: the user's turn, the completion without the end-of-turn token, the labels it should give."""

    user: str
    completion: str
    gold: list[str]


@dataclass(frozen=True)
class HomeLessons:
    """The lessons of one simulated home in its own dialect, and the system prompt that they share."""

    source: str
    home: Home
    system: str
    lessons: list[Lesson]


def lesson(window: dict, form: Form) -> tuple[str, str]:
    """(user's turn, completion without the end-of-turn token) for one window."""
    return window_text(window), f"<think>\n{reasoning(window)}\n</think>\n\n{form.write(window['gold'])}"


def draw_home(source: str, home: Home, template: Path, seed: int, sessions: int, size: int, form: Form) -> HomeLessons:
    """The lessons of the home that `seed` draws: its residents, its sensors, its words; answers are of one `form`.

    `size` is events a window.
    """
    spoken, labels = dialect(home, source, seed)
    windows = [translate(window, home, spoken, labels) for window in windows_of(source, home, seed, sessions, size)]
    example = [event["label"] for event in spoken.example["events"]]
    system = asking(render_prompt(spoken, template, "think")["system"], form, example)
    return HomeLessons(source, spoken, system, [Lesson(*lesson(window, form), window["gold"]) for window in windows])
