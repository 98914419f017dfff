"""Render prompts: a home's static system prompt, and a window's JSON as the user's turn.

The system prompt has the paper's six parts (section 3, step 3). For one template with one choice of settings, it is the
same for all windows of a dataset. Only the user's turn varies: the window's JSON, after any few-shot examples that are
similar to the window (`hearth.prompting.few_shot`).
"""

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, cast, get_args

import jinja2

from hearth.common.config_schema import setting_default
from hearth.common.records import read_record
from hearth.data.windows import Window, WindowEvent, WindowInput
from hearth.homes.home import Home
from hearth.prompting import few_shot

ReasoningMode = Literal["think", "inline", "none"]
REASONING_MODES: tuple[ReasoningMode, ...] = get_args(ReasoningMode)
LabelOrder = Literal["home", "reversed", "shuffled"]
LABEL_ORDERS: tuple[LabelOrder, ...] = get_args(LabelOrder)


class Prompt(TypedDict):
    """The rendered prompt of a dataset, as `render_prompt.py` writes it; `system` is the static text.

    `version` is `<template name>@<first 12 hex digits of the SHA-256 of the system text>`. If the prompt shows windows
    of the train split, `shots` is their number and `shots_by` one of `few_shot.SELECTIONS`; otherwise both are absent.
    `date` (ISO) is what chat templates take for today; it is absent if it is the default of the config.
    """

    version: str
    template: str
    reasoning: ReasoningMode
    labels: list[str]
    system: str
    shots: NotRequired[int]
    shots_by: NotRequired[str]
    date: NotRequired[str]


def read_prompt(path: Path) -> Prompt:
    """Read a rendered prompt. Raises ValueError, which names the file and the key at fault."""
    return read_record(path, Prompt)


def prompt_date(prompt: Prompt) -> str:
    """Return the date (ISO) that chat templates take for today."""
    return prompt.get("date") or setting_default("prompt", "date")


def events_text(events: Sequence[WindowEvent]) -> str:
    """Return a window's events as a JSON list, one event a line."""
    lines = (
        json.dumps({"id": event["id"], "time": event["time"], "description": event["description"]}, ensure_ascii=False)
        for event in events
    )
    return "[" + ",\n ".join(lines) + "]"


def window_text(window: WindowInput, examples: Sequence[Window] = ()) -> str:
    """Return the user's turn for one window: its events, after the `examples` with their gold labels as answers."""
    events = events_text(window["events"])
    if not examples:
        return events
    shots = map(_input_and_output, examples)
    return "".join(f"Input:\n{shot['input']}\nOutput:\n{shot['output']}\n\n" for shot in shots) + f"Input:\n{events}"


def _input_and_output(window: Window) -> dict[str, str]:
    return {"input": events_text(window["events"]), "output": answer_text(window["gold"])}


def user_turns(prompt: Prompt, targets: Sequence[WindowInput], windows: Sequence[Window]) -> dict[str, str]:
    """Return a dict from window_id to the user's turn, for each window of `targets`.

    If `shows_similar_windows`, `windows` hold the dataset's train split, and each target needs the key "session", which
    windows of a stream do not have.
    """
    examples: Mapping[str, Sequence[Window]] = {}
    if shows_similar_windows(prompt):
        examples = few_shot.similar_examples(cast(Sequence[Window], targets), windows, prompt["shots"])
    return {window["window_id"]: window_text(window, examples.get(window["window_id"], ())) for window in targets}


def shows_similar_windows(prompt: Prompt) -> bool:
    """Whether a prompt shows each window the windows of the train split that are most similar to it."""
    return prompt.get("shots_by") == "similarity"


def answer_text(labels: Sequence[str]) -> str:
    """Return the answer that a prompt asks for: a JSON list with "id" (from 1) and "activity" for every event."""
    return json.dumps([{"id": i, "activity": label} for i, label in enumerate(labels, start=1)], ensure_ascii=False)


def answer_schema(labels: Sequence[str], size: int) -> str:
    """Return the JSON schema, as text, of an answer to `size` events: ids in order, each with one of `labels`."""
    events = [
        {
            "type": "object",
            "properties": {"id": {"const": number}, "activity": {"enum": list(labels)}},
            "required": ["id", "activity"],
            "additionalProperties": False,
        }
        for number in range(1, size + 1)
    ]
    return json.dumps({"type": "array", "prefixItems": events, "minItems": size, "items": False}, ensure_ascii=False)


