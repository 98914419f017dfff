"""The defaults of vLLM that the computation of a GPU's memory repeats, since planning cannot import vLLM."""

import importlib.util
import inspect
from types import SimpleNamespace

import pytest

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vLLM has an environment of its own: make test-vllm", allow_module_level=True)

from hearth.workflow.cards import CARDS, card_of_device
from hearth.workflow.gpu_memory import MEMORY_SHARE
from vllm import EngineArgs
from vllm.engine import arg_utils
from vllm.usage.usage_lib import UsageContext

DEVICES = {
    "A100-40": "NVIDIA A100-SXM4-40GB",
    "A100-80": "NVIDIA A100-SXM4-80GB",
    "L40S-48": "NVIDIA L40S",
    "RTX4090-24": "NVIDIA GeForce RTX 4090",
    "H100-80": "NVIDIA H100 80GB HBM3",
    "H200-141": "NVIDIA H200",
}


def test_the_share_of_memory_is_vllms():
    assert inspect.signature(EngineArgs).parameters["gpu_memory_utilization"].default == MEMORY_SHARE


@pytest.mark.parametrize("card", CARDS)
def test_the_batch_of_a_card_is_vllms(card, monkeypatch):
    platform = SimpleNamespace(
        get_device_total_memory=lambda: CARDS[card].memory,
        get_device_name=lambda: DEVICES[card],
        is_tpu=lambda: False,
        is_cpu=lambda: False,
    )
    monkeypatch.setattr(arg_utils, "current_platform", platform)
    tokens, sequences = (defaults[UsageContext.LLM_CLASS] for defaults in EngineArgs.get_batch_defaults(world_size=1))
    assert (CARDS[card].sequences, CARDS[card].batched_tokens) == (sequences, tokens)
    assert card_of_device(DEVICES[card], CARDS[card].memory) == CARDS[card]
