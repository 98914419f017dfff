"""Check how chat templates are fitted and rendered: Qwen3's own, and some in the form of other families."""

import datetime
from types import SimpleNamespace

import jinja2
import jinja2.sandbox
import pytest
import transformers.utils.chat_template_utils as rendering
from chat_families import TEMPLATES, ends
from hearth.homes.home import load_home
from hearth.models.load import load_tokenizer
from hearth.prompting.chat_templates import chat_parts, fit_template, split_prompt
from hearth.prompting.prompts import REASONING_MODES, events_text, render_prompt
from repository import REPOSITORY, SCRIPTS

DATE = "2024-07-26"
QWEN = (SCRIPTS / "hearth" / "toy_models" / "chat_template.jinja").read_text(encoding="utf-8")
TRLS_QWEN = sorted(REPOSITORY.glob(".venv-trl/lib/*/site-packages/trl/chat_templates/qwen3.jinja"))
MARBLE = load_home(REPOSITORY / "config" / "homes" / "marble.yaml")
SYSTEM = render_prompt(MARBLE, REPOSITORY / "config" / "prompts" / "brief.j2", "think")["system"]


class Tokenizer:
    """A tokenizer that can only render its chat template or another, as transformers does."""

    def __init__(self, template):
        self.template = template
        self.environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        self.environment.globals["raise_exception"] = self.refuse

    def get_chat_template(self):
        return self.template

    @staticmethod
    def refuse(message):
        raise jinja2.TemplateError(message)

    def apply_chat_template(self, messages, *, chat_template=None, tokenize=False, **variables):
        assert not tokenize
        template = self.environment.from_string(chat_template or self.template)
        return template.render(messages=[SimpleNamespace(**turn) for turn in messages], **variables)


def test_qwen3_turns_in_thinking_mode():
    prefix, suffix = split_prompt(Tokenizer(QWEN), "S", "U", "think")
    assert prefix == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n"
    assert suffix == "U<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("reasoning", ["inline", "none"])
def test_qwen3_turns_without_thinking(reasoning):
    prefix, suffix = split_prompt(Tokenizer(QWEN), "S", "U", reasoning)
    assert prefix == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n"
    assert suffix == "U<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


@pytest.mark.skipif(not TRLS_QWEN, reason="Qwen3's own chat template comes with TRL: make .venv-trl/.made")
def test_qwen3s_own_template_says_the_same():
    own = Tokenizer(TRLS_QWEN[0].read_text(encoding="utf-8"))
    for reasoning in REASONING_MODES:
        assert split_prompt(own, "S", "U", reasoning) == split_prompt(Tokenizer(QWEN), "S", "U", reasoning)
    turns = [{"role": "user", "content": "U"}, {"role": "assistant", "content": "<think>\nWHY\n</think>\n\n[1]"}]
    assert own.apply_chat_template(turns) == Tokenizer(QWEN).apply_chat_template(turns)


@pytest.mark.parametrize("turn", [{"content": "<think>WHY</think>[1]"}, {"content": "<think>\nWHY\n</think>\n\n[1]"}])
def test_qwen3s_last_answer_keeps_its_reasoning(turn):
    user = {"role": "user", "content": "U", "reasoning_content": None}
    turns = [user, {"role": "assistant", "reasoning_content": None, **turn}]
    expected = "<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n<think>\nWHY\n</think>\n\n[1]<|im_end|>\n"
    tokenizer = Tokenizer(QWEN)
    whole = tokenizer.apply_chat_template(turns)
    assert whole == expected
    assert whole.startswith(tokenizer.apply_chat_template([user], add_generation_prompt=True, enable_thinking=True))


def test_qwen3s_reasoning_of_its_own_key_and_an_answer_without_any():
    tokenizer = Tokenizer(QWEN)
    turn = {"role": "assistant", "content": "[1]"}
    assert tokenizer.apply_chat_template([{**turn, "reasoning_content": "WHY"}]) == (
        "<|im_start|>assistant\n<think>\nWHY\n</think>\n\n[1]<|im_end|>\n"
    )
    assert tokenizer.apply_chat_template([{**turn, "reasoning_content": None}]) == (
        "<|im_start|>assistant\n<think>\n\n</think>\n\n[1]<|im_end|>\n"
    )


def test_qwen3s_earlier_answers_lose_their_reasoning():
    turns = [
        {"role": "assistant", "content": "<think>WHY</think>[1]", "reasoning_content": None},
        {"role": "user", "content": "U", "reasoning_content": None},
    ]
    assert Tokenizer(QWEN).apply_chat_template(turns) == (
        "<|im_start|>assistant\n[1]<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
    )


