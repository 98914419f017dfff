"""What a run needs before a day is queued: models, data, disk and versions where it starts, GPUs where it works.

Every check returns `Findings`: facts worth reading, and problems, each with what to do about it.
"""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hearth.common import files
from hearth.common.schemas import read_yaml
from hearth.data.sources.registry import raw_files
from hearth.homes.home import load_home
from hearth.models.fetch import size_to_fetch
from hearth.models.snapshot import ModelError, is_complete, read_snapshot
from hearth.workflow.configuration import home_path

GB = 10**9
# Beside the weights a GPU holds keys and values, activations, and when training the adapter's gradients.
BESIDE_WEIGHTS = 1.2
BYTES = {"float32": 4, "bfloat16": 2}
# Of one generated token: about four characters, kept in the journal, in its shard and gathered.
BYTES_A_TOKEN = 12


@dataclass
class Findings:
    """What was found at one place."""

    place: str
    facts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


# --- where the run starts


def check_models(found: Findings, specs: Mapping[str, dict], fetched: Path, project: Path) -> int:
    """Whether every model is in `fetched` or can be brought there; returns the bytes that are still to come."""
    to_come = 0
    for name, spec in specs.items():
        if spec.get("source") == "served":
            found.facts.append(f"model {name}: served as {spec.get('served_model')}, so there is nothing to fetch")
            continue
        if is_complete(fetched / name):
            found.facts.append(f"model {name}: fetched")
            continue
        try:
            size = size_to_fetch(name, spec, project)
        except ModelError as error:
            found.problems.append(str(error))
            continue
        found.facts.append(f"model {name}: to be fetched, {size / GB:.1f} GB")
        to_come += size
    return to_come


def check_datasets(found: Findings, datasets: Mapping[str, dict]) -> None:
    """Whether the raw files of every recorded data set are there; simulated ones need none."""
    for name, dataset in datasets.items():
        if "simulate" in dataset:
            found.facts.append(f"dataset {name}: simulated")
            continue
        try:
            raw = raw_files(dataset["source"], dataset["root"], load_home(home_path(dataset["home"])))
        except ValueError as error:
            found.problems.append(f"dataset {name}: {error}")
        else:
            found.facts.append(f"dataset {name}: {len(raw)} raw files in {dataset['root']}")


def trace_bytes(splits: Iterable[Path], recognisers: int, max_new_tokens: int) -> int:
    """Most that the answers of all recognisers can take, for the data sets whose windows are cut."""
    windows = sum(sum(files.read_json(path)["windows"].values()) for path in splits if path.is_file())
    return windows * recognisers * max_new_tokens * BYTES_A_TOKEN


def check_disk(found: Findings, folder: Path, needed: int, spare_gb: float) -> None:
    """Whether the file system of `folder` has room for `needed` bytes and `spare_gb` beside them."""
    free = shutil.disk_usage(folder).free
    wanted = needed + spare_gb * GB
    if free < wanted:
        found.problems.append(
            f"disk of {folder.resolve()}: {free / GB:.1f} GB free, {wanted / GB:.1f} GB wanted ({needed / GB:.1f} for "
            f"weights and answers, {spare_gb:g} to spare); free some, or run in a larger folder (--directory)"
        )
    else:
        found.facts.append(f"disk of {folder.resolve()}: {free / GB:.1f} GB free, {wanted / GB:.1f} GB wanted")


# --- everywhere


def read_pins(path: Path) -> dict[str, str]:
    """Versions that a conda environment's file pins, by the names that Python's packages have."""
    lines = []
    for dependency in read_yaml(path)["dependencies"]:
        lines += dependency["pip"] if isinstance(dependency, dict) else [dependency]
    pinned = dict(match.groups() for line in lines if (match := re.fullmatch(r"([\w.-]+?)={1,2}([\w.]+)", line)))
    # conda-forge calls matplotlib without its windows matplotlib-base.
    return {name.removesuffix("-base"): version for name, version in pinned.items()}


