"""Check that vLLM's server makes the prompts of the transformers engine from a chat template that had to be fitted."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict

import pytest

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vLLM has an environment of its own: make test-vllm", allow_module_level=True)

from hearth.common import files
from hearth.engines.protocol import Decoding
from hearth.engines.server import ServerEngine
from hearth.engines.server_record import HEARTBEAT, read_server
from hearth.engines.transformers import TransformersEngine
from hearth.recognition.shards import recognise_shard
from repository import SCRIPTS

DATE = "2031-12-31"
# It says the date, knows no system, and always opens a thought.
TEMPLATE = """\
{%- if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}
{{- '<|im_start|>system\\nToday is ' + strftime_now('%d %b %Y') + '.<|im_end|>\\n' }}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}
"""


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory):
    folder = shutil.copytree(tiny, tmp_path_factory.mktemp("fitted") / "m")
    (folder / "chat_template.jinja").unlink()
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    """The folder of a server that serve.py runs for the model; at the end, the run ends it."""
    servers = tmp_path_factory.mktemp("servers")
    heartbeat = {"run": "a", "beat": 0, "needed": ["m"], "failed": []}
    files.write_json(servers / HEARTBEAT, heartbeat)
    command = [
        sys.executable, str(SCRIPTS / "serve.py"), "--folder", str(servers / "m"), "--model", str(model), "--dtype",
        "float32", "--date", DATE, "--options", '{"max_num_seqs": 4}', "--out", str(servers / "stats.json"),
    ]  # fmt: skip
    with open(servers / "log.txt", "w") as output:
        process = subprocess.Popen(command, env=os.environ, stdout=output, stderr=subprocess.STDOUT)
    try:
        while read_server(servers / "m") is None:
            assert process.poll() is None, (servers / "log.txt").read_text()[-3000:]
            time.sleep(0.5)
        yield servers / "m"
        files.write_json(servers / HEARTBEAT, heartbeat | {"beat": 1, "needed": []})
        assert process.wait(120) == 0
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("reasoning", ["think", "none"])
def test_the_server_has_the_prompts_and_the_reasoning_of_the_transformers_engine(
    server, model, windows, prompts, reasoning, tmp_path
):
    prompt = prompts[reasoning] | {"date": DATE}
    decoding = Decoding.from_settings(asdict(Decoding.greedy(160)))
    engines = (
        ServerEngine(server, batch_size=4, timeout=300, wait=60, context=2048),
        TransformersEngine(model, None, dtype="float32", device="cpu", batch_size=4),
    )
    served, usual = (
        recognise_shard(windows, prompt, engine, decoding, {"model": "m"}, tmp_path / str(number))[0]
        for number, engine in enumerate(engines)
    )
    assert [row["prompt_tokens"] for row in served] == [row["prompt_tokens"] for row in usual]
    words = [[re.sub("</?think>", " ", row["text"]).split() for row in each] for each in (served, usual)]
    alike = [a == b for a, b in zip(*words, strict=True)]  # vLLM drops a second </think>
    print(f"{sum(alike)} of {len(alike)} completions are equal")
    assert sum(alike) >= len(alike) - 1
    assert all(row["text"].startswith("<think>") == (reasoning == "think") for row in served)
