"""Check, on a node, that its GPUs hold the models of a run. Nothing is imported that vLLM's environment lacks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from hearth.models.measure import ModelShape, measure_model
from hearth.models.snapshot import SNAPSHOT, ModelError, read_snapshot
from hearth.workflow import gpu_memory
from hearth.workflow.cards import card_of_device
from hearth.workflow.findings import Findings
from hearth.workflow.gpu_memory import WindowTokens
from hearth.workflow.throughput import COUNTS, Job, windows_held
from hearth.workflow.training_memory import Training, micro_batch_on, remedies

GB = 10**9
# Memory of a job of the transformers engine or of training per byte of weights: cache, activations and gradients.
MEMORY_FACTOR = 1.2
# Assumed tokens of a prompt, since prompts and windows need not exist yet: a static prefix, and the rest.
ASSUMED_PREFIX, ASSUMED_REST = 1024, 1024


def read_shapes(findings: Findings, folders: Iterable[Path]) -> dict[str, ModelShape]:
    """Return a dict from name to shape of the fetched models among `folders`, each named like its model."""
    shapes = {}
    for folder in folders:
        if not (folder / SNAPSHOT).is_file():
            findings.skipped.append(f"size of model {folder.name}: the model is not fetched yet")
            continue
        try:
            if "served" not in read_snapshot(folder):
                shapes[folder.name] = measure_model(folder)
        except ModelError as error:
            findings.skipped.append(f"size of model {folder.name}: {error}")
    return shapes


def check_gpu_memory(
    findings: Findings, name: str, shape: ModelShape, job: Job, max_new_tokens: int, devices: Sequence[tuple[str, int]]
) -> None:
    """Check that the GPUs of a job hold the model `name`.

    `devices` are the job's GPUs: each its name and bytes of memory, as CUDA reports them. vLLM splits a model over all
    of them. The transformers engine needs it whole on each.
    """
    gpu, memory = min(devices, key=lambda device: device[1])
    what = f"model {name} on {len(devices)} x {gpu} with {memory / GB:.0f} GB"
    needed = gpu_memory.weight_bytes(shape, job.weight_format) * MEMORY_FACTOR
    if job.engine == "vllm":
        _check_vllm(findings, what, shape, replace(job, card=card_of_device(gpu, memory)), max_new_tokens)
    elif needed > memory:
        findings.problems.append(
            f"{what}: weights, key-value cache and activations take about {needed / GB:.0f} GB on each; use a "
            "partition with larger GPUs, or remove that model from the config"
        )
    else:
        findings.facts.append(f"{what}: about {needed / GB:.0f} GB needed on each")


def check_training_memory(findings: Findings, training: Training, devices: Sequence[tuple[str, int]]) -> None:
    """Check that each GPU of a training holds the longest example; `devices` are as for `check_gpu_memory`."""
    gpu, memory = min(devices, key=lambda device: device[1])
    card = card_of_device(gpu, memory)
    tokens = training.longest.prefix + training.longest.own
    what = (
        f"training of {training.student} on {gpu} with {memory / GB:.0f} GB, examples of {tokens} tokens "
        f"({ASSUMED_PREFIX + ASSUMED_REST} of the prompt are assumed)"
    )
    if size := micro_batch_on(training, card):
        findings.facts.append(f"{what}: {size} at a time on each")
        return
    helps = [*remedies(training, [card]), "use a partition with larger GPUs"]
    findings.problems.append(f"{what}: not even one fits; {', or '.join(helps)}")


def _check_vllm(findings: Findings, what: str, shape: ModelShape, job: Job, max_new_tokens: int) -> None:
    window = WindowTokens(ASSUMED_PREFIX, ASSUMED_REST, max_new_tokens)
    tokens = f"{ASSUMED_PREFIX + ASSUMED_REST} + {max_new_tokens} tokens (those of the prompt are assumed)"
    weights = f"{gpu_memory.weight_bytes(shape, job.weight_format) / GB:.1f} GB of weights as {job.weight_format}"
    held = windows_held(shape, window, job)
    if held:
        findings.facts.append(f"{what}: {weights}, and a cache for {held} windows of {tokens}")
        return
    tensor = job.gpus // job.pipeline
    if gpu_memory.divides(shape, job.weight_format, tensor):
        reason = f"they do not hold {weights} and a window of {tokens}"
    else:
        why = gpu_memory.sharing_problem(shape, job.gpus, job.pipeline)
        reason = f"vLLM cannot split it over {tensor} GPUs" + (f" ({why})" if why else "")
    counts = [count for count in COUNTS if windows_held(shape, window, replace(job, gpus=count, pipeline=1))]
    remedies = [f"set gpus: {counts[0]} in config/models.yaml"] if counts else []
    if shape.stored_as in gpu_memory.UNQUANTISED and windows_held(shape, window, replace(job, weight_format="fp8")):
        remedies.append("set its engine_options: {quantization: fp8}")
    remedies.append("use larger GPUs or another model (`snakemake plan` lists what does)")
    findings.problems.append(f"{what}: {reason}; {', or '.join(remedies)}")
