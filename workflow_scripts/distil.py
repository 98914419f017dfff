"""Distil a teacher's traces into a student: a LoRA adapter on a small model.

The program starts itself again under torchrun, with `--ranks` processes on each of `--nodes` nodes: one for each GPU,
or one where there is no GPU. torchrun also reads abbreviations of its own options behind the script's name, so no
option here may begin one of its options (hence --training-log, not --log).
"""

import argparse
import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hearth.common.cli import UserError, json_option, run
from hearth.common.files import digest, file_digest, read_json_object, write_json, write_text
from hearth.common.locks import locked
from hearth.distillation import card, launch
from hearth.distillation.balance import Division, take_division
from hearth.distillation.documents import ExamplePart, TrainingLog, read_training_log, truncated_examples
from hearth.distillation.recipes import PAPER_RECIPE, RECIPES
from hearth.distillation.source_options import add_source_options, example_sources
from hearth.models.load import DTYPES, load_tokenizer, resolve_device, resolve_dtype, vocabulary_size, work_offline
from hearth.models.snapshot import adapter_digest, read_snapshot
from hearth.models.tokens import check_turn_end

if TYPE_CHECKING:  # at run time torch is imported after prepare_environment
    from hearth.distillation.example_parts import Source
    from hearth.distillation.examples import Examples
    from hearth.distillation.settings import TrainingSettings
    from transformers import PreTrainedTokenizerFast

# File in `--work` that rank 0 locks: one process at a time trains a student.
LOCK = "lock"


