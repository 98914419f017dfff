"""What the family learns from: windows of simulated homes with a reasoning told from what truly happened."""

import random
import tempfile
from pathlib import Path
from string import ascii_uppercase

from hearth import simulation
from hearth.homes import Home
from hearth.prompts import answer_text, window_text
from hearth.sources import SOURCES
from hearth.windows import cut


def windows_of(source: str, home: Home, seed: int, sessions: int, size: int) -> list[dict]:
    """Windows of one simulated home, read back from its files by the loader that reads the real data set."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "home"
        simulation.FORMATS[source](root, seed, sessions, home)
        events, _report = SOURCES[source](root, home)
    return cut(events, f"lesson-{source}-{seed}", size, keep_short=True)


def reasoning(window: dict) -> str:
    """One line an event: its id, what happened, whose doing it was, and what that person was about.

    For example `3 | kitchen fridge opened | B | COOKING`; people are lettered in order of appearance.
    """
    people: dict[tuple, str] = {}
    lines = []
    for event, residents, label in zip(window["events"], window["residents"], window["gold"], strict=True):
        person = people.setdefault(tuple(residents), ascii_uppercase[len(people)])
        lines.append(f"{event['id']} | {event['description']} | {person} | {label}")
    return "\n".join(lines)


def lesson(window: dict) -> tuple[str, str]:
    """(user's turn, completion without the end-of-turn token) for one window."""
    return window_text(window), f"<think>\n{reasoning(window)}\n</think>\n\n{answer_text(window['gold'])}"


def draw_lessons(homes: dict[str, Home], draws: dict[str, tuple[range, int]], size: int, seed: int) -> list[dict]:
    """Lessons {"source", "user", "completion", "gold"} of simulated homes, shuffled.

    `draws` gives for each source the seeds of its homes and the sessions of each; `size` is events a window.
    """
    drawn = []
    for source, (seeds, sessions) in draws.items():
        for home_seed in seeds:
            for window in windows_of(source, homes[source], home_seed, sessions, size):
                user, completion = lesson(window)
                drawn.append({"source": source, "user": user, "completion": completion, "gold": window["gold"]})
    random.Random(seed).shuffle(drawn)  # noqa: S311 - an order of lessons, not a secret
    return drawn
