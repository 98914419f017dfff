"""Test how the options of vLLM in the model registry reach the command of a job, in dry runs."""

import json
import re
import shlex
import shutil

import pytest
import yaml
from repository import REPOSITORY
from snakemake_runs import Workflow, small_config

SHARD = "results/predictions/tiny-m/sim-marble/test1/00000-00011.jsonl"
OPTIONS = {"kv_cache_dtype": "fp8", "enforce_eager": True, "hf_overrides": {"rope_parameters": {"rope_type": "yarn"}}}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Copy what a dry run reads of the project, with an environment of vLLM that has nothing to run."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("rules", "config", "workflow_scripts", "profiles", "report", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "Snakefile", folder)
    activate = folder / ".venv-vllm" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    return folder


def plan_command(repository, directory, **entry):
    """Return the options of the command that recognises a shard, if tiny-m has the keys `entry` in the registry."""
    registry = yaml.safe_load((REPOSITORY / "config/models.yaml").read_text())
    registry["tiny-m"] |= entry
    (repository / "config/models.yaml").write_text(yaml.safe_dump(registry))
    config = small_config()
    config["engine"] |= {"name": "auto", "device": "auto"}
    output = Workflow(directory, config, repository).run("--dry-run", "--printshellcmds", SHARD)
    words = shlex.split(re.search(r"recognise\.py\"? (.*) > ", output)[1])
    # An option is `--name value` or `--name=value`.
    words = [word for each in words for word in (each.split("=", 1) if each.startswith("--") else [each])]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_gpus_and_options_of_a_model_reach_vllm_apart_by_what_they_decide(repository, tmp_path):
    options = plan_command(repository, tmp_path, gpus=4, pipeline_parallel=2, engine_options=OPTIONS)
    assert options["--engine"] == "vllm"
    assert (options["--tensor-parallel"], options["--pipeline-parallel"]) == ("2", "2")
    assert json.loads(options["--engine-options"]) == {key: OPTIONS[key] for key in ("hf_overrides", "kv_cache_dtype")}
    assert json.loads(options["--engine-tuning"]) == {"enforce_eager": True}
    assert options["--max-unanswered-share"] == "0.01"
    assert options["--cache"].startswith("work/")


def test_another_engine_gets_none_of_them(repository, tmp_path):
    options = plan_command(repository, tmp_path, engine_options=OPTIONS)
    assert options["--engine"] == "transformers"
    assert not {"--tensor-parallel", "--engine-options", "--engine-tuning", "--cache"} & options.keys()


def test_a_misspelt_option_is_named_with_the_nearest(repository, tmp_path):
    with pytest.raises(AssertionError, match=r"quantisation.*did you mean 'quantization'"):
        plan_command(repository, tmp_path, engine_options={"quantisation": "fp8"})
