"""Check that this node has what jobs of the models need: GPUs, memory, disk, versions of packages."""

import argparse
import dataclasses
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from hearth.common import files
from hearth.common.cli import json_option, run
from hearth.common.files import read_json_object
from hearth.distillation.memory_estimate import zero_stage
from hearth.models.load import resolve_dtype, work_offline
from hearth.workflow import gpu_memory, memory_checks, preflight
from hearth.workflow.findings import Findings
from hearth.workflow.gpu_memory import WindowTokens
from hearth.workflow.throughput import job_of
from hearth.workflow.training_memory import training_on_gpus


def main(argv: Sequence[str] | None = None) -> None:
    """Run all checks and write their findings as JSON. The exit status is 0 even if a check finds a problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="folders of models with equal requests")
    parser.add_argument("--gpus", type=int, required=True, help="GPUs that a job of these models requests")
    parser.add_argument("--mem-mb", type=int, required=True, help="memory that such a job requests, in MB")
    parser.add_argument(
        "--engine",
        choices=("transformers", "vllm"),
        required=True,
        help="engine of the jobs; transformers for training",
    )
    parser.add_argument(
        "--registry",
        required=True,
        help="JSON object from each model to the keys of its registry entry that decide memory; `training`, if it is "
        "the base of a student, has the settings and the dtype of training, the file of DeepSpeed's settings and "
        "the tokens of the longest answer; "
        "`engine` is the one that runs it",
    )
    parser.add_argument("--settings", required=True, help="JSON object of the settings of engines that decide memory")
    parser.add_argument("--max-new-tokens", type=int, required=True, help="longest answer in tokens")
    parser.add_argument("--pins", type=Path, required=True, help="conda file with the required versions")
    parser.add_argument("--stage-weights", default="", help="folder on a disk of this node to copy weights to")
    parser.add_argument("--work", type=Path, required=True, help="folder of work in progress")
    parser.add_argument("--spare-gb", type=float, default=1, help="disk that temporary files need, in GB")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args(argv)
    names = ", ".join(folder.name for folder in arguments.models)
    findings = Findings(f"on the node for {names} ({platform.node()}), packages of {arguments.pins.name}")
    registry = cast(dict[str, dict[str, Any]], json_option("--registry", arguments.registry, dict))
    settings = json_option("--settings", arguments.settings, dict)
    shapes = memory_checks.read_shapes(findings, arguments.models)
    jobs = {
        name: job_of(shape, registry[name] | {"gpus": arguments.gpus}, settings, arguments.engine)
        for name, shape in shapes.items()
    }
    dtype = resolve_dtype(settings["dtype"], "cuda" if arguments.gpus else "cpu")
    devices = preflight.check_gpus(findings, arguments.gpus, dtype)
    on_gpus = {name: job for name, job in jobs.items() if devices and job.gpus}
    for name, job in on_gpus.items():
        model = registry[name]
        if arguments.engine == "vllm" or (model["engine"] == "transformers" and model["gpus"] == arguments.gpus):
            memory_checks.check_gpu_memory(findings, name, shapes[name], job, arguments.max_new_tokens, devices)
        training = model.get("training")
        if training and arguments.engine == "transformers" and arguments.gpus == model["train_gpus"]:
            longest = WindowTokens(memory_checks.ASSUMED_PREFIX, memory_checks.ASSUMED_REST, training["answer"])
            dtype, stage = (
                resolve_dtype(training["dtype"], "cuda"),
                zero_stage(read_json_object(Path(training["deepspeed"]))),
            )
            memory_checks.check_training_memory(
                findings,
                training_on_gpus(name, shapes[name], training["settings"], longest, model, dtype, stage),
                devices,
            )
    weights = [gpu_memory.weight_bytes(shapes[name], job.weight_format) for name, job in jobs.items()]
    preflight.check_host_memory(findings, arguments.mem_mb, max(weights, default=0))
    preflight.check_weights(findings, arguments.models, arguments.stage_weights)
    preflight.check_versions(findings, arguments.pins)
    preflight.check_writable(findings, arguments.work)
    preflight.check_disk(findings, Path(tempfile.gettempdir()), 0, arguments.spare_gb)
    files.write_json(arguments.out, dataclasses.asdict(findings))


if __name__ == "__main__":
    work_offline()
    run(main)
