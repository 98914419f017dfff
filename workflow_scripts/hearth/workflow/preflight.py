"""Check what a run needs before it is queued: models, data, disk and versions on the login node, GPUs on the nodes.

Every check appends its result to `Findings`: a problem, with its remedy, to `problems`, and anything else to `facts`.
"""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from hearth.common.records import read_record
from hearth.common.schemas import read_yaml
from hearth.data.sources.registry import raw_files
from hearth.homes.home import load_home
from hearth.models.fetch import size_to_fetch
from hearth.models.snapshot import ModelError, check_links, is_complete, read_snapshot
from hearth.workflow.config_types import Dataset
from hearth.workflow.findings import Findings
from hearth.workflow.project_files import home_path

GB = 10**9
# Memory that a job needs per byte of weights: key-value cache, activations and, in training, gradients are added.
MEMORY_FACTOR = 1.2
BYTES_PER_PARAMETER = {"float32": 4, "bfloat16": 2}
# A generated token has about four characters, and is stored three times: in journal, shard and all.jsonl.
BYTES_PER_TOKEN = 12


class SplitCounts(TypedDict):
    """The entries of splits.json that are read here. `windows` maps a split to its number of windows."""

    windows: dict[str, int]


# --- on the login node


def check_models(findings: Findings, specs: Mapping[str, Mapping[str, object]], fetched: Path, project: Path) -> int:
    """Check that every model is in the folder `fetched` or can be fetched; return the bytes that are still to fetch."""
    to_fetch = 0
    for name, spec in specs.items():
        if spec.get("source") == "served":
            findings.facts.append(f"model {name}: served as {spec.get('served_model')}, nothing to fetch")
            continue
        try:
            check_links(fetched / name)
            if is_complete(fetched / name):
                findings.facts.append(f"model {name}: fetched")
                continue
            size = size_to_fetch(name, spec, project)
        except ModelError as error:
            findings.problems.append(str(error))
            continue
        findings.facts.append(f"model {name}: to be fetched, {size / GB:.1f} GB")
        to_fetch += size
    return to_fetch


def check_datasets(findings: Findings, datasets: Mapping[str, Dataset]) -> None:
    """Check that the raw files of every dataset exist; simulated datasets need none."""
    for name, dataset in datasets.items():
        if "simulate" in dataset:
            findings.facts.append(f"dataset {name}: simulated")
            continue
        try:
            raw = raw_files(dataset["source"], dataset["root"], load_home(home_path(dataset["home"])))
        except ValueError as error:
            findings.problems.append(f"dataset {name}: {error}")
        else:
            findings.facts.append(f"dataset {name}: {len(raw)} raw files in {dataset['root']}")


def trace_bytes(splits: Iterable[Path], recognisers: int, max_new_tokens: int) -> int:
    """Return an upper limit for the bytes that the answers of all recognisers take on disk.

    Only datasets that are cut into windows already, and so have their file among `splits`, are counted.
    """
    counts = [read_record(path, SplitCounts)["windows"] for path in splits if path.is_file()]
    windows = sum(sum(count.values()) for count in counts)
    return windows * recognisers * max_new_tokens * BYTES_PER_TOKEN


def check_disk(findings: Findings, folder: Path, needed: int, spare_gb: float) -> None:
    """Check that the file system of `folder` has `needed` bytes plus `spare_gb` GB free."""
    free = shutil.disk_usage(folder).free
    wanted = needed + spare_gb * GB
    if free < wanted:
        findings.problems.append(
            f"disk of {folder.resolve()}: {free / GB:.1f} GB free, {wanted / GB:.1f} GB needed ({needed / GB:.1f} for "
            f"weights and answers, {spare_gb:g} in reserve); free some space, or run on a larger disk (--directory)"
        )
    else:
        findings.facts.append(f"disk of {folder.resolve()}: {free / GB:.1f} GB free, {wanted / GB:.1f} GB needed")


# --- on the login node and on the nodes of jobs


def read_pins(path: Path) -> dict[str, str]:
    """Return a dict from a package's name on PyPI to the version that a conda environment file pins."""
    environment: Any = read_yaml(path)
    lines: list[str] = []
    for dependency in environment["dependencies"]:
        lines += dependency["pip"] if isinstance(dependency, dict) else [dependency]
    matches = [match for line in lines if (match := re.fullmatch(r"([\w.-]+?)={1,2}([\w.]+)", line))]
    # conda-forge calls matplotlib without a GUI matplotlib-base.
    return {match[1].removesuffix("-base"): match[2] for match in matches}


