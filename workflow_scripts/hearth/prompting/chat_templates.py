"""Fit a model's chat template to the turns of this project, and cut its prompts into a static prefix and the rest.

Templates differ in what they make of a system's turn, in whether they say today's date, and in whether a prompt ends
before, inside or after the model's reasoning. `fit_template` finds this out by rendering, and adds what is missing to
the template's text, so that every program that renders it makes the same prompts.
"""

import contextlib
import datetime
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import jinja2

from hearth.common.config_schema import setting_default
from hearth.prompting.prompts import Prompt, ReasoningMode, prompt_date
from hearth.prompting.reasoning_marks import KNOWN_MARKS, THINK, ReasoningMarks, split_reasoning

# Placeholders while a template is rendered. No template or window has private-use characters.
_WINDOW, _SYSTEM, _REASONING, _ANSWER = (f"\ue000{name}\ue001" for name in ("window", "system", "reasoning", "answer"))

# Put the system's text before the user's, in one turn of the user. A line that is a block leaves no line in the prompt.
_JOINED_TURNS = """\
{% if messages[0].role == 'system' %}
{% set messages = [{'role': 'user', 'content': messages[0].content ~ '\\n\\n' ~ messages[1].content}] + messages[2:] %}
{% endif %}
"""
# Make each turn's text a list of one part.
_LISTED_PARTS = """\
{% set parts = namespace(turns=[]) %}
{% for message in messages %}
{% set parts.turns = parts.turns + [{'role': message.role, 'content': [{'type': 'text', 'text': message.content}]}] %}
{% endfor %}
{% set messages = parts.turns %}
"""
_CLOCK = "{% macro strftime_now(format) %}"
_DIRECTIVES = ("-d", "-m", *"aAbBcdDeFHIjmMpSTuUVwWxXyYZz")
# Qwen3's, for templates that do not show their own.
_DEFAULT_MARKS = ReasoningMarks("<think>\n", "\n</think>\n\n")
_OPENED = re.compile(rf"(?:{'|'.join(re.escape(marks.opening) for marks in KNOWN_MARKS)})\s*\Z")
_EMPTY_REASONING = re.compile(
    "|".join(rf"{re.escape(opening)}\s*{re.escape(closing)}\s*\Z" for opening, closing in KNOWN_MARKS)
)


class ChatTokenizer(Protocol):
    """The methods of a transformers tokenizer that this package uses: they render a chat template."""

    def get_chat_template(self) -> str:
        """Return the model's chat template. Raises ValueError if it has none."""
        ...

    def apply_chat_template(
        self,
        conversation: list[dict[str, Any]],
        *,
        chat_template: str,
        tokenize: bool,
        add_generation_prompt: bool,
        enable_thinking: bool,
        thinking: bool,
    ) -> Any:
        """Return the text of the conversation in a chat template."""
        ...


@dataclass(frozen=True)
class FittedTemplate:
    """A chat template that takes a system's and a user's turn, says one date, and has a switch for reasoning if it can.

    `changes` are phrases that say what was added to the model's own template. `reasons` says whether the model can
    reason before it answers; `marks` are then the texts around its reasoning, line breaks included.
    """

    text: str
    changes: tuple[str, ...]
    reasons: bool
    marks: ReasoningMarks


@dataclass(frozen=True)
class ChatPrompt:
    """The parts of a prompt around the user's text, and the texts around the reasoning.

    Recognition and training tokenise the prefix and the rest separately (`add_special_tokens=False`) and join the
    tokens, so a model's state after the prefix can be reused exactly. `marks` are None if the model is not to reason.
    `changes` are those of the fitted template.
    """

    prefix: str
    after: str
    marks: ReasoningMarks | None
    changes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def opens_reasoning(self) -> bool:
        """Whether the prompt ends inside the reasoning, so that the model's text begins there."""
        return self.marks is not None and self.after.rstrip().endswith(self.marks.opening.strip())


def chat_prompt(tokenizer: ChatTokenizer, prompt: Prompt) -> ChatPrompt:
    """Return the parts of a dataset's prompt in a model's chat template. See `chat_parts` for errors."""
    return chat_parts(tokenizer, prompt["system"], prompt["reasoning"], prompt_date(prompt))


