"""Compare the vLLM engine with the transformers engine, on a CPU in float32."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import asdict

import psutil
import pytest
from repository import SCRIPTS
from window_factories import WINDOW_SETTINGS, complete_window

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vLLM has an environment of its own: make test-vllm", allow_module_level=True)

from hearth.common import files
from hearth.data.indexed_windows import write_windows
from hearth.engines.protocol import Decoding, Request
from hearth.engines.transformers import TransformersEngine
from hearth.engines.vllm import VLLMEngine
from hearth.models.tokens import encode
from hearth.prompting.parsing import parse
from hearth.recognition.requests import make_requests
from hearth.recognition.shards import recognise_shard
from vllm import EngineArgs
from vllm.usage.usage_lib import UsageContext

GREEDY = asdict(Decoding.greedy(160))


@pytest.fixture(scope="module")
def ours(tiny):
    return VLLMEngine(tiny, None, dtype="float32", device="cpu", batch_size=4)


@pytest.fixture(scope="module")
def usual(tiny):
    return TransformersEngine(tiny, None, dtype="float32", device="cpu", batch_size=4)


def rows(engine, windows, prompt, folder, **decoding):
    settings = Decoding.from_settings(GREEDY | decoding)
    return recognise_shard(windows, prompt, engine, settings, {"model": "m"}, folder)[0]


def assert_alike(one, other):
    """Assert that two engines' predictions differ for at most one window: rounding in float32 may change one."""
    alike = [a == b for a, b in zip(one, other, strict=True)]
    print(f"{sum(alike)} of {len(alike)} completions are equal")
    assert sum(alike) >= len(alike) - 1
    assert [row["prompt_tokens"] for row in one] == [row["prompt_tokens"] for row in other]


@pytest.mark.parametrize("reasoning", ["think", "none"])
def test_greedy_completions_are_those_of_the_transformers_engine(ours, usual, windows, prompts, reasoning, tmp_path):
    predictions = rows(ours, windows, prompts[reasoning], tmp_path / "a")
    assert_alike(predictions, rows(usual, windows, prompts[reasoning], tmp_path / "b"))
    assert len({row["text"] for row in predictions}) > 6


def test_a_completion_that_is_cut_says_so(ours, usual, windows, prompts, tmp_path):
    predictions = rows(ours, windows, prompts["think"], tmp_path / "a", max_new_tokens=8)
    assert {(row["finish_reason"], row["completion_tokens"]) for row in predictions} == {("length", 8)}
    assert_alike(predictions, rows(usual, windows, prompts["think"], tmp_path / "b", max_new_tokens=8))


@pytest.mark.parametrize("reasoning", ["think", "none"])
def test_constrained_answers_are_valid_and_those_of_the_transformers_engine(
    ours, usual, windows, prompts, home, reasoning, tmp_path
):
    predictions = rows(ours, windows, prompts[reasoning], tmp_path / "a", constrained=True)
    for row, window in zip(predictions, windows, strict=True):
        if row["finish_reason"] == "stop":
            assert parse(row["text"], len(window["events"]), home.labels, "stop").status == "ok"
            assert ("</think>" in row["text"]) == (reasoning == "think")
    assert [row["finish_reason"] for row in predictions].count("stop") > 6
    assert_alike(predictions, rows(usual, windows, prompts[reasoning], tmp_path / "b", constrained=True))


def test_reasoning_beyond_its_budget_is_closed_and_answered(ours, usual, windows, prompts, home, tmp_path):
    settings = {"constrained": True, "reasoning_budget": 12}
    predictions = rows(ours, windows, prompts["think"], tmp_path / "a", **settings)
    assert sum(row["reasoning_forced"] for row in predictions) > 6
    for row, window in zip(predictions, windows, strict=True):
        assert parse(row["text"], len(window["events"]), home.labels, row["finish_reason"]).status == "ok"
    assert_alike(predictions, rows(usual, windows, prompts["think"], tmp_path / "b", **settings))


def test_confidences_are_those_of_the_transformers_engine(ours, usual, windows, prompts, tmp_path):
    predictions = rows(ours, windows, prompts["none"], tmp_path / "a", confidence="tokens")
    expected = rows(usual, windows, prompts["none"], tmp_path / "b", confidence="tokens")
    compared = 0
    for row, other in zip(predictions, expected, strict=True):
        if row["text"] == other["text"]:
            compared += len(row["confidences"])
            assert row["confidences"] == pytest.approx(other["confidences"], abs=1e-3)
    assert compared > 20