def check_versions(found: Findings, pins: Path) -> None:
    """Whether the packages that run are those that `pins` names; local parts such as +cu129 do not count."""
    differ = []
    pinned = read_pins(pins)
    for package, wanted in pinned.items():
        version = _installed(package)
        if version is None:
            differ.append(f"{package} is not installed, {wanted} is pinned")
        elif not f"{version}.".startswith(f"{wanted}."):
            differ.append(f"{package} is {version}, {wanted} is pinned")
    if differ:
        found.problems.append(
            f"versions: {'; '.join(differ)} in {pins.name}; run `make setup`, or `make envs` where conda is used"
        )
    else:
        found.facts.append(f"versions: {len(pinned)} as pinned in {pins.name}")


def _installed(package: str) -> str | None:
    if package == "python":
        return platform.python_version()
    try:
        return importlib.metadata.version(package).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def check_writable(found: Findings, folder: Path) -> None:
    """Whether a file can be made in `folder`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            found.facts.append(f"{folder}: writable")
    except OSError as error:
        found.problems.append(
            f"{folder}: cannot be written ({error.strerror}); the folder of a run must be on a file system that every "
            "node sees and may write to"
        )


# --- where a job works


def check_host_memory(found: Findings, asked_mb: int, weights: int) -> None:
    """Whether this machine has the memory that a job asks for, and whether that holds the weights while they load."""
    has_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**6
    if has_mb < asked_mb:
        found.problems.append(
            f"memory: {asked_mb} MB asked for, the machine has {has_mb}; lower mem_mb in config/models.yaml, or take "
            "a partition with more"
        )
    elif asked_mb * 10**6 < weights * BESIDE_WEIGHTS:
        found.problems.append(
            f"memory: {asked_mb} MB asked for, loading the weights takes {weights * BESIDE_WEIGHTS / 10**6:.0f}; raise "
            "mem_mb in config/models.yaml"
        )
    else:
        found.facts.append(f"memory: {asked_mb} MB asked for, the machine has {has_mb}")


def check_gpus(found: Findings, asked: int, dtype: str, weights: int) -> None:
    """Whether torch sees the GPUs that a job asks for, and each holds the weights and computes in `dtype`."""
    import torch

    if not asked:
        found.facts.append("GPUs: none asked for")
        return
    seen = torch.cuda.device_count()
    if seen < asked:
        build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no GPU at all: install a CUDA build of torch"
        found.problems.append(
            f"GPUs: {asked} asked for, torch sees {seen}; torch {torch.__version__} was built for {build}. Compare "
            "with `nvidia-smi` on that node: its driver may be too old for this torch, or its partition has no GPUs"
        )
        return
    for index in range(asked):
        properties = torch.cuda.get_device_properties(index)
        check_gpu(found, properties.name, properties.total_memory, weights)
    if dtype == "bfloat16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        found.problems.append("GPUs: no bfloat16 in hardware; set engine.dtype to float32, or take a newer GPU")


def check_gpu(found: Findings, name: str, memory: int, weights: int) -> None:
    """Whether a GPU with `memory` bytes holds `weights` bytes and what else a job keeps there."""
    wanted = weights * BESIDE_WEIGHTS
    if memory < wanted:
        found.problems.append(
            f"GPU {name}: {memory / GB:.0f} GB of memory, the weights and what goes with them take {wanted / GB:.0f}; "
            "take a partition with larger GPUs, or leave that model out of the config"
        )
    else:
        found.facts.append(f"GPU {name}: {memory / GB:.0f} GB of memory, {wanted / GB:.0f} needed")


def weight_bytes(found: Findings, folders: Iterable[Path], dtype: str) -> int:
    """Bytes that the largest of the models takes in `dtype`; of one that is not fetched yet nothing is known."""
    sizes = [0]
    for folder in folders:
        try:
            snapshot = read_snapshot(folder)
            sizes.append(0 if "served" in snapshot else snapshot["parameters"] * BYTES[dtype])
        except ModelError:
            found.facts.append(f"model {folder.name}: not fetched yet, so nothing is compared with its size")
    return max(sizes)
