"""Distil a teacher's traces into a student: a LoRA adapter on a small model.

It starts itself anew by torchrun, `--ranks` processes on each of `--nodes` nodes: one a GPU, one where there is none.
torchrun reads abbreviations of its own options after the script's name too, so no option here may
begin one of its (hence --training-log, not --log).
"""

import argparse
import contextlib
import ctypes
import os
import signal
import sys
import warnings
from pathlib import Path

from hearth.common.cli import json_option, run
from hearth.common.files import digest, file_digest, read_json, read_json_lines, write_json, write_text
from hearth.data.windows import read_windows
from hearth.distillation import card, launch
from hearth.distillation.recipes import RECIPES


def parse(argv=None) -> argparse.Namespace:
    """The program's options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], allow_abbrev=False)
    parser.add_argument("--student", required=True, help="name of the student")
    parser.add_argument("--model", required=True, type=Path, help="snapshot folder of the base model")
    parser.add_argument("--teacher", default="", help="name of the recogniser that wrote the traces")
    parser.add_argument(
        "--traces", type=Path, help="the teacher's raw predictions on the train split, unless the recipe has no teacher"
    )
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the dataset")
    parser.add_argument("--prompt", required=True, type=Path, help="the rendered prompt (json)")
    parser.add_argument("--recipe", default="reasoning", choices=RECIPES, help="what is learned from a trace")
    parser.add_argument(
        "--parsed", type=Path, help="the labels read from the traces, parsed.jsonl, if the recipe needs it"
    )
    parser.add_argument("--audit", type=Path, help="what the audit found in the traces (json), if the recipe needs it")
    parser.add_argument("--training", required=True, help="training settings, as a JSON object")
    parser.add_argument("--deepspeed", required=True, type=Path, help="DeepSpeed configuration (json)")
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=["auto", "float32", "bfloat16"],
        help="number format of training; auto: bfloat16 on a GPU, float32 without one",
    )
    parser.add_argument("--nodes", type=int, default=1, help="nodes; more than one only in a SLURM job of as many")
    parser.add_argument("--ranks", type=int, default=1, help="processes on each of them: one a GPU, or 1")
    parser.add_argument("--notes", default="[]", help="JSON list of sentences for the card, such as `Simulated home.`")
    parser.add_argument("--work", required=True, type=Path, help="folder for checkpoints, kept for resuming")
    parser.add_argument("--adapter", required=True, type=Path, help="folder to write the adapter to")
    parser.add_argument("--training-log", required=True, type=Path, help="training_log.json to write")
    parser.add_argument("--card", required=True, type=Path, help="model_card.md to write")
    parser.add_argument("--stats", required=True, type=Path, help="timings and memory to write (json)")
    return parser.parse_args(argv)


def main(argv=None) -> None:
    """Train, check, publish. Every rank runs this; rank 0 writes."""
    options = parse(argv)
    if "RANK" not in os.environ:
        # glibc reads these when a process starts. It would hand the tensors of a step back to the system and take them
        # anew at the next, page by page: a sixth of the time that a small model trains on a CPU.
        os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(32 << 20))
        os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(512 << 20))
        program = [__file__, *(sys.argv[1:] if argv is None else argv)]
        started = launch.command(options.nodes, options.ranks, program, os.environ)
        os.execvp(started[0], started)  # signals and exit status are its own
    prepare_environment()
    from hearth.distillation import checkpoints, examples, export, training
    from hearth.distillation.settings import check_settings
    from hearth.models.load import load_tokenizer, resolve_device, resolve_dtype
    from hearth.models.snapshot import read_snapshot

    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    settings = check_settings(json_option("--training", options.training, dict))
    notes = json_option("--notes", options.notes, list)
    base, prompt, deepspeed = (
        read_snapshot(options.model),
        read_json(options.prompt),
        read_json(options.deepspeed),
    )
    traces = read_json_lines(options.traces) if options.traces else None
    windows = read_windows(options.windows)
    tokenizer = load_tokenizer(options.model)
    data = examples.build_examples(
        traces,
        windows,
        prompt,
        tokenizer,
        options.recipe,
        settings,
        parsed=read_json_lines(options.parsed) if options.parsed else None,
        audit=read_json(options.audit) if options.audit else None,
    )
    dtype = resolve_dtype(options.dtype, resolve_device("auto"))
    decisive = training.decisive(base["digest"], data, settings, deepspeed, dtype, ranks)
    identity = digest(decisive)
    run_folder = options.work / identity[:12]
    arguments = training.training_arguments(settings, deepspeed, run_folder, dtype, ranks)

    with checkpoints.locked(run_folder) if rank == 0 else contextlib.nullcontext():
        if rank == 0:
            checkpoints.tell_from_others(run_folder, decisive)
        outcome = training.train(options.model, tokenizer, data, settings, arguments)
        part = options.adapter.with_name(f".{options.adapter.name}.part")
        export.save_adapter(outcome.trainer, base["model"], part)
        if rank == 0:
            export.check_adapter(options.model, part)
            log = {
                "student": options.student,
                "base": {key: base[key] for key in ("model", "source", "revision", "license", "stand_in", "digest")},
                "teacher": options.teacher,
                "dataset": windows[0]["dataset"],
                "recipe": options.recipe,
                "prompt": {key: prompt[key] for key in ("version", "reasoning")},
                "settings": settings,
                "deepspeed": deepspeed,
                "dtype": dtype,
                "ranks": ranks,
                "static_prefix": outcome.static_prefix,
                "examples": data.counts,
                "trainable_parameters": outcome.trainable_parameters,
                "steps": len(outcome.losses),
                "losses": outcome.losses,
                "digests": {
                    "run": identity,
                    "examples": data.digest(),
                    "traces": file_digest(options.traces) if options.traces else "",
                },
            }
            export.publish(part, options.adapter)
            write_json(options.training_log, log)
            write_text(options.card, card.model_card(log, notes))
            write_json(options.stats, outcome.stats)
    training.end()


def prepare_environment() -> None:
    """Settings that the libraries read when they are first imported."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # a bar fills a log file
    # Waiting threads that spin starve those that work on a shared machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic matrix products
    warnings.simplefilter("ignore", FutureWarning)  # what the libraries have to tell each other, at every step
    if sys.platform == "linux":
        # torchrun gives us a session of our own; if it is killed, we must not train on unseen.
        parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGTERM)
    import torch

    if not torch.cuda.is_available():
        os.environ["DS_ACCELERATOR"] = "cpu"
    else:
        launch.check_devices(int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count())


if __name__ == "__main__":
    run(main)