def test_sampling_is_of_seed_and_key(ours, windows, prompts, tmp_path):
    sampled = {"temperature": 1.0, "top_p": 0.95, "top_k": 40}
    one = rows(ours, windows, prompts["none"], tmp_path / "a", **sampled, seed=1)
    assert one == rows(ours, windows, prompts["none"], tmp_path / "b", **sampled, seed=1)
    other = rows(ours, windows, prompts["none"], tmp_path / "c", **sampled, seed=2)
    assert [row["text"] for row in one] != [row["text"] for row in other]
    twins = ours.complete(
        "door ", [Request("a", "door"), Request("b", "door")], Decoding.from_settings(GREEDY | sampled)
    )
    assert len({completion.text for batch in twins for completion in batch}) == 2


def test_a_run_that_broke_goes_on_where_it_was(ours, windows, prompts, tmp_path):
    class Broken:
        tokenizer, load, identity, cost = ours.tokenizer, ours.load, ours.identity, ours.cost

        def complete(self, prefix, requests, decoding):
            for done, batch in enumerate(ours.complete(prefix, requests, decoding)):
                if done == 3:
                    raise KeyboardInterrupt
                yield batch

    uninterrupted = rows(ours, windows, prompts["none"], tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        rows(Broken(), windows, prompts["none"], tmp_path / "b")
    kept = (next((tmp_path / "b").glob("*.jsonl"))).read_text().splitlines()
    assert len(kept) == 3
    assert rows(ours, windows, prompts["none"], tmp_path / "b") == uninterrupted
    assert (next((tmp_path / "b").glob("*.jsonl"))).read_text().splitlines()[:3] == kept


def test_what_this_engine_cannot_do_is_refused(ours, tiny):
    decoding = Decoding.from_settings(GREEDY | {"constrained": True, "confidence": "tokens"})
    with pytest.raises(ValueError, match="confidence of constrained answers is not possible with vLLM"):
        next(ours.complete("", [Request("a", "b", "{}")], decoding))
    with pytest.raises(ValueError, match="a: constrained decoding needs a JSON schema"):
        next(ours.complete("", [Request("a", "b")], Decoding.from_settings(GREEDY | {"constrained": True})))
    with pytest.raises(ValueError, match="device is cuda, but this vLLM runs on cpu"):
        VLLMEngine(tiny, None, "auto", "cuda", 4)


def test_a_prompt_beyond_the_context_is_unanswered_and_all_others_are_answered(ours):
    requests = [Request("long", "door " * 9000), Request("a", "door"), Request("longer", "door " * 9999)]
    completions = [c for batch in ours.complete("", requests, Decoding.greedy(8)) for c in batch]
    assert [(c.key, c.finish_reason) for c in completions[:2]] == [("long", "unanswered"), ("longer", "unanswered")]
    assert re.search(r"the prompt has \d{4,} tokens .* context has 2048", completions[0].unanswered_reason)
    assert [c.key for c in completions[2:]] == ["a"]


def test_a_prompt_that_only_the_memory_has_no_room_for_is_an_error(ours, monkeypatch):
    ours.load()
    monkeypatch.setattr(ours._engine.model_config, "max_model_len", 600)  # as vLLM sets it where memory is short
    with pytest.raises(ValueError, match=r"long needs \d{3,} tokens .* the memory has room for 600 only"):
        list(ours.complete("", [Request("a", "door"), Request("long", "door " * 900)], Decoding.greedy(500)))


def test_the_scheduler_gets_vllms_own_settings_for_offline_use(tiny):
    auto = VLLMEngine(tiny, None, "float32", "cpu", "auto")._arguments()
    ours, vllms = (
        arguments.create_engine_config(UsageContext.LLM_CLASS).scheduler_config
        for arguments in (auto, EngineArgs(model=str(tiny)))
    )
    for setting in ("max_num_seqs", "max_num_batched_tokens", "enable_chunked_prefill", "policy"):
        assert getattr(ours, setting) == getattr(vllms, setting), setting


def test_the_prefix_is_read_from_the_cache(ours, windows, prompts, tmp_path):
    prefix, _ = make_requests(prompts["none"], windows, (), ours, Decoding.greedy(8))
    ours.load()
    before = ours.cost()["cached_prompt_tokens"]
    stats = recognise_shard(windows, prompts["none"], ours, Decoding.greedy(8), {"model": "m"}, tmp_path)[1]
    block = ours._engine.vllm_config.cache_config.block_size
    whole_blocks = len(encode(ours.tokenizer, prefix)) // block * block
    assert whole_blocks > 0
    assert stats["cached_prompt_tokens"] - before >= (len(windows) - 1) * whole_blocks


def test_identity_and_cost(ours):
    identity = ours.identity()
    assert (identity["engine"], identity["dtype"]) == ("vllm", "float32")
    assert set(identity["versions"]) == {"vllm", "torch", "transformers", "xgrammar"}
    assert ours.cost()["device"] == "cpu"
    assert ours.cost()["peak_memory_bytes"] > 0


def program(engine, tiny, adapter, folder, name="", **options):
    name = name or engine
    command = program_command(engine, tiny, adapter, folder, name, **options)
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return files.read_json_lines(folder / f"{name}.jsonl")


def program_command(engine, tiny, adapter, folder, name, **options):
    flags = {
        "engine": engine, "model": tiny, "windows": folder / "windows.jsonl", "index": folder / "index.json",
        "split": "all", "shard": "00000-00011", "prompt": folder / "prompt.json", "decoding": json.dumps(GREEDY),
        "dtype": "float32", "device": "cpu", "batch-size": 4, "cache": folder / "cache", "work": folder / name,
        "out": folder / f"{name}.jsonl", "stats": folder / f"{name}.json", **options,
    } | ({"adapter": adapter} if adapter else {})  # fmt: skip
    command = [sys.executable, str(SCRIPTS / "recognise.py")]
    return command + [part for key, value in flags.items() for part in (f"--{key}", str(value))]


@pytest.fixture
def folder(windows, prompts, tmp_path):
    """A folder with the files that the program reads."""
    write_windows(tmp_path / "windows.jsonl", tmp_path / "index.json", map(complete_window, windows), WINDOW_SETTINGS)
    files.write_json(tmp_path / "prompt.json", prompts["none"])
    return tmp_path


def test_the_program_runs_an_adapter_with_either_engine(tiny, adapter, windows, prompts, usual, folder):
    predictions = program("vllm", tiny, adapter, folder)
    assert_alike(predictions, program("transformers", tiny, adapter, folder))
    without = rows(usual, windows, prompts["none"], folder / "c")
    assert sum(a != b for a, b in zip(predictions, without, strict=True)) > 6


@pytest.mark.parametrize("adapted", [False, True])
def test_two_parts_of_a_model_give_the_tokens_of_the_whole(large, large_adapter, folder, adapted):
    adapter = large_adapter if adapted else None
    whole = program("vllm", large, adapter, folder, "whole", **{"batch-size": "auto"})
    parts = program("vllm", large, adapter, folder, "parts", **{"batch-size": "auto", "tensor-parallel": 2})
    assert parts == whole
    assert len({row["text"] for row in whole}) > 6
    for name, processes in (("whole", 1), ("parts", 2)):
        _, sequences = EngineArgs.get_batch_defaults(processes)
        stats = files.read_json(folder / f"{name}.json")
        assert stats["batch_size"] == sequences[UsageContext.LLM_CLASS]  # read back from the engine
        assert stats["cached_prompt_tokens"] > 0
    assert {path.name for path in (folder / "cache").glob("*/filled")} == {"filled"}


def test_a_killed_program_leaves_no_worker_and_is_resumed(large, folder):
    options = {"tensor-parallel": 2}
    whole = program("vllm", large, None, folder, "whole", **options)
    command = program_command("vllm", large, None, folder, "killed", **options)
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 300
    while not any(path.stat().st_size for path in (folder / "killed").glob("*.jsonl")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    process.kill()
    process.wait()
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    kept = next((folder / "killed").glob("*.jsonl")).read_bytes()
    assert program("vllm", large, None, folder, "killed", **options) == whole
    assert next((folder / "killed").glob("*.jsonl")).read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