PLAIN = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
IN_SYSTEM = "{{ messages[0].content }} /{{ 'think' if enable_thinking else 'no_think' }} {{ messages[1].content }}|"
OPENED = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{{ '<think>\n' if enable_thinking }}"


@pytest.mark.parametrize("reasoning", REASONING_MODES)
@pytest.mark.parametrize("chat", [QWEN, IN_SYSTEM, OPENED], ids=["qwen", "in_system", "opened"])
def test_the_prefix_is_equal_for_all_windows_and_joined_they_are_the_whole(reasoning, chat):
    tokenizer = Tokenizer(chat)
    prefixes = set()
    for user in ('[{"id": 1, "description": "door opened"}]', events_text([]), "a\nb", "{{ x }} <think>"):
        prefix, suffix = split_prompt(tokenizer, SYSTEM, user, reasoning)
        turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]
        whole = tokenizer.apply_chat_template(turns, add_generation_prompt=True, enable_thinking=reasoning == "think")
        assert prefix + suffix == whole
        assert suffix.startswith(user)
        prefixes.add(prefix)
    (prefix,) = prefixes
    assert SYSTEM in prefix


def test_a_template_without_a_thinking_mode_is_refused_for_think_only():
    with pytest.raises(ValueError, match="no thinking mode; use `reasoning: inline` or `none`"):
        split_prompt(Tokenizer(PLAIN), "S", "U", "think")
    assert split_prompt(Tokenizer(PLAIN), "S", "U", "inline") == ("<system>S<user>", "U<assistant>")


@pytest.mark.parametrize(
    "chat",
    [
        "{{ messages[0].content }}",
        "{{ messages[1].content | upper }}",
        "{{ messages[1].content }}{{ messages[1].content }}",
        "{{ messages[1].content[:3] }}",
    ],
)
def test_a_template_that_does_not_show_the_users_turn_once_is_refused(chat):
    with pytest.raises(ValueError, match="does not show the user's turn exactly once"):
        split_prompt(Tokenizer(chat), "S", "U", "none")


def test_a_template_that_refuses_the_turns_says_why():
    with pytest.raises(ValueError, match=r"chat template refuses .*: no system role"):
        split_prompt(Tokenizer("{{ raise_exception('no system role') }}"), "S", "U", "none")


# Families


@pytest.fixture
def family():
    """Return a function from the name of a family to a real tokenizer with its chat template."""

    def make(name):
        tokenizer = load_tokenizer(REPOSITORY / "demo" / "models" / "tiny-s")
        tokenizer.chat_template = TEMPLATES[name]
        tokenizer.eos_token, tokenizer.bos_token = ends(name)
        return tokenizer

    return make