def parse_options(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the program's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0], allow_abbrev=False)
    parser.add_argument("--student", required=True, help="name of the student")
    parser.add_argument("--model", required=True, type=Path, help="snapshot folder of the base model")
    parser.add_argument("--earlier-adapter", type=Path, help="folder of an adapter to train on, in place of a new one")
    parser.add_argument("--earlier-log", type=Path, help="training_log.json of that adapter")
    parser.add_argument("--teacher", default="", help="name of the recogniser that wrote the traces")
    parser.add_argument("--trained-on", default="", help="name of the datasets together, if there are several")
    parser.add_argument(
        "--recipe", default=PAPER_RECIPE, choices=RECIPES, help="which traces are learned, and which text for each"
    )
    add_source_options(parser)
    parser.add_argument(
        "--training",
        required=True,
        help="training settings, as a JSON object; also balance (size, by default, or home: the division of the "
        "examples among the datasets) and replay (the share of them that are traces of the base itself; 0 by default)",
    )
    parser.add_argument(
        "--sizes",
        nargs="*",
        default=[],
        type=Path,
        help="sizes.json of datasets; the training setting max_examples: smallest is the smallest split among them",
    )
    parser.add_argument(
        "--micro-batch-size", help="the training setting of that name, which decides no result: auto or a number"
    )
    parser.add_argument("--save-steps", type=int, help="the training setting of that name, which decides no result")
    parser.add_argument("--deepspeed", required=True, type=Path, help="DeepSpeed configuration (json)")
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=DTYPES,
        help="number format of training; auto: bfloat16 on a GPU, float32 without one",
    )
    parser.add_argument("--nodes", type=int, default=1, help="nodes; if more than 1, those of the current SLURM job")
    parser.add_argument("--ranks", type=int, default=1, help="processes on each node: one per GPU, or 1 without a GPU")
    parser.add_argument("--notes", default="[]", help="JSON list of sentences for the card, such as `Simulated home.`")
    parser.add_argument("--work", required=True, type=Path, help="folder for checkpoints, kept for resuming")
    parser.add_argument("--adapter", required=True, type=Path, help="folder to write the adapter to")
    parser.add_argument("--training-log", required=True, type=Path, help="training_log.json to write")
    parser.add_argument("--card", required=True, type=Path, help="model_card.md to write")
    parser.add_argument("--stats", required=True, type=Path, help="timings and memory to write (json)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Train the student, check its adapter and write all outputs. Every rank runs this; rank 0 writes."""
    options = parse_options(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("hearth").setLevel(logging.INFO)  # others log every detail of a start
    if "RANK" not in os.environ:
        restart_under_torchrun(options, sys.argv[1:] if argv is None else argv)
    prepare_environment()
    from hearth.distillation import checkpoints, export, training
    from hearth.distillation.settings import check_settings, check_steps, deciding_settings

    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    training_options = json_option("--training", options.training, dict)
    if training_options.get("max_examples") == "smallest":
        training_options["max_examples"] = smallest_split(options.sizes, options.split)
    if size := options.micro_batch_size:
        training_options["micro_batch_size"] = int(size) if size.isdecimal() else size
    if options.save_steps:
        training_options["save_steps"] = options.save_steps
    division = take_division(training_options)
    settings = check_settings(training_options)
    notes = [str(note) for note in json_option("--notes", options.notes, list)]
    base, sources = read_snapshot(options.model), example_sources(options)
    prompt = sources[0].prompt
    deepspeed = read_json_object(options.deepspeed)
    tokenizer = load_tokenizer(options.model)
    check_turn_end(options.model, tokenizer)
    examples = read_examples(options, rank, base["digest"], sources, tokenizer, settings, division)
    too_long = examples.counts["left_out"]["too_long"]
    if rank == 0 and too_long:
        print(
            f"{too_long} of {examples.counts['traces']} traces are left out: with their prompts they have more than "
            f"{settings['max_length']} tokens (students.training.max_length)",
            flush=True,
        )
    if rank == 0:
        for line in part_lines(examples.parts):
            print(line, flush=True)
        if own_texts := examples.own_texts:
            print(f"the student's own text, in windows: {own_texts}", flush=True)
    warning = truncated_examples(examples.counts, examples.parts)
    if rank == 0 and warning:
        print(f"warning: {warning}", flush=True)
    check_steps(settings, examples.n_windows)
    dtype = resolve_dtype(options.dtype, resolve_device("auto"))
    start = adapter_digest(options.earlier_adapter) if options.earlier_adapter else ""
    fingerprint = training.make_fingerprint(base["digest"], examples, settings, deepspeed, dtype, ranks, start)
    run_folder = options.work / digest(fingerprint)[:12]
    arguments = training.training_arguments(settings, deepspeed, run_folder, dtype, ranks)

    with locked(options.work / LOCK) if rank == 0 else contextlib.nullcontext():
        if rank == 0:
            checkpoints.record_fingerprint(run_folder, fingerprint)
        outcome = training.train(options.model, tokenizer, examples, settings, arguments, options.earlier_adapter)
        unfinished = options.adapter.with_name(f".{options.adapter.name}.part")
        export.save_adapter(outcome.trainer, base["model"], unfinished)
        if rank == 0:
            export.check_adapter(options.model, unfinished)
            log: TrainingLog = {
                "student": options.student,
                "base": {
                    "model": base["model"],
                    "source": base["source"],
                    "revision": base["revision"],
                    "license": base["license"],
                    "stand_in": base["stand_in"],
                    "digest": base["digest"],
                },
                "teacher": options.teacher,
                "dataset": options.trained_on or examples.parts[0]["dataset"],
                "split": options.split,
                "recipe": options.recipe,
                "prompt": {"version": prompt["version"], "reasoning": prompt["reasoning"]},
                "settings": deciding_settings(settings),
                "deepspeed": deepspeed,
                "dtype": dtype,
                "ranks": ranks,
                "static_prefix": outcome.static_prefix,
                "examples": examples.counts,
                "teacher_tokens": examples.teacher_tokens,
                "trainable_parameters": outcome.trainable_parameters,
                "steps": len(outcome.losses),
                "losses": outcome.losses,
                "digests": {
                    "run": digest(fingerprint),
                    "examples": examples.digest(),
                    "traces": digest_of([source.files.traces for source in sources if source.files.traces]),
                },
            }
            if start:
                earlier = read_training_log(options.earlier_log)
                log["continues"] = {
                    "student": earlier["student"],
                    "adapter": start,
                    "steps": earlier["steps"] + (earlier["continues"]["steps"] if "continues" in earlier else 0),
                }
            if own_texts := examples.own_texts:
                log |= {"own_texts": own_texts}
            if len(examples.parts) > 1:
                log |= {"parts": examples.parts, "balance": division["balance"]}
            export.publish(unfinished, options.adapter)
            write_json(options.training_log, log)
            write_text(options.card, card.model_card(log, notes))
            write_json(options.stats, outcome.stats)
    training.exit_process()


def smallest_split(sizes: Sequence[Path], split: str) -> int:
    """Return the smallest number of windows that a split has in any dataset; `sizes` are their files sizes.json."""
    if not sizes:
        raise UserError("max_examples: smallest needs --sizes")
    return min(int(read_json_object(path)[split]) for path in sizes)


def restart_under_torchrun(options: argparse.Namespace, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by torchrun, or on several nodes by srun, which starts this program on each of them.

    Wait first while another process trains the student, such as that of a job that outlived its node or its Snakemake;
    the ranks then resume from its checkpoints. If rank 0 waited, the others would give up after half an hour.
    """
    # glibc reads these variables when a process starts. By default it returns the memory of a step's tensors to the
    # system and maps it again in the next step, page by page. On a CPU this takes a sixth of a small model's training.
    memory = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(512 << 20)}
    command = launch.start_command(options.nodes, options.ranks, [__file__, *arguments], os.environ)
    with locked(options.work / LOCK):
        pass
    # That program then receives signals, and its exit status is this program's.
    os.execvpe(command[0], command, memory | os.environ)


def prepare_environment() -> None:
    """Set the environment variables that libraries read when they are first imported, and check the GPUs."""
    work_offline()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # Without this, waiting threads spin, and on a shared machine they take time from working threads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic matrix products
    # Otherwise memory that examples of one length have left in pieces does not serve those of another.
    if "PYTORCH_CUDA_ALLOC_CONF" not in os.environ:
        os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
    warnings.simplefilter("ignore", FutureWarning)  # the libraries cause them in each other at every step
    if sys.platform == "linux":
        # torchrun starts each rank in a session of its own. When torchrun is killed, its ranks must receive SIGTERM.
        parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGTERM)
    import torch

    if not torch.cuda.is_available():
        os.environ["DS_ACCELERATOR"] = "cpu"
    else:
        launch.check_gpus(int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count())


def part_lines(parts: Sequence[ExamplePart]) -> list[str]:
    """Return a line for each of several datasets with the number of its examples."""
    if len(parts) == 1:
        return []
    return [
        f"{part['dataset']}: {part['counts']['used']} of {part['counts']['traces']} "
        f"{'traces of the base itself' if part['is_replayed'] else 'traces'}"
        for part in parts
    ]


def digest_of(paths: Sequence[Path]) -> str:
    """Return the digest of one file, or that of the digests of several; "" of none."""
    digests = [file_digest(path) for path in paths]
    return digests[0] if len(digests) == 1 else digest(digests) if digests else ""


def content_of(part: object) -> object:
    """Return the digest of a file, the digests of several, or any other part of a source as it is."""
    if isinstance(part, tuple):
        return [file_digest(path) for path in part]
    return file_digest(part) if isinstance(part, Path) else part


def read_examples(
    options: argparse.Namespace,
    rank: int,
    model_digest: str,
    sources: "Sequence[Source]",
    tokenizer: "PreTrainedTokenizerFast",
    settings: "TrainingSettings",
    division: Division,
) -> "Examples":
    """Return the training examples. Rank 0 makes them, unless an earlier start of the training did; the others wait.

    They lie in a folder of `--work` that is named by a digest of everything that decides them. If rank 0 fails,
    torchrun ends the other ranks.
    """
    from hearth.distillation.examples import DOCUMENT, open_examples, write_examples
    from hearth.distillation.training import VERSION, package_versions

    deciding = {
        "sources": [
            {
                "files": [content_of(part) for part in source.files],
                "prompt": source.prompt,
                "direct_prompt": source.direct_prompt,
                "recipe": source.recipe.name,
                "is_replayed": source.is_replayed,
            }
            for source in sources
        ],
        "model": model_digest,
        **division,
        "settings": {key: settings[key] for key in ("max_length", "truncated_traces", "max_examples", "seed")},
        "code": [VERSION, package_versions()],
    }
    folder = options.work / f"examples-{digest(deciding)[:12]}"
    if rank == 0 and not (folder / DOCUMENT).exists():
        vocabulary = vocabulary_size(options.model) if options.log_probabilities else None
        write_examples(folder, sources, tokenizer, settings, **division, vocabulary=vocabulary)
    while not (folder / DOCUMENT).exists():
        time.sleep(1)
    return open_examples(folder)


if __name__ == "__main__":
    run(main)
