"""Compare the tokenizer of the engine for home hubs with that of transformers."""

import json
import subprocess
import sys

import jinja2
import pytest
from chat_families import TEMPLATES, make_family
from hearth.models.light_tokenizer import LightTokenizer
from hearth.models.load import load_tokenizer
from hearth.models.snapshot import ModelError
from hearth.models.tokens import encode
from hearth.prompting.chat_templates import chat_parts, fit_template
from repository import REPOSITORY, SCRIPTS

DATE = "2024-07-26"
TEXTS = [
    "kitchen induction stove turned OFF",
    '[{"id": 1, "time": "07:15:09", "description": "salle de bain: fenêtre OUVERTE"}]',
    "<|im_start|>user\n漢字 🙂 <think> x</think>\t\n  12345<|im_end|>",
    " ",
    "",
]


@pytest.fixture(scope="module", params=sorted(TEMPLATES))
def family(request, tmp_path_factory):
    return make_family(tmp_path_factory.mktemp(request.param), request.param)


def rendered(tokenizer, reasoning):
    try:
        return chat_parts(tokenizer, "SYSTEM", reasoning, DATE)
    except ValueError as error:
        return str(error)


def test_prompts_of_all_chat_templates_equal_those_of_transformers(family):
    light, full = LightTokenizer(family), load_tokenizer(family)
    assert fit_template(light, DATE) == fit_template(full, DATE)
    for reasoning in ("think", "inline", "none"):
        assert rendered(light, reasoning) == rendered(full, reasoning)


def test_tokens_equal_those_of_transformers(family):
    light, full = LightTokenizer(family), load_tokenizer(family)
    for text in TEXTS:
        for continues in (False, True):
            assert encode(light, text, continues) == encode(full, text, continues)


@pytest.mark.parametrize("name", ["tiny-s", "tiny-l"])
def test_the_demos_models_have_the_same_prompts_and_tokens(name):
    folder = REPOSITORY / "demo" / "models" / name
    light, full = LightTokenizer(folder), load_tokenizer(folder)
    parts = chat_parts(light, "SYSTEM", "think", DATE)
    assert parts == chat_parts(full, "SYSTEM", "think", DATE)
    for text in (*TEXTS, parts.prefix, parts.after):
        assert encode(light, text) == encode(full, text)


def test_a_template_may_mark_answers_and_name_special_tokens(tmp_path):
    template = (
        "{{ bos_token }}{% for message in messages %}{% generation %}{{ message.content | tojson }}"
        "{% endgeneration %}{% if loop.first %}{% continue %}{% endif %}{{ eos_token }}{% endfor %}"
    )
    folder = make_family(tmp_path, "llama3")
    turns = [{"role": "user", "content": "<é>", "name": None}, {"role": "assistant", "content": "b"}]
    light, full = LightTokenizer(folder), load_tokenizer(folder)
    text = light.apply_chat_template(turns, chat_template=template)
    assert text == full.apply_chat_template(turns, chat_template=template, tokenize=False)
    assert text == '<|begin_of_text|>"<é>""b"<|eot_id|>'


@pytest.mark.parametrize("settings", [{"bos_token": None}, {"bos_token": "<|eot_id|>"}, {"added_tokens_decoder": {}}])
def test_special_tokens_of_older_models_stand_in_a_file_of_their_own(tmp_path, settings):
    folder = make_family(tmp_path, "llama3")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    (folder / "special_tokens_map.json").write_text(json.dumps({"bos_token": "<|start_header_id|>"}))
    turns, template = [{"role": "user", "content": "a"}], "{{ bos_token }}"
    expected = load_tokenizer(folder).apply_chat_template(turns, chat_template=template, tokenize=False)
    assert LightTokenizer(folder).apply_chat_template(turns, chat_template=template) == expected


def test_a_template_that_refuses_raises_the_error_of_jinja(tmp_path):
    light = LightTokenizer(make_family(tmp_path, "llama3"))
    with pytest.raises(jinja2.TemplateError, match="no such role"):
        light.apply_chat_template([{"role": "x"}], chat_template="{{ raise_exception('no such role') }}")
    with pytest.raises(ValueError, match="text only"):
        light.apply_chat_template([{"role": "x"}], tokenize=True)


def test_older_models_have_their_template_among_the_tokenizers_settings(tmp_path):
    for template, expected in (("{{ 1 }}", "{{ 1 }}"), ([{"name": "default", "template": "{{ 2 }}"}], "{{ 2 }}")):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
        assert LightTokenizer(tmp_path).get_chat_template() == expected


def test_a_folder_without_template_or_tokenizer_is_named(tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path}: the tokenizer has no chat template"):
        LightTokenizer(tmp_path).get_chat_template()
    with pytest.raises(ModelError, match=r"tokenizer\.json: no such file"):
        encode(LightTokenizer(tmp_path), "x")
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json: "):
        encode(LightTokenizer(tmp_path), "x")


def test_the_engine_for_hubs_imports_neither_torch_nor_transformers():
    code = (
        "import sys; import hearth.engines.llamacpp, hearth.prompting.chat_templates, hearth.recognition.requests;"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