THINK = ("<think>\n", "\n</think>\n\n")
# The prompt's end behind the user's text with reasoning and without, and the texts around the reasoning. None: refused.
EXPECTED = {
    "all-at-once": ("assistant\n<think>\n", "assistant\n<think>\n\n</think>\n\n", THINK),
    "qwen3": ("assistant\n", "assistant\n<think>\n\n</think>\n\n", THINK),
    "qwen3-thinking-2507": ("assistant\n<think>\n", "assistant\n<think>\n\n</think>\n\n", THINK),
    "parts-only": (None, "assistant\n", None),
    "qwen2.5": (None, "assistant\n", None),
    "r1-distil": ("<|Assistant|><think>\n", "<|Assistant|><think>\n\n</think>\n\n", THINK),
    "r1-distil-early": ("<|Assistant|>", "<|Assistant|>", THINK),
    "deepseek-v3.1": ("<|Assistant|><think>", "<|Assistant|></think>", ("<think>", "</think>")),
    "smollm3": ("assistant\n", "assistant\n<think>\n\n</think>\n", ("<think>\n", "\n</think>\n")),
    "llama3": (None, "<|start_header_id|>assistant<|end_header_id|>\n\n", None),
    "gemma2": (None, "<end_of_turn>\n<start_of_turn>model\n", None),
    "gemma3": (None, "<end_of_turn>\n<start_of_turn>model\n", None),
    "mistral-7b": (None, "[/INST]", None),
    "mistral-first": (None, " [/INST]", None),
    "magistral": ("[/INST]", "[/INST]", ("[THINK]", "[/THINK]")),
    "gpt-oss": (
        "<|end|><|start|>assistant",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
        ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ),
    "musing": ("<|assistant|>", "<|assistant|>", ("<muse>", "</muse>")),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_prompt_of_every_family_ends_where_its_reasoning_or_its_answer_begins(family, name):
    thinking, plain, marks = EXPECTED[name]
    tokenizer = family(name)
    for reasoning in ("inline", "none"):
        parts = chat_parts(tokenizer, SYSTEM, reasoning, DATE)
        assert parts.after.endswith(plain)
        assert not parts.opens_reasoning
        assert parts.marks is None
    if thinking is None:
        with pytest.raises(ValueError, match="no thinking mode"):
            chat_parts(tokenizer, SYSTEM, "think", DATE)
        return
    parts = chat_parts(tokenizer, SYSTEM, "think", DATE)
    assert parts.after.endswith(thinking)
    assert parts.marks == marks
    assert parts.opens_reasoning == thinking.rstrip().endswith("<think>")


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_family_shows_the_system_once_and_begins_once(family, name):
    parts = chat_parts(family(name), SYSTEM, "none", DATE)
    assert (parts.prefix + parts.after).count(SYSTEM) == 1
    assert SYSTEM in parts.prefix
    if bos := ends(name)[1]:
        assert (parts.prefix + parts.after).count(bos) == (name != "gpt-oss")


@pytest.mark.parametrize("name", ["gemma2", "mistral-first", "all-at-once"])
def test_a_system_that_a_template_refuses_or_drops_is_put_before_the_user(family, name):
    template = fit_template(family(name), DATE)
    assert [change for change in template.changes if "put before the user's" in change]
    assert chat_parts(family(name), SYSTEM, "none", DATE).prefix.endswith(f"{SYSTEM}\n\n")


DATED = {
    "all-at-once": "Wednesday, 31 Dec 2031, 00:00",
    "llama3": "31 Dec 2031",
    "smollm3": "31 December 2031",
    "magistral": "2031-12-31",
    "gpt-oss": "2031-12-31",
}


@pytest.mark.parametrize(("name", "said"), DATED.items())
def test_the_date_is_that_of_the_run_whatever_the_day(family, name, said, monkeypatch):
    seen = set()
    for day in (1, 2):
        clock = SimpleNamespace(now=lambda day=day: datetime.datetime(2027, 1, day))
        monkeypatch.setattr(rendering, "datetime", clock)
        rendering._compile_jinja_template.cache_clear()
        turns = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
        own = family(name).apply_chat_template(turns[name == "all-at-once" :], tokenize=False)
        seen.add(own)
        parts = chat_parts(family(name), SYSTEM, "none", "2031-12-31")
        assert said in parts.prefix
        assert parts == chat_parts(family(name), SYSTEM, "none", "2031-12-31")
        seen.add(parts.prefix)
    assert len(seen) == 3  # the template itself changes with the day
    rendering._compile_jinja_template.cache_clear()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_fitted_template_needs_no_more_fitting_and_renders_alike_elsewhere(family, name):
    tokenizer = family(name)
    fitted = fit_template(tokenizer, DATE)
    modes = REASONING_MODES if EXPECTED[name][0] else ("inline", "none")
    expected = {mode: chat_parts(tokenizer, SYSTEM, mode, DATE) for mode in modes}
    tokenizer.chat_template = fitted.text
    assert fit_template(tokenizer, DATE).changes == ()
    for mode, parts in expected.items():
        assert chat_parts(tokenizer, SYSTEM, mode, "2031-12-31") == parts
        turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "U"}]
        text = tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, enable_thinking=mode == "think", thinking=mode == "think"
        )
        assert text == f"{parts.prefix}U{parts.after}"


@pytest.mark.parametrize("name", ["qwen3", "qwen2.5"])
def test_a_template_that_has_everything_stays_as_it_is(family, name):
    assert fit_template(family(name), DATE).text == TEMPLATES[name].removesuffix("\n")


def test_a_model_without_a_chat_template_is_refused(family):
    tokenizer = family("qwen3")
    tokenizer.chat_template = None
    with pytest.raises(ValueError, match="no chat template; use its instruct version"):
        chat_parts(tokenizer, SYSTEM, "none", DATE)


FAILING = ["{{ now() }}{{ messages[0].content }}", "{{ messages[0].role + 1 }}", "{% if %}"]


@pytest.mark.parametrize("template", FAILING)
def test_a_template_that_fails_says_why(family, template):
    tokenizer = family("qwen3")
    tokenizer.chat_template = template
    with pytest.raises(ValueError, match="the model's chat template refuses"):
        chat_parts(tokenizer, SYSTEM, "none", DATE)
