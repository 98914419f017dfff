"""Windows to text: the static system prompt of a home, the window's JSON, and their place in a chat template.

The system prompt has the paper's six parts (section 3, step 3) and is equal for every window of a
(dataset, template, settings); the window's JSON is the only part that varies, together with the windows that are
shown before it when they are chosen for their similarity (`hearth.prompting.few_shot`).
"""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, get_args

import jinja2

from hearth.common.records import read_record
from hearth.homes.home import Home
from hearth.prompting import few_shot

ReasoningMode = Literal["think", "inline", "none"]
REASONING_MODES: tuple[ReasoningMode, ...] = get_args(ReasoningMode)

# Stands for the window while the chat template is rendered; private-use characters no template or window holds.
_WINDOW = "\ue000window\ue001"

# The thought without content that Qwen3's template writes where thinking is off.
_EMPTY_THOUGHT = re.compile(r"<think>(?P<within>\s*)</think>(?P<after>\s*)\Z")


class Prompt(TypedDict):
    """The rendered prompt of a dataset, as `render_prompt.py` writes it; `system` is the static text.

    `version` is `<template name>@<first 12 hex digits of the SHA-256 of the system text>`. `shots` and `shots_by`
    are there if windows of the train split are shown (see `hearth.prompting.few_shot`).
    """

    version: str
    template: str
    reasoning: ReasoningMode
    labels: list[str]
    system: str
    shots: NotRequired[int]
    shots_by: NotRequired[str]


def read_prompt(path: Path) -> Prompt:
    """Read a rendered prompt. Raises ValueError, which names the file and the key at fault."""
    return read_record(path, Prompt)


def events_text(events: list[dict]) -> str:
    """The JSON list of a window's events, one event a line: the user's turn."""
    lines = (
        json.dumps({key: event[key] for key in ("id", "time", "description")}, ensure_ascii=False) for event in events
    )
    return "[" + ",\n ".join(lines) + "]"


def window_text(window: dict, shown: Sequence[dict] = ()) -> str:
    """The user's turn for one window: all that varies between the prompts of a dataset.

    Before it come the windows `shown`, each with its gold labels as the answer.
    """
    asked = events_text(window["events"])
    if not shown:
        return asked
    examples = "".join(f"Input:\n{each['input']}\nOutput:\n{each['output']}\n\n" for each in map(_example, shown))
    return f"{examples}Input:\n{asked}"


def _example(window: dict) -> dict[str, str]:
    return {"input": events_text(window["events"]), "output": answer_text(window["gold"])}


def user_turns(prompt: dict, asked: list[dict], windows: list[dict]) -> dict[str, str]:
    """The user's turn by window_id for each window asked about.

    `prompt` is the rendered prompt, `windows` those of the dataset, whose train split may be shown.
    """
    shown = few_shot.similar(asked, windows, prompt["shots"]) if prompt.get("shots_by") == "similarity" else {}
    return {window["window_id"]: window_text(window, shown.get(window["window_id"], ())) for window in asked}


def answer_text(labels: list[str]) -> str:
    """The JSON list a recogniser is asked for: one object with "id" and "activity" for every event, ids from 1."""
    return json.dumps([{"id": i, "activity": label} for i, label in enumerate(labels, start=1)], ensure_ascii=False)


def answer_schema(labels: list[str], size: int) -> str:
    """The JSON schema of `answer_text` for `size` events: their ids in order, each with one of `labels`."""
    events = [
        {
            "type": "object",
            "properties": {"id": {"const": number}, "activity": {"enum": labels}},
            "required": ["id", "activity"],
            "additionalProperties": False,
        }
        for number in range(1, size + 1)
    ]
    return json.dumps({"type": "array", "prefixItems": events, "minItems": size, "items": False}, ensure_ascii=False)