def written_text(text: str, parts: ChatPrompt) -> str:
    """Return a trace as a model would write it: with the marks of its chat template, after what its prompt opens.

    `text` has its reasoning in <think> tags, as all predictions have. It stays as it is for a model that does not
    reason, or whose template has these tags.
    """
    if parts.marks is None:
        return text
    opening, closing = parts.marks
    reasoning, answer, closed = split_reasoning(text, [THINK])
    if opening.strip() != THINK.opening and (reasoning or not closed):
        text = f"{opening}{reasoning}" + f"{closing}{answer.lstrip()}" * closed
    if not parts.opens_reasoning:
        return text
    if not text.lstrip().startswith(opening.strip()):
        return closing + text  # an answer without reasoning
    return text.lstrip().removeprefix(opening.strip()).removeprefix(opening[len(opening.rstrip()) :])


def split_prompt(
    tokenizer: ChatTokenizer, system: str, user: str, reasoning: ReasoningMode, date: str = ""
) -> tuple[str, str]:
    """Return the pair (prefix, suffix) of the prompt text for one window; the prefix is equal for every `user` text."""
    parts = chat_parts(tokenizer, system, reasoning, date or setting_default("prompt", "date"))
    return parts.prefix, user + parts.after


def chat_parts(tokenizer: ChatTokenizer, system: str, reasoning: ReasoningMode, date: str) -> ChatPrompt:
    """Return the parts of a prompt with a `system` text; `date` (ISO) is what the template takes for today.

    Raises ValueError if the template refuses a system and a user turn, does not show the user's turn once, or has no
    thinking mode although `reasoning` is "think".
    """
    template = fit_template(tokenizer, date)
    if reasoning == "think" and not template.reasons:
        raise ValueError("the model's chat template has no thinking mode; use `reasoning: inline` or `none` for it")
    text = _render(tokenizer, template.text, _turns(system), reasoning == "think")
    prefix, placeholder, after = text.partition(_WINDOW)
    if not placeholder or _WINDOW in after:
        raise ValueError("the model's chat template does not show the user's turn exactly once")
    return ChatPrompt(prefix, after, template.marks if reasoning == "think" else None, template.changes)


def fit_template(tokenizer: ChatTokenizer, date: str) -> FittedTemplate:
    """Return the model's chat template, fitted; `date` (ISO) is what it takes for today.

    Raises ValueError if the model has no chat template, or one that refuses a user's turn.
    """
    try:
        own = tokenizer.get_chat_template().removesuffix("\n")  # which jinja drops as well
    except ValueError:
        raise ValueError("the model has no chat template; use its instruct version, not the base model") from None
    text, changes = own, []
    if "strftime_now" in own and _CLOCK not in own:
        text = _fixed_clock(date) + text
        changes.append(f"today is always {date}")
    if _wants_parts(tokenizer, text):
        text = _LISTED_PARTS + text
        changes.append("each text is passed as a list of one part")
    if _drops_system(tokenizer, text):
        text = _JOINED_TURNS + text
        changes.append("the system's text is put before the user's, in one turn, as the template knows no system")
    on, off = (_render(tokenizer, text, _turns(_SYSTEM), thinks) for thinks in (True, False))
    before_answer, marks = _probe_answers(tokenizer, text)
    shows_marks = marks is not None or any(mark.closing in own for mark in KNOWN_MARKS)
    if empty := _EMPTY_REASONING.search(off) or _EMPTY_REASONING.search(before_answer):
        marks = _halves(empty[0])
    elif marks is None:
        marks = _marks_from_prompt(on, own)
    opened = off.rstrip().endswith(marks.opening.strip())
    if on == off or opened:
        closing = marks.closing if opened else _missing_part(off, before_answer)
        if closing:
            condition = "add_generation_prompt and enable_thinking is defined and not enable_thinking"
            text += f"{{% if {condition} %}}{{{{ {json.dumps(closing, ensure_ascii=False)} }}}}{{% endif %}}"
            changes.append("a prompt without reasoning ends with all that the template writes before the answer")
    return FittedTemplate(text, tuple(changes), on != off or shows_marks or opened, marks)


