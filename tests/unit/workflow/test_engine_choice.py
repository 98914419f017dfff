"""Test which engine runs a model."""

import pytest
from config_factories import CONFIG, make_project
from hearth.workflow.configuration import resolve
from hearth.workflow.engine_choice import engine_of, gpus_of


@pytest.mark.parametrize(
    ("engine", "model", "chosen"),
    [
        ({}, "large", "vllm"),
        ({}, "little", "transformers"),
        ({}, "remote", "openai"),
        ({}, "", ""),
        ({"device": "cpu"}, "large", "transformers"),
        ({"name": "transformers"}, "large", "transformers"),
        ({"name": "vllm", "device": "cpu"}, "little", "vllm"),
        ({"name": "server"}, "little", "server"),
        ({"name": "server"}, "remote", "openai"),
    ],
)
def test_gpus_decide_the_engine_unless_the_config_names_one(tmp_path, engine, model, chosen):
    config, registry = resolve(CONFIG | {"engine": engine}, [], make_project(tmp_path / "project"))
    assert registry["large"]["gpus"] == 1
    registry["remote"] = registry["little"] | {"source": "served"}
    assert engine_of(model, config, registry) == chosen


@pytest.mark.parametrize(("device", "gpus"), [("auto", 1), ("cuda", 1), ("cpu", 0)])
def test_a_model_on_the_cpu_has_no_gpus_whatever_the_registry_says(tmp_path, device, gpus):
    config, registry = resolve(CONFIG | {"engine": {"device": device}}, [], make_project(tmp_path / "project"))
    assert gpus_of("large", config, registry) == gpus
    registry["remote"] = registry["large"] | {"source": "served"}
    assert gpus_of("remote", config, registry) == 0