def render_prompt(
    home: Home,
    template: Path,
    reasoning: ReasoningMode,
    *,
    rules: bool = True,
    example: bool = True,
    sensor_kinds: bool = False,
    label_order: LabelOrder = "home",
    shots: int = 0,
    shots_by: str = "similarity",
    windows: Iterable[Window] = (),
    date: str = "",
) -> Prompt:
    """Render the static part of a home's prompt.

    `rules` and `example` say whether to include the home's rules and its example, `sensor_kinds` whether to list which
    sensors are of which kind. `label_order` is the order of the labels: that of the home, reversed, or one that looks
    random and is the same for every run. `shots` is the number of windows of
    the train split of `windows` to show with their gold labels as answers. If `shots_by` is "random", they are in the
    system text. If it is "similarity", they are in each user's turn, and the system text announces them. These answers
    have no reasoning, whatever `reasoning` is, since none is recorded; the home's example has reasoning of its own.
    `date` (ISO) is what chat templates take for today; "" stands for the config's default.

    Raises ValueError for a date that is none. Raises ValueError, which names the template, if the template does not
    render or leaves out the windows or kinds of sensors to show. Raises ValueError also if the train split has too few
    windows, or the home says no kinds.
    """
    for kind, value, known in (("reasoning", reasoning, REASONING_MODES), ("label order", label_order, LABEL_ORDERS)):
        if value not in known:
            raise ValueError(f"{kind} {value!r} is none of {', '.join(known)}")
    kinds = _sensors_by_kind(home) if sensor_kinds else {}
    shot_variables = _shot_variables(windows, shots, shots_by)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=False, autoescape=False)  # noqa: S701 - plain text, not HTML
    try:
        system = environment.from_string(Path(template).read_text(encoding="utf-8")).render(
            home=home,
            rooms=home.rooms,
            labels=_ordered_labels(home.labels, label_order),
            sensor_kinds=kinds,
            rules=home.rules if rules else (),
            reasoning=reasoning,
            **_example_variables(home, reasoning, example),
            **shot_variables,
        )
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"{template}:{error.lineno}: {error}") from None
    except OSError:
        raise
    except Exception as error:  # An expression in a template can raise anything.
        raise ValueError(f"{template}: {error}") from None
    system = system.rstrip("\n")  # whichever part comes last
    if not all(shot["input"] in system and shot["output"] in system for shot in shot_variables["shots"]):
        raise ValueError(f"{template}: it leaves out few-shot examples; render those in `shots`")
    if not all(text in system for kind, sensors in kinds.items() for text in (kind, *sensors)):
        raise ValueError(f"{template}: it leaves out kinds of sensors; render those in `sensor_kinds`")
    prompt: Prompt = {
        "version": f"{Path(template).stem}@{hashlib.sha256(system.encode('utf-8')).hexdigest()[:12]}",
        "template": Path(template).stem,
        "reasoning": reasoning,
        "labels": list(home.labels),
        "system": system,
    }
    if shots:
        prompt |= {"shots": shots, "shots_by": shots_by}
    if date and datetime.date.fromisoformat(date).isoformat() != setting_default("prompt", "date"):
        prompt["date"] = date
    return prompt


def _sensors_by_kind(home: Home) -> dict[str, list[str]]:
    """Return a dict from kind to the names of its sensors in prompts. Raises ValueError if the home says no kind."""
    kinds: dict[str, list[str]] = {}
    for sensor in home.sensors.values():
        if sensor.kind:
            kinds.setdefault(sensor.kind, []).append(sensor.describe(""))
    if not kinds:
        raise ValueError(f"home {home.name}: no sensor has a `kind`; add it in the home's yaml, or drop sensor_kinds")
    return kinds


def _ordered_labels(labels: Sequence[str], order: LabelOrder) -> Sequence[str]:
    match order:
        case "home":
            return labels
        case "reversed":
            return labels[::-1]
        case "shuffled":  # by hash: the same in every run and on every machine
            return sorted(labels, key=lambda label: hashlib.sha256(label.encode("utf-8")).digest())


def _example_variables(home: Home, reasoning: ReasoningMode, example: bool) -> dict[str, str]:
    """Return the template variables `example_input` and `example_output` for the home's example; both '' for none."""
    if not example:
        return {"example_input": "", "example_output": ""}
    events: list[WindowEvent] = []
    for number, event in enumerate(home.example["events"], start=1):
        description = home.describe(event["sensor"], event["state"])[2]
        events.append({"id": number, "time": event["time"], "description": description})
    answer = answer_text([event["label"] for event in home.example["events"]])
    if reasoning == "inline":
        answer = f"{home.example['reasoning']}\n{answer}"
    return {"example_input": events_text(events), "example_output": answer}


def _shot_variables(windows: Iterable[Window], shots: int, shots_by: str) -> dict[str, Any]:
    """Return the template variables for windows of the train split.

    `shots` is a list of the windows that the system text shows, `shots_before` the number of windows that each user's
    turn shows.
    """
    if not shots:
        return {"shots": [], "shots_before": 0}
    if shots_by not in few_shot.SELECTIONS:
        raise ValueError(f"shots by {shots_by!r}; it must be one of {', '.join(few_shot.SELECTIONS)}")
    examples = few_shot.random_examples(windows, shots)  # Too few should fail here, not in the jobs of recognition.
    if shots_by == "random":
        return {"shots": [_input_and_output(window) for window in examples], "shots_before": 0}
    return {"shots": [], "shots_before": shots}
