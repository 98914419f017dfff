"""Snapshots: folders of fetched models, with ordinary Hugging Face files and a `snapshot.json` that describes them.

The files are the model's own copies, or links to files of a model store. `fetched.json` says how each file looked when
its digest was taken. `snapshot.json` is written last, so a folder without it is an incomplete model. The snapshot of a
served model (its weights are on a server) is `snapshot.json` alone: the model's name on that server stands for the
weights.
"""

import os
import platform
import time
from pathlib import Path
from typing import NotRequired, TypedDict

from hearth.common import files
from hearth.common.records import read_record

SNAPSHOT = "snapshot.json"
FETCHED = "fetched.json"
# Files that belong to a model. Pickled weights and code are not among them.
KEPT = ("*.safetensors", "*.json", "*.jinja", "*.txt", "LICENSE*")
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


class ModelError(ValueError):
    """A model cannot be fetched or used; the message names it, says what was tried, and what to do."""


class ServedModel(TypedDict):
    """A model that a server runs: its name on the server, and the server's interface (openai or vllm)."""

    model: str
    interface: str


class Snapshot(TypedDict):
    """The content of `snapshot.json`.

    `source` and `revision` say where the model came from. `files` is a dict from file name to SHA-256, and `digest` is
    the SHA-256 of `files` (for a served model: of `served`). `stand_in` says why the model only stands in for a real
    one; "" for a real one. `parameters` is None where a served model's size is unknown.
    """

    model: str
    source: str
    revision: str
    parameters: int | None
    files: dict[str, str]
    digest: str
    license: str
    stand_in: str
    served: NotRequired[ServedModel]


class FetchedFile(TypedDict):
    """The state of a model's file when its SHA-256 was computed; `target` is the path that it links to, "" for a copy.

    As long as the rest is unchanged, the file is taken to be unchanged too, and is not read again.
    """

    target: str
    size: int
    mtime_ns: int
    inode: int
    sha256: str


class Fetched(TypedDict):
    """The content of `fetched.json`: where the model came from, and a dict from file name to FetchedFile.

    It is apart from `snapshot.json` because times and inodes differ between copies of a model, and decide nothing.
    """

    source: str
    revision: str
    files: dict[str, FetchedFile]


def read_snapshot(folder: Path) -> Snapshot:
    """Read `snapshot.json` in `folder`.

    Raises ModelError if it is missing (the model is then incomplete), or if a file that the model links to has changed.
    """
    path = Path(folder) / SNAPSHOT
    if not path.is_file():
        raise ModelError(f"{folder}: no {SNAPSHOT}, so no complete model; fetch it with fetch_model.py")
    check_links(folder)
    return read_record(path, Snapshot)


def check_links(folder: Path) -> None:
    """Raise ModelError if a file that the model in `folder` links to is gone, or has another size or time of change.

    The store belongs to somebody else, so its files may change at any time; results must not come from other weights
    than `snapshot.json` says. Times are compared in seconds, because some network file systems drop the rest later.
    """
    record = Path(folder) / FETCHED
    if not record.is_file():
        return
    remedy = f"if the change is meant, repeat your command with --forcerun {Path(folder) / SNAPSHOT} added"
    for name, fetched in read_record(record, Fetched)["files"].items():
        path = Path(folder) / name
        if not path.is_symlink():
            continue
        target = os.readlink(path)
        try:
            found = path.stat()
        except OSError as error:
            raise ModelError(
                f"{path} links to {target}, which {platform.node()} cannot read ({error.strerror}); every node, and "
                f"every container, must see the folder of that file. Restore it; {remedy}"
            ) from error
        if found.st_size != fetched["size"] or found.st_mtime_ns // 10**9 != fetched["mtime_ns"] // 10**9:
            then, now = f"{fetched['size']} bytes", f"{found.st_size}"
            if found.st_size == fetched["size"]:
                then, now = f"modified at {_local_time(fetched['mtime_ns'])}", f"at {_local_time(found.st_mtime_ns)}"
            raise ModelError(
                f"{target} has changed since the model was fetched ({then} then, {now} now); {path} links to it. "
                f"Restore the file and its time of change; {remedy}"
            )


def _local_time(nanoseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(nanoseconds // 10**9))


def is_complete(folder: Path) -> bool:
    """Whether `folder` has a snapshot.json and every file that it names. Only links are checked for changes."""
    try:
        return all((Path(folder) / name).is_file() for name in read_snapshot(folder)["files"])
    except ModelError:
        return False


def kept_files(folder: Path) -> list[Path]:
    """Return the paths of the model's files in `folder`, sorted by name, without what `fetch_model` says of them."""
    paths = {path for pattern in KEPT for path in Path(folder).glob(pattern) if path.is_file()}
    return sorted(path for path in paths if path.name not in (SNAPSHOT, FETCHED))


def check_folder(name: str, folder: Path) -> None:
    """Raise ModelError unless `folder` can be loaded: all safetensors weights, config, tokenizer, chat template."""
    folder = Path(folder)
    if not list(folder.glob("*.safetensors")):
        pickles = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
        detail = f", only {', '.join(pickles)}: pickled weights can run code and are refused" if pickles else ""
        raise ModelError(
            f"model {name}: no *.safetensors weights in {folder}{detail}; use a revision or a folder with them"
        )
    for required in ("config.json", "tokenizer.json"):
        if not (folder / required).is_file():
            raise ModelError(f"model {name}: {required} is missing; a model needs its config and a tokenizer.json")
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        weight_files = set(files.read_json_object(index)["weight_map"].values())
        absent = sorted(file for file in weight_files if not (folder / file).is_file())
        if absent:
            raise ModelError(f"model {name}: weights are incomplete, {', '.join(absent)} missing")
    settings = folder / "tokenizer_config.json"
    in_settings = settings.is_file() and "chat_template" in files.read_json_object(settings)
    if not (folder / "chat_template.jinja").is_file() and not in_settings:
        raise ModelError(f"model {name}: no chat template; use the instruct version of the model, not the base one")


def adapter_digest(folder: Path) -> str:
    """Return the SHA-256 (hex) over config and weights of a PEFT adapter."""
    return files.digest({path.name: files.file_digest(path) for path in adapter_files(folder)})


def adapter_files(folder: Path) -> list[Path]:
    """Return the paths of a PEFT adapter's config and weights. Raises ModelError if one is missing."""
    paths = [Path(folder) / name for name in ADAPTER_FILES]
    for path in paths:
        if not path.is_file():
            raise ModelError(f"{path}: missing; an adapter folder holds {' and '.join(ADAPTER_FILES)}")
    return paths
