"""Set the hypothesis profile, and make a tiny model and an adapter for tests."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from random_model import make_model

# No time limits: they would fail tests on a busy machine. CI draws the same examples in every run, so that it fails
# only for a change; elsewhere every run draws other examples.
settings.register_profile(
    "hearth", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("hearth")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """Return the folder of a fetched tiny model with random weights."""
    return make_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_adapter(tiny_model, tmp_path_factory) -> Path:
    """Return the folder of a LoRA adapter for `tiny_model` with random, non-zero weights."""
    import torch
    from hearth.models.load import load_model
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    settings = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
    model = get_peft_model(load_model(tiny_model, dtype="float32", device="cpu"), settings)
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(folder)
    return folder
