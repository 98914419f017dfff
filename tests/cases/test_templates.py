"""Check the models of shared/cases/public/b-models: their chat templates, and adapters on tied layers."""

import json
import pathlib
import shutil

import pytest
import torch
from case_scripts import run_part
from cases_folder import CASES, needs_cases
from hearth.common.cli import UserError
from hearth.distillation.merging import merge_adapter
from hearth.distillation.training import lora_student
from hearth.models.load import load_model, load_tokenizer
from hearth.prompting.chat_templates import split_prompt
from repository import REPOSITORY

pytestmark = needs_cases
FOLDER = CASES / "public" / "b-models"
BASE = REPOSITORY / "demo" / "models" / "tiny-s"
NAMES = {"shutil": shutil, "pathlib": pathlib, "json": json}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return the folder of the models that the case's script makes of the demo's."""
    folder = tmp_path_factory.mktemp("models")
    run_part(FOLDER / "make.py", "S=", "", NAMES, folder)
    return folder


def split(models, name, reasoning):
    return split_prompt(load_tokenizer(models / name), "SYS", "USER", reasoning)


def test_a_template_that_always_thinks_thinks(models):
    prefix, suffix = split(models, "always-thinks", "think")
    assert "SYS" in prefix
    assert suffix.rstrip().endswith("<think>")


@pytest.mark.parametrize("reasoning", ["none", "inline"])
def test_a_template_that_always_thinks_never_begins_the_answer_inside_a_thought(models, reasoning):
    try:
        _, suffix = split(models, "always-thinks", reasoning)
    except ValueError as refusal:
        if "think" not in str(refusal):
            raise
        suffix = ""
    assert suffix.count("<think>") == suffix.count("</think>")


def test_the_date_in_a_prompt_is_the_same_on_another_day(models, monkeypatch):
    import transformers.utils.chat_template_utils as templates

    first = split(models, "dated", "none")

    class Later(templates.datetime):
        @classmethod
        def now(cls, *_):
            return cls(2031, 1, 2)

    monkeypatch.setattr(templates, "datetime", Later)
    templates._compile_jinja_template.cache_clear()
    assert split(models, "dated", "none") == first
    assert "Today Date: " in first[0]


@pytest.mark.parametrize("reasoning", ["none", "inline", "think"])
def test_a_template_without_a_system_role_shows_the_system_text_before_the_window(models, reasoning):
    prefix, suffix = split(models, "no-system", reasoning)
    assert prefix.count("SYS") == 1
    assert "USER" in suffix
    assert "<|im_start|>system" not in prefix


def test_a_tokenizer_whose_end_is_not_the_turns_end_still_gives_a_prompt(models):
    assert "SYS" in split(models, "base-eos", "none")[0]


@pytest.mark.parametrize(
    "layers", [["q_proj", "v_proj"], ["q_proj", "lm_head"], ["q_proj", "embed_tokens"], ["q_proj", "nothing_proj"]]
)
def test_an_adapter_merges_exactly_or_is_refused_with_its_layer(layers, tmp_path):
    settings = {"gradient_checkpointing": False, "lora": {"r": 4, "alpha": 8, "dropout": 0.0, "target_modules": layers}}
    if layers != ["q_proj", "v_proj"]:
        with pytest.raises((UserError, ValueError), match=layers[1]):
            lora_student(BASE, settings, "float32")
        return
    student = lora_student(BASE, settings, "float32")
    torch.manual_seed(0)
    for name, weight in student.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    adapter, merged = tmp_path / "adapter", tmp_path / "merged"
    student.save_pretrained(adapter)
    merged.mkdir()
    merge_adapter(BASE, adapter, merged)
    tokens = torch.tensor([[5, 6, 7, 8, 9, 10]])
    with torch.no_grad():
        apart = load_model(BASE, adapter, "float32", "cpu")(tokens).logits
        together = load_model(merged, None, "float32", "cpu")(tokens).logits
    # Merged weights are rounded to the base's bfloat16; an adapter that is lost differs by several units.
    assert (apart - together).abs().max() < 0.2
    assert (apart.argmax(-1) == together.argmax(-1)).all()
