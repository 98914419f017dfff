"""Resume only from complete checkpoints, and save a checkpoint at SIGTERM.

The Trainer writes a checkpoint file by file and resumes from the newest folder, complete or not. This module writes a
manifest of digests last, and a checkpoint is resumed only if it matches its manifest.
"""

import shutil
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any, NotRequired, TypedDict

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hearth.common.files import file_digest, read_json_object, write_json
from hearth.common.records import read_record

MANIFEST = "complete.json"
FINGERPRINT = "fingerprint.json"


class Fingerprint(TypedDict):
    """Everything that decides the bytes of an adapter. A run's folder is named by the digest of its fingerprint.

    `examples` is a digest of the training examples; it covers traces, windows, prompt, recipe and tokenizer. `settings`
    holds the settings that decide the student. `start` is the digest of the adapter that is trained on; it is absent
    for a new one.
    """

    version: int
    model: str
    examples: str
    settings: dict[str, Any]
    deepspeed: dict[str, Any]
    dtype: str
    ranks: int
    packages: dict[str, str]
    start: NotRequired[str]


class Manifest(TypedDict):
    """SHA-256 of every file of a checkpoint, by its path in the folder, and the seconds of training before it."""

    files: dict[str, str]
    seconds: float


def record_fingerprint(run: Path, fingerprint: Fingerprint) -> None:
    """Write the fingerprint into the folder `run`.

    If `run` is new, print each other run of the same student, whose checkpoints are not resumed, and the entries in
    which its fingerprint differs.
    """
    path = run / FINGERPRINT
    for other in [] if path.exists() else sorted(run.parent.glob(f"*/{FINGERPRINT}")):
        recorded = read_json_object(other)
        differing = [key for key, value in fingerprint.items() if recorded.get(key) != value]
        if "ranks" in differing:
            differing[differing.index("ranks")] = f"ranks ({recorded['ranks']}, now {fingerprint['ranks']})"
        print(f"{other.parent} is not resumed: {', '.join(differing)} differ; {run} starts anew", flush=True)
    write_json(path, fingerprint)


def write_manifest(checkpoint: Path, seconds: float) -> None:
    """Declare a checkpoint complete, after `seconds` of training."""
    files = {str(path.relative_to(checkpoint)): file_digest(path) for path in _files(checkpoint)}
    manifest: Manifest = {"files": files, "seconds": seconds}
    write_json(checkpoint / MANIFEST, manifest)


def find_damage(checkpoint: Path) -> str:
    """Return a sentence about the first damaged or missing file of a checkpoint; "" for a complete checkpoint."""
    try:
        manifest = read_record(checkpoint / MANIFEST, Manifest)
    except FileNotFoundError:
        return "it is incomplete"
    except ValueError:
        return f"its {MANIFEST} is damaged"
    for name, expected in manifest["files"].items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if file_digest(path) != expected:
            return f"{name} is damaged"
    return ""


def find_newest_complete(run: Path) -> Path | None:
    """Return the folder of the newest complete checkpoint of a run, or None; report and delete newer damaged ones."""
    for checkpoint in sorted(run.glob("checkpoint-*"), key=step_of_checkpoint, reverse=True):
        damage = find_damage(checkpoint)
        if not damage:
            return checkpoint
        print(f"{checkpoint} is not used: {damage}", flush=True)
        shutil.rmtree(checkpoint)
    return None


def step_of_checkpoint(checkpoint: Path) -> int:
    """Return the optimiser step after which a checkpoint was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def seconds_of_checkpoint(checkpoint: Path) -> float:
    """Return the seconds of training before a complete checkpoint."""
    return read_record(checkpoint / MANIFEST, Manifest)["seconds"]


class CompleteCheckpoints(TrainerCallback):
    """Write a checkpoint's manifest, with the seconds of training so far, once every rank has saved its files."""

    def __init__(self, seconds_before: float):
        self._before = seconds_before
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds of training so far, including those before the resumed checkpoint."""
        return self._before + time.perf_counter() - self._start

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Start the clock here, because the time to load the model does not count as training."""
        self._start = time.perf_counter()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        """Write the manifest from rank 0 when all ranks have saved."""
        torch.distributed.barrier()
        if state.is_world_process_zero:
            write_manifest(Path(args.output_dir) / f"checkpoint-{state.global_step}", self.seconds)


class StopAtSigterm(TrainerCallback):
    """At SIGTERM, finish the step, save a checkpoint and stop. All ranks do so, because each saves a shard of it.

    `enable_jit_checkpoint` of transformers 5.23 does not replace this class. There every rank obeys its own signal
    alone: if one rank receives it, all ranks wait for each other for ever. With DeepSpeed it saves the state after a
    step under the number of the step before, so a resumed training repeats that step; and it does not call `on_save`,
    so the checkpoint has no manifest.
    """

    def __init__(self) -> None:
        self._stop_requested = False
        self._previous_handler: Any = signal.SIG_DFL

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Catch SIGTERM from now on; before training begins there is nothing to save."""
        self._previous_handler = signal.signal(signal.SIGTERM, self._request_stop)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Stop if any rank has received SIGTERM."""
        requested = torch.tensor(int(self._stop_requested), device=args.device)
        torch.distributed.all_reduce(requested, op=torch.distributed.ReduceOp.MAX)
        if requested.item():
            control.should_save = control.should_training_stop = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Restore the previous handler of SIGTERM."""
        signal.signal(signal.SIGTERM, self._previous_handler)

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stop_requested = True


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
