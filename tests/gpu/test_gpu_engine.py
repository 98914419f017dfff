"""Check the transformers engine on a real GPU with windows of a simulated home, and the energy meter of the GPU."""

import time
from dataclasses import replace

import pytest
import torch
from hearth.common import energy
from hearth.engines.protocol import Decoding, ReasoningBlock, Request
from hearth.engines.transformers import TransformersEngine
from hearth.homes.home import load_home
from hearth.models.load import load_tokenizer
from hearth.prompting.chat_templates import fit_template, split_prompt
from hearth.prompting.parsing import parse
from hearth.prompting.prompts import answer_schema, render_prompt, window_text
from hearth.toy_models.training_data import simulate_windows
from repository import REPOSITORY

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU on this machine")

DEVICE = "cuda"
HOME = load_home(REPOSITORY / "config" / "homes" / "marble.yaml")
GREEDY = Decoding.greedy(160)
SAMPLED = replace(GREEDY, temperature=0.6, top_k=20, top_p=0.95, seed=7)


@pytest.fixture(scope="module")
def windows() -> dict[str, dict]:
    """A dict from id to window: eight windows of one to four events, whose completions end at different times."""
    simulated = simulate_windows("marble", HOME, seed=5000, sessions=4, size=4)
    selected = [window for window in simulated if len(window["events"]) == 4][:8]
    return {
        window["window_id"]: window | {"events": window["events"][: 1 + n % 4]} for n, window in enumerate(selected)
    }


@pytest.fixture(scope="module")
def prompts(tiny_l, windows) -> tuple[str, list[Request]]:
    """A pair: the static prefix, and a request for every window."""
    tokenizer = load_tokenizer(tiny_l)
    system = render_prompt(HOME, REPOSITORY / "config" / "prompts" / "brief.j2", "think")["system"]
    block = ReasoningBlock(*fit_template(tokenizer, "2024-07-26").marks)
    requests = []
    for key, window in windows.items():
        prefix, suffix = split_prompt(tokenizer, system, window_text(window), "think")
        requests.append(Request(key, suffix, answer_schema(list(HOME.labels), len(window["events"])), block))
    return prefix, requests


def completions(engine, prompts, decoding):
    prefix, requests = prompts
    return {completion.key: completion for group in engine.complete(prefix, requests, decoding) for completion in group}


def make_engine(folder, batch_size, dtype="float32", device=DEVICE):
    return TransformersEngine(folder, None, dtype=dtype, device=device, batch_size=batch_size)


def status(completion, window):
    return parse(completion.text, len(window["events"]), HOME.labels, completion.finish_reason).status


@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_in_float32_completions_depend_neither_on_batch_size_nor_on_order(tiny_l, prompts, decoding):
    assert torch.get_float32_matmul_precision() == "highest", "TF32 would round what float32 must not"
    prefix, requests = prompts
    one = completions(make_engine(tiny_l, 1), prompts, decoding)
    assert len({completion.text for completion in one.values()}) > 4
    assert completions(make_engine(tiny_l, 3), prompts, decoding) == one
    assert completions(make_engine(tiny_l, 3), (prefix, requests[::-1]), decoding) == one
    assert completions(make_engine(tiny_l, "auto"), prompts, decoding) == one


def test_in_float32_greedy_completions_are_those_of_the_cpu(tiny_l, prompts):
    there = completions(make_engine(tiny_l, 8, device="cpu"), prompts, GREEDY)
    assert completions(make_engine(tiny_l, 8), prompts, GREEDY) == there


def test_in_bfloat16_completions_end_or_are_cut_and_most_can_be_read(tiny_l, prompts, windows):
    engine = make_engine(tiny_l, "auto", dtype="bfloat16")
    completed = completions(engine, prompts, GREEDY)
    assert completed.keys() == windows.keys()
    for completion in completed.values():
        assert (completion.finish_reason == "stop") or completion.completion_tokens == GREEDY.max_new_tokens
    assert sum(status(completed[key], window) == "ok" for key, window in windows.items()) > len(windows) / 2
    cost = engine.cost()
    assert (cost["device"], cost["batch_size"]) == ("cuda", 32)
    assert cost["peak_memory_bytes"] > 0


def test_constrained_answers_have_every_event_and_only_labels_of_the_home(tiny_l, prompts, windows):
    decoding = replace(Decoding.greedy(250), temperature=1.5, seed=3, constrained=True, reasoning_budget=20)
    completed = completions(make_engine(tiny_l, 5), prompts, decoding)
    assert {key: status(completed[key], window) for key, window in windows.items()} == dict.fromkeys(windows, "ok")
    assert any(completion.reasoning_forced for completion in completed.values())


def test_a_second_of_matrix_products_takes_the_joules_of_a_gpu(tmp_path):
    pynvml = pytest.importorskip("pynvml", reason="pynvml, which reads the GPU's meter, is not installed")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        pytest.skip(f"NVML does not start: {error}")
    matrix = torch.ones(4096, 4096, device=DEVICE)
    torch.cuda.synchronize()
    meters = energy.Meters(powercap=tmp_path)  # an empty folder: only the GPU counts
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        matrix @ matrix
        torch.cuda.synchronize()
    assert 10 < meters.joules() < 2000