def _turns(system: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": _WINDOW}]


def _render(
    tokenizer: ChatTokenizer,
    template: str,
    turns: Sequence[Mapping[str, Any]],
    thinks: bool,
    add_generation_prompt: bool = True,
) -> str:
    """Return the text of `turns`. Raises ValueError if the template refuses them, or fails on them."""
    try:
        text: str = tokenizer.apply_chat_template(
            [dict(turn) for turn in turns],
            chat_template=template,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            enable_thinking=thinks,
            thinking=thinks,
        )
    except (jinja2.TemplateError, TypeError, AttributeError, LookupError) as error:  # what templates can raise
        raise ValueError(f"the model's chat template refuses a system and a user turn: {error}") from None
    return text


def _fixed_clock(date: str) -> str:
    """Return a macro that stands in for the function by which templates ask what day it is."""
    day = datetime.datetime.fromisoformat(date)
    values = {f"%{directive}": day.strftime(f"%{directive}") for directive in _DIRECTIVES}
    replaced = "".join(f"|replace({json.dumps(name)}, {json.dumps(value)})" for name, value in values.items())
    return f"{_CLOCK}{{{{ format{replaced} }}}}{{% endmacro %}}\n"


def _wants_parts(tokenizer: ChatTokenizer, template: str) -> bool:
    """Whether a template leaves out a text that is no list of parts, as some of models that see pictures do."""

    def shows_user(text: str) -> bool:
        with contextlib.suppress(ValueError):
            return _WINDOW in _render(tokenizer, text, [{"role": "user", "content": _WINDOW}], True)
        return False

    return not shows_user(template) and shows_user(_LISTED_PARTS + template)


def _drops_system(tokenizer: ChatTokenizer, template: str) -> bool:
    """Whether a template refuses a system's turn, or leaves out its text, and shows a user's turn that has both."""

    def shown(text: str, marker: str) -> bool:
        return text.count(marker) == 1

    try:
        text = _render(tokenizer, template, _turns(_SYSTEM), True)
    except ValueError:
        pass
    else:
        if _SYSTEM in text or not shown(text, _WINDOW):
            return False
    try:
        joined = _render(tokenizer, _JOINED_TURNS + template, _turns(_SYSTEM), True)
    except ValueError:
        return False
    return shown(joined, _WINDOW) and _SYSTEM in joined


def _probe_answers(tokenizer: ChatTokenizer, template: str) -> tuple[str, ReasoningMarks | None]:
    """Return a pair: the text up to an answer without reasoning, and the marks around reasoning.

    Both are those that the template itself writes in an answer of the model; "" and None if they cannot be seen.
    """
    user = {"role": "user", "content": _WINDOW}
    plain = {"role": "assistant", "content": _ANSWER}
    in_fields = plain | dict.fromkeys(("reasoning_content", "reasoning", "thinking"), _REASONING)
    in_chunks = plain | {"content": [{"type": "thinking", "thinking": _REASONING}, {"type": "text", "text": _ANSWER}]}

    def answered(answer: Mapping[str, Any], thinks: bool) -> str:
        try:
            return _render(tokenizer, template, [user, answer], thinks, add_generation_prompt=False)
        except ValueError:
            return ""

    try:
        asked = _render(tokenizer, template, [user], True)
    except ValueError:
        return "", None
    before_answer = answered(plain, False).partition(_ANSWER)[0]
    for answer in (in_fields, in_chunks):
        text = answered(answer, True)
        before, _, after = text.partition(_REASONING)
        closing = after.partition(_ANSWER)[0]
        if _ANSWER not in after or not before.startswith(asked) or not closing.strip() or closing.strip()[0] in "'\"":
            continue
        opening = before[len(asked) :]
        if not opening and (opened := _OPENED.search(asked) or re.search(r"<[^<>]+>\s*\Z", asked)):
            opening = opened[0]
        if opening.strip():
            return before_answer, ReasoningMarks(opening, closing)
    return before_answer, None


def _halves(empty: str) -> ReasoningMarks:
    """Return the marks of an empty reasoning block: half of the blanks in it follow the opening, half come after."""
    known = next(marks for marks in KNOWN_MARKS if empty.startswith(marks.opening))
    within, _, behind = empty.removeprefix(known.opening).partition(known.closing)
    half = len(within) // 2
    return ReasoningMarks(known.opening + within[:half], f"{within[half:]}{known.closing}{behind}")


def _marks_from_prompt(prompt: str, template: str) -> ReasoningMarks:
    """Return the marks of a template that shows no reasoning: of the prompt's end, else known ones in its text."""
    known = next((marks for marks in KNOWN_MARKS if marks.closing in template), THINK)
    if opened := _OPENED.search(prompt):
        known = next(marks for marks in KNOWN_MARKS if opened[0].startswith(marks.opening))
        breaks = opened[0].endswith("\n")
        return ReasoningMarks(opened[0], f"\n{known.closing}\n\n" if breaks else known.closing)
    return _DEFAULT_MARKS if known == THINK else known


def _missing_part(prompt: str, before_answer: str) -> str:
    """Return the text between the end of a prompt and an answer in the template's own turn; "" if there is none."""
    header, shown = (text.partition(_WINDOW)[2] for text in (prompt, before_answer))
    missing = shown.removeprefix(header)
    return missing if header and shown.startswith(header) and missing.strip() else ""