def render_prompt(
    home: Home,
    template: Path,
    reasoning: str,
    *,
    rules: bool = True,
    example: bool = True,
    count: int = 0,
    shots_by: str = "similarity",
    windows: Sequence[dict] = (),
) -> dict:
    """The static part of the prompt: {"version", "template", "reasoning", "labels", "system"}.

    `version` is `<template name>@<first 12 hex digits of the SHA-256 of the system text>`. Without `rules` or
    `example` the home's are not told. `count` windows of the train split of `windows` are shown with their gold labels
    as the answers: at random, in the system text; by similarity, in the user's turn, and the system text says so. An
    answer shown has no reasoning in any mode, since nobody has written one; the home's example has its own. Such a
    prompt has "shots" (`count`) and "shots_by" too.

    Raises ValueError naming the template for a template that does not render, and for too few windows.
    """
    if reasoning not in REASONING_MODES:
        raise ValueError(f"reasoning {reasoning!r} is none of {', '.join(REASONING_MODES)}")
    shown = _shown(windows, count, shots_by)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=False, autoescape=False)  # noqa: S701 - plain text, not HTML
    try:
        system = (
            environment.from_string(Path(template).read_text(encoding="utf-8"))
            .render(
                home=home,
                rooms=home.rooms,
                labels=home.labels,
                rules=home.rules if rules else (),
                reasoning=reasoning,
                **_home_example(home, reasoning, example),
                **shown,
            )
            .rstrip("\n")
        )  # whichever part is the last
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"{template}:{error.lineno}: {error}") from None
    except OSError:
        raise
    except Exception as error:  # An expression in a template can raise anything.
        raise ValueError(f"{template}: {error}") from None
    if not all(each["input"] in system and each["output"] in system for each in shown["shots"]):
        raise ValueError(f"{template}: it leaves out windows that are to be shown; they are in `shots`")
    version = f"{Path(template).stem}@{hashlib.sha256(system.encode('utf-8')).hexdigest()[:12]}"
    prompt = {
        "version": version,
        "template": Path(template).stem,
        "reasoning": reasoning,
        "labels": list(home.labels),
        "system": system,
    }
    return prompt | ({"shots": count, "shots_by": shots_by} if count else {})


def _home_example(home: Home, reasoning: str, example: bool) -> dict[str, str]:
    """The home's own example as `example_input` and `example_output`; both '' when it is not to be shown."""
    if not example:
        return {"example_input": "", "example_output": ""}
    events = []
    for number, event in enumerate(home.example["events"], start=1):
        description = home.describe(event["sensor"], event["state"])[2]
        events.append({"id": number, "time": event["time"], "description": description})
    answer = answer_text([event["label"] for event in home.example["events"]])
    if reasoning == "inline":
        answer = f"{home.example['reasoning']}\n{answer}"
    return {"example_input": events_text(events), "example_output": answer}


def _shown(windows: Sequence[dict], count: int, shots_by: str) -> dict:
    """What a template is told: `shots` that all prompts show, or how many, `shots_before`, come before a window."""
    if not count:
        return {"shots": [], "shots_before": 0}
    if shots_by not in few_shot.KINDS:
        raise ValueError(f"shots by {shots_by!r}; it must be one of {', '.join(few_shot.KINDS)}")
    if shots_by == "random":
        return {"shots": [_example(window) for window in few_shot.random(windows, count)], "shots_before": 0}
    few_shot.of_train(windows, count)  # too few are better found out before the windows' jobs are queued
    return {"shots": [], "shots_before": count}


def split_prompt(tokenizer, system: str, user: str, reasoning: str) -> tuple[str, str]:
    """(prefix, suffix) of the prompt text for one window; the prefix is equal for every `user` text.

    The two are tokenised apart (`add_special_tokens=False`) and joined, in recognition and in training
    alike: that is what makes reuse of the prefix exact. Raises ValueError for a chat template that
    refuses these turns, does not show the user's once, or has no thinking mode when `reasoning` is "think".
    """
    thinking = _chat(tokenizer, system, enable_thinking=True)
    plain = _chat(tokenizer, system, enable_thinking=False)
    if reasoning == "think" and thinking == plain:
        raise ValueError("the model's chat template has no thinking mode; use `reasoning: inline` or `none` for it")
    prefix, mark, suffix = (thinking if reasoning == "think" else plain).partition(_WINDOW)
    if not mark or _WINDOW in suffix:
        raise ValueError("the model's chat template does not show the user's turn exactly once")
    return prefix, user + suffix


def thought_marks(tokenizer) -> tuple[str, str]:
    """What opens and what closes a thought in the model's chat template, line breaks included.

    Qwen3's way, "<think>\\n" and "\\n</think>\\n\\n", where the template does not show another.
    """
    empty = _EMPTY_THOUGHT.search(_chat(tokenizer, "", enable_thinking=False))
    if not empty:
        return "<think>\n", "\n</think>\n\n"
    within = empty["within"]  # a break that follows what opens, and one that precedes what closes
    half = len(within) // 2
    return "<think>" + within[:half], f"{within[half:]}</think>{empty['after']}"


def _chat(tokenizer, system: str, enable_thinking: bool) -> str:
    turns = [{"role": "system", "content": system}, {"role": "user", "content": _WINDOW}]
    try:
        return tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, enable_thinking=enable_thinking
        )
    except jinja2.TemplateError as error:
        raise ValueError(f"the model's chat template refuses a system and a user turn: {error}") from None