def check_versions(findings: Findings, pins: Path) -> None:
    """Check that the installed versions are those in the file `pins`; local suffixes such as +cu129 are ignored."""
    differ = []
    pinned = read_pins(pins)
    for package, pin in pinned.items():
        version = _installed_version(package)
        if version is None:
            differ.append(f"{package} is not installed, {pin} is pinned")
        elif not f"{version}.".startswith(f"{pin}."):
            differ.append(f"{package} is {version}, {pin} is pinned")
    if differ:
        findings.problems.append(
            f"versions: {'; '.join(differ)} in {pins.name}; run `make setup`, or `make envs` if you use conda"
        )
    else:
        findings.facts.append(f"versions: {len(pinned)} as pinned in {pins.name}")


def _installed_version(package: str) -> str | None:
    if package == "python":
        return platform.python_version()
    try:
        return importlib.metadata.version(package).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def check_writable(findings: Findings, folder: Path) -> None:
    """Check that a file can be created in `folder`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            findings.facts.append(f"{folder}: writable")
    except OSError as error:
        findings.problems.append(
            f"{folder}: not writable ({error.strerror}); the folder of a run must be on a file system that every node "
            "can write to"
        )


# --- on a node


def check_host_memory(findings: Findings, requested_mb: int, weights: int) -> None:
    """Check that this machine has the memory that a job requests, and that the job can load `weights` bytes in it."""
    has_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**6
    needed = weights * MEMORY_FACTOR
    if has_mb < requested_mb:
        findings.problems.append(
            f"memory: {requested_mb} MB requested, the machine has {has_mb} MB; lower mem_mb in config/models.yaml, or "
            "use a partition whose nodes have more memory"
        )
    elif requested_mb * 10**6 < needed:
        findings.problems.append(
            f"memory: {requested_mb} MB requested, loading the weights takes {needed / 10**6:.0f} MB; raise mem_mb in "
            "config/models.yaml"
        )
    else:
        findings.facts.append(f"memory: {requested_mb} MB requested, the machine has {has_mb} MB")


def check_gpus(findings: Findings, requested: int, dtype: str, weights: int) -> None:
    """Check that torch sees the `requested` GPUs, and that each of them supports `dtype` and has enough memory.

    `weights` is the size of the model's weights in bytes.
    """
    import torch

    if not requested:
        findings.facts.append("GPUs: none requested")
        return
    visible = torch.cuda.device_count()
    if visible < requested:
        build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no GPU at all: install a CUDA build of torch"
        findings.problems.append(
            f"GPUs: {requested} requested, torch sees {visible}; torch {torch.__version__} was built for {build}. "
            "Compare with `nvidia-smi` on that node: its driver may be too old for this torch, or its partition has no "
            "GPUs"
        )
        return
    for index in range(requested):
        properties = torch.cuda.get_device_properties(index)
        check_gpu(findings, properties.name, properties.total_memory, weights)
    if dtype == "bfloat16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        findings.problems.append(
            "GPUs: bfloat16 is not supported in hardware; set engine.dtype to float32, or use a newer GPU"
        )


def check_gpu(findings: Findings, name: str, memory: int, weights: int) -> None:
    """Check that the `memory` bytes of a GPU are enough for a job with `weights` bytes of weights."""
    needed = weights * MEMORY_FACTOR
    if memory < needed:
        findings.problems.append(
            f"GPU {name}: {memory / GB:.0f} GB of memory, but weights, key-value cache and activations take "
            f"{needed / GB:.0f} GB; use a partition with larger GPUs, or remove that model from the config"
        )
    else:
        findings.facts.append(f"GPU {name}: {memory / GB:.0f} GB of memory, {needed / GB:.0f} GB needed")


def weight_bytes(findings: Findings, folders: Iterable[Path], dtype: str) -> int:
    """Return the size of the largest model in bytes, in the number format `dtype`; an unfetched model counts as 0."""
    sizes = [0]
    for folder in folders:
        try:
            snapshot = read_snapshot(folder)
            sizes.append(0 if "served" in snapshot else (snapshot["parameters"] or 0) * BYTES_PER_PARAMETER[dtype])
        except ModelError:
            findings.facts.append(f"model {folder.name}: not fetched yet, so its size was not checked")
    return max(sizes)
