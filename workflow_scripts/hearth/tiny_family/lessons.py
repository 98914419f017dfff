"""What the family learns from: windows of simulated homes with a reasoning told from what truly happened."""

import random
import tempfile
from itertools import groupby
from pathlib import Path

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


def reasoning(window: dict, home: Home) -> str:
    """Who is where and which events are whose, a sentence a resident, in order of appearance.

    For example: `Person 1: 1 2 5 in kitchen, COOKING; 7 8 in dining room, EATING.`
    """
    people: dict[str, list[int]] = {}
    for position, residents in enumerate(window["residents"]):
        people.setdefault("+".join(residents), []).append(position)
    sentences = []
    for number, positions in enumerate(people.values(), start=1):
        acts = []
        for label, group in groupby(positions, key=lambda position: window["gold"][position]):
            group = list(group)
            places = dict.fromkeys(place(window["events"][position]["description"], home) for position in group)
            ids = " ".join(str(position + 1) for position in group)
            acts.append(f"{ids} in {' and '.join(places)}, {label}")
        sentences.append(f"Person {number}: {'; '.join(acts)}.")
    return "\n".join(sentences)


def place(description: str, home: Home) -> str:
    """The room that a description begins with; its first word for a sensor that stands in none."""
    rooms = [room for room in home.rooms if description.startswith(f"{room} ")]
    return max(rooms, key=len, default=description.split()[0])


def lesson(window: dict, home: Home) -> tuple[str, str]:
    """(user's turn, completion without the end-of-turn token) for one window."""
    return window_text(window), f"<think>\n{reasoning(window, home)}\n</think>\n\n{answer_text(window['gold'])}"


def draw_lessons(homes: dict[str, Home], draws: dict[str, tuple[range, int]], size: int, seed: int) -> list[dict]:
    """Lessons {"source", "user", "completion", "gold"} of simulated homes, shuffled.

    `draws` gives for each source the seeds of its homes and the sessions of each; `size` is events a window.
    """
    drawn = []
    for source, (seeds, sessions) in draws.items():
        for home_seed in seeds:
            for window in windows_of(source, homes[source], home_seed, sessions, size):
                user, completion = lesson(window, homes[source])
                drawn.append({"source": source, "user": user, "completion": completion, "gold": window["gold"]})
    random.Random(seed).shuffle(drawn)  # noqa: S311 - an order of lessons, not a secret
    return drawn
