"""Checkpoints that are either complete or not used, one writer a run, and an orderly end at SIGTERM.

The Trainer writes a checkpoint file by file and picks the newest folder when it resumes, complete
or not. Here a manifest of digests is written last, and only a checkpoint that fits its manifest is resumed.
"""

import contextlib
import fcntl
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import TrainerCallback

from hearth.common.files import file_digest, read_json, write_json

MANIFEST = "complete.json"
DECISIVE = "decisive.json"


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Hold the run's folder for this process; wait while another process holds it.

    The other may be a job that has outlived its node or its Snakemake: what it ends with serves this one. The lock
    goes with the process, so a killed run leaves nothing to clean up.
    """
    run.mkdir(parents=True, exist_ok=True)
    with open(run / "lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{run}: another process is training this student; waiting for it to end", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def tell_from_others(run: Path, decisive: dict) -> None:
    """Note in a run's folder what decides its result; name on stdout the runs beside it that it does not go on with.

    Their checkpoints fit other inputs, settings or numbers of ranks, for each of which a training starts anew.
    """
    known = run / DECISIVE
    for other in [] if known.exists() else sorted(run.parent.glob(f"*/{DECISIVE}")):
        theirs = read_json(other)
        differing = [key for key in decisive if theirs.get(key) != decisive[key]]
        if "ranks" in differing:
            differing[differing.index("ranks")] = f"ranks ({theirs['ranks']}, now {decisive['ranks']})"
        print(f"{other.parent} is not resumed, {run} starts anew: other {', '.join(differing)}", flush=True)
    write_json(known, decisive)


def write_manifest(checkpoint: Path, seconds: float) -> None:
    """Declare a checkpoint complete: the digest of each of its files, and the training seconds spent up to it."""
    files = {str(path.relative_to(checkpoint)): file_digest(path) for path in _files(checkpoint)}
    write_json(checkpoint / MANIFEST, {"files": files, "seconds": seconds})


def damage(checkpoint: Path) -> str:
    """What is wrong with a checkpoint, in words; '' for a complete one."""
    try:
        files = read_json(checkpoint / MANIFEST)["files"]
    except FileNotFoundError:
        return "it was not written to its end"
    except (ValueError, KeyError, TypeError):
        return f"its {MANIFEST} is damaged"
    for name, expected in files.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if file_digest(path) != expected:
            return f"{name} is damaged"
    return ""


def newest_complete(run: Path) -> Path | None:
    """The newest complete checkpoint of a run, or None. Damaged ones are named on stdout and removed."""
    for checkpoint in sorted(
        run.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True
    ):
        problem = damage(checkpoint)
        if not problem:
            return checkpoint
        print(f"{checkpoint} is not used: {problem}", flush=True)
        shutil.rmtree(checkpoint)
    return None


def seconds_until(checkpoint: Path | None) -> float:
    """Training seconds spent up to a complete checkpoint; 0 without one."""
    return read_json(checkpoint / MANIFEST)["seconds"] if checkpoint else 0.0


class CompleteCheckpoints(TrainerCallback):
    """Declares a checkpoint complete once every rank has written its part, and counts the training seconds."""

    def __init__(self, seconds_before: float):
        self._before = seconds_before
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Training seconds so far, those up to the resumed checkpoint included."""
        return self._before + time.perf_counter() - self._start

    def on_train_begin(self, args, state, control, **kwargs):
        """Start the clock: loading is not training."""
        self._start = time.perf_counter()

    def on_save(self, args, state, control, **kwargs):
        """Write the manifest, from rank 0, after all ranks are done."""
        torch.distributed.barrier()
        if state.is_world_process_zero:
            write_manifest(Path(args.output_dir) / f"checkpoint-{state.global_step}", self.seconds)


class StopAtSigterm(TrainerCallback):
    """At SIGTERM: finish the step, save a checkpoint, stop. All ranks agree, since each saves a part."""

    def __init__(self):
        self._asked = False
        self._previous = signal.SIG_DFL

    def on_train_begin(self, args, state, control, **kwargs):
        """Catch SIGTERM from now on; before, there is nothing worth saving."""
        self._previous = signal.signal(signal.SIGTERM, self._ask)

    def on_step_end(self, args, state, control, **kwargs):
        """Stop if any rank was asked to."""
        asked = torch.tensor(int(self._asked), device=args.device)
        torch.distributed.all_reduce(asked, op=torch.distributed.ReduceOp.MAX)
        if asked.item():
            control.should_save = control.should_training_stop = True

    def on_train_end(self, args, state, control, **kwargs):
        """Let SIGTERM end the process again."""
        signal.signal(signal.SIGTERM, self._previous)

    def _ask(self, signum, frame):
        self._asked = True


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
