"""Run a shard with vLLM on a CPU, in the environment that `make setup-vllm` makes where there is no conda."""

import pytest
from hearth.common.files import read_json
from repository import REPOSITORY
from snakemake_runs import Workflow, small_config

SHARD = "results/predictions/tiny-s/sim-mural/test1/00000-00003"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (REPOSITORY / ".venv-vllm" / "bin" / "python").exists(), reason="no .venv-vllm; `make setup-vllm` makes it"
    ),
]


def test_a_shard_runs_with_vllm_in_its_own_environment(tmp_path):
    config = small_config()
    config["engine"] |= {"name": "vllm"}
    # vLLM on a CPU cannot sample every prompt; greedy decoding needs no random numbers.
    config["decoding"] |= {"temperature": 0, "max_new_tokens": 16}
    workflow = Workflow(tmp_path / "run", config)
    workflow.run(f"{SHARD}.jsonl")
    stats = read_json(workflow.directory / f"{SHARD}.stats.json")
    assert (stats["engine"], stats["windows"]) == ("vllm", 4)
    assert workflow.plan(f"{SHARD}.jsonl") == {}
