"""A trained tiny model, an adapter, prompts and windows for tests in vLLM's environment (`make test-vllm`)."""

import os
import random
from pathlib import Path

import pytest
from repository import REPOSITORY

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """The folder of a fetched demo model."""
    return fetch("tiny-m", tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def adapter(tiny, tmp_path_factory) -> Path:
    """The folder of a LoRA adapter for the model `tiny`, with random weights large enough to change its output."""
    return make_adapter(tiny, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="session")
def large(tmp_path_factory) -> Path:
    """The folder of the largest demo model, fetched."""
    return fetch("tiny-l", tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="session")
def large_adapter(large, tmp_path_factory) -> Path:
    """The folder of a LoRA adapter for the model `large`, like `adapter`."""
    return make_adapter(large, tmp_path_factory.mktemp("large-adapter"))


def fetch(name: str, folder: Path) -> Path:
    from hearth.models.fetch import fetch_model

    fetch_model(name, {"source": "folder", "path": f"demo/models/{name}"}, folder / "work", folder / "m", REPOSITORY)
    return folder / "m"


def make_adapter(model: Path, folder: Path) -> Path:
    import torch
    from hearth.models.load import load_model
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    settings = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
    get_peft_model(load_model(model, dtype="float32", device="cpu"), settings).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def home():
    from hearth.homes.home import load_home

    return load_home(REPOSITORY / "config" / "homes" / "marble.yaml")


@pytest.fixture(scope="session")
def prompts(home) -> dict[str, dict]:
    """A dict from reasoning mode to prompt."""
    from hearth.prompting.prompts import render_prompt

    template = REPOSITORY / "config" / "prompts" / "brief.j2"
    return {reasoning: render_prompt(home, template, reasoning) for reasoning in ("think", "none")}


@pytest.fixture(scope="session")
def windows(home) -> list[dict]:
    """Twelve invented windows of one to six events."""
    drawn = random.Random(5)

    def event(number: int) -> dict:
        sensor = drawn.choice(sorted(home.sensors))
        state = drawn.choice(sorted(home.sensors[sensor].states))
        return {"id": number, "time": f"12:00:0{number}", "description": home.describe(sensor, state)[2]}

    return [{"window_id": f"home/s/{n}", "events": [event(e) for e in range(1, 2 + n % 6)]} for n in range(12)]
