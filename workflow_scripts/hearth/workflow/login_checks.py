"""Check the models and raw data of a run on the machine that runs Snakemake, and the disk space that they take.

Like the checks of preflight.py, every check appends its result to `Findings`. They stand apart, because the checks of
nodes also run in the environment of vllm, which has no packages for reading raw data.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from hearth.common.cli import UserError
from hearth.common.records import read_record
from hearth.data.folds import ALL
from hearth.data.sources.registry import raw_files
from hearth.distillation.target_modules import check_target_modules
from hearth.models.fetch import size_to_fetch
from hearth.models.measure import has_tied_head, linear_layers, measure_model
from hearth.models.snapshot import ModelError, check_links, is_complete
from hearth.workflow.config_types import Dataset
from hearth.workflow.dataset_homes import load_dataset_home
from hearth.workflow.findings import Findings
from hearth.workflow.gpu_memory import sharing_problem
from hearth.workflow.preflight import GB

# A generated token has about four characters, and is stored five times: in journal, shard and all.jsonl, and twice in
# parsed.jsonl, which repeats the reasoning.
BYTES_PER_TOKEN = 20


class SplitCounts(TypedDict):
    """The entries of splits.json that are read here. `windows` maps a split to its number of windows."""

    windows: dict[str, int]


class EngineRequest(TypedDict):
    """The engine of a model, and what its entry in the registry requests of it."""

    engine: str
    gpus: int
    pipeline_parallel: int
    engine_options: dict[str, object]


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


def check_requests(findings: Findings, requests: Mapping[str, EngineRequest], fetched: Path) -> None:
    """Check that vLLM can share every fetched model's heads, and note engine_options that no engine of the run uses."""
    for name, request in requests.items():
        if request["engine"] not in ("vllm", "server"):
            if request["engine_options"]:
                findings.facts.append(
                    f"model {name}: its engine_options are not used; they apply to vllm and server only"
                )
        elif request["gpus"] and is_complete(fetched / name):
            problem = sharing_problem(measure_model(fetched / name), request["gpus"], request["pipeline_parallel"])
            if problem:
                findings.problems.append(f"model {name}: {problem}")


def check_targets(findings: Findings, bases: Iterable[str], target_modules: Sequence[str], fetched: Path) -> None:
    """Check that every fetched base of a student has the linear layers that get an adapter."""
    for name in bases:
        if not is_complete(fetched / name):
            findings.skipped.append(f"students.training.lora.target_modules: model {name} is not fetched yet")
            continue
        try:
            check_target_modules(target_modules, name, linear_layers(fetched / name), has_tied_head(fetched / name))
        except UserError as error:
            findings.problems.append(str(error))


def check_datasets(findings: Findings, datasets: Mapping[str, Dataset]) -> None:
    """Check that the raw files of every dataset exist; simulated datasets need none."""
    for name, dataset in datasets.items():
        if "simulate" in dataset:
            findings.facts.append(f"dataset {name}: simulated")
            continue
        try:
            raw = raw_files(dataset["source"], dataset["root"], load_dataset_home(dataset))
        except ValueError as error:
            findings.problems.append(f"dataset {name}: {error}")
        else:
            findings.facts.append(f"dataset {name}: {len(raw)} raw files in {dataset['root']}")


def trace_bytes(splits: Iterable[Path], recognisers: int, max_new_tokens: int) -> int:
    """Return an upper limit for the bytes that the answers of all recognisers take on disk.

    Only datasets that are cut into windows already, and so have their file among `splits`, are counted.
    """
    counts = [read_record(path, SplitCounts)["windows"] for path in splits if path.is_file()]
    windows = sum(count[ALL] for count in counts)
    return windows * recognisers * max_new_tokens * BYTES_PER_TOKEN
