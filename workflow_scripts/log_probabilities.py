"""Score the text of one shard of predictions with a language model: top-k log-probabilities of every token."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hearth.common import files
from hearth.common.cli import UserError, json_option, run
from hearth.common.config_schema import setting_default
from hearth.common.log_probabilities import write_log_probabilities
from hearth.data.folds import read_splits, train_split
from hearth.data.indexed_windows import IndexedWindows
from hearth.data.shards import parse_shard
from hearth.engines.registry import LOCAL_ENGINES, SERVED_ENGINE, SERVER_ENGINE, VLLMSettings, make_local_engine
from hearth.models.load import DEVICES, DTYPES, work_offline
from hearth.models.snapshot import adapter_digest, read_snapshot
from hearth.models.staging import staged
from hearth.prompting.predictions import iterate_predictions
from hearth.prompting.prompts import read_prompt, shows_similar_windows
from hearth.recognition.scoring import score_head, score_shard


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the program's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the scoring model, with snapshot.json")
    parser.add_argument("--adapter", type=Path, help="folder of its adapter, if it is a student")
    parser.add_argument("--windows", type=Path, required=True, help="windows.jsonl of the dataset")
    parser.add_argument("--index", type=Path, required=True, help="index of windows.jsonl")
    parser.add_argument("--splits", type=Path, help="splits.json of the dataset, unless --split is all")
    parser.add_argument("--split", required=True, help="split of the shard: all, test<k> or train<k>")
    parser.add_argument("--shard", required=True, help="first and last position in the split, such as 00000-00063")
    parser.add_argument("--predictions", type=Path, required=True, help="predictions of the shard (JSON lines)")
    parser.add_argument("--prompt", type=Path, required=True, help="rendered prompt of the scoring model (JSON)")
    parser.add_argument("--top-tokens", type=int, required=True, help="likeliest tokens to keep for each token")
    parser.add_argument(
        "--engine", choices=(*LOCAL_ENGINES, SERVED_ENGINE, SERVER_ENGINE), required=True, help="runs the model"
    )
    parser.add_argument(
        "--dtype", choices=DTYPES, default=setting_default("engine", "dtype"), help="number format of the weights"
    )
    parser.add_argument(
        "--device", choices=DEVICES, default=setting_default("engine", "device"), help="auto: cuda if there is a GPU"
    )
    parser.add_argument("--batch-size", type=batch_size, default="auto", help="largest number of texts at a time")
    parser.add_argument("--tensor-parallel", type=int, default=1, help="vllm: GPUs that share every layer")
    parser.add_argument("--pipeline-parallel", type=int, default=1, help="vllm: groups of layers on GPUs of their own")
    parser.add_argument("--engine-options", default="{}", help="vllm: options that decide results (JSON object)")
    parser.add_argument("--engine-tuning", default="{}", help="vllm: options that decide none (JSON object)")
    parser.add_argument("--cache", type=Path, help="vllm: folder for what vLLM compiles")
    parser.add_argument(
        "--stage-weights",
        default=setting_default("engine", "stage_weights"),
        help="folder on a disk of this node to copy the weights to; empty: do not copy",
    )
    parser.add_argument("--out", type=Path, required=True, help="log-probabilities to write (safetensors)")
    parser.add_argument("--stats", type=Path, required=True, help="stats to write (JSON): time, tokens, memory")
    return parser.parse_args(argv)


def batch_size(text: str) -> int | Literal["auto"]:
    """Parse a number of texts, or auto."""
    return "auto" if text == "auto" else int(text)


def main(argv: Sequence[str] | None = None) -> None:
    """Write log-probabilities and stats. A killed run starts again: nothing is written before its end."""
    arguments = parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if arguments.engine not in LOCAL_ENGINES:
        raise UserError(
            f"--engine {arguments.engine}: a server does not give the log-probabilities of finished text; set "
            f"engine.name to {' or '.join(LOCAL_ENGINES)}, with a teacher that is no served model"
        )
    work_offline()  # Compute nodes have no network.
    splits = read_splits(arguments.splits) if arguments.splits else None
    dataset = IndexedWindows(arguments.windows, arguments.index, splits)
    windows = dataset.read(arguments.split, parse_shard(arguments.shard))
    prompt = read_prompt(arguments.prompt)
    train = dataset.read(train_split(arguments.split)) if shows_similar_windows(prompt) else []
    weights = {
        "model": read_snapshot(arguments.model)["digest"],
        "adapter": adapter_digest(arguments.adapter) if arguments.adapter else None,
    }
    options = {
        **json_option("--engine-options", arguments.engine_options, dict),
        **json_option("--engine-tuning", arguments.engine_tuning, dict),
    }
    vllm = VLLMSettings(arguments.tensor_parallel, arguments.pipeline_parallel, options, arguments.cache, scores=True)
    with staged(arguments.model, arguments.stage_weights) as folder:
        engine = make_local_engine(
            arguments.engine, folder, arguments.adapter, arguments.dtype, arguments.device, arguments.batch_size, vllm
        )
        predictions = iterate_predictions(arguments.predictions)
        texts, stats = score_shard(windows, predictions, prompt, engine, arguments.top_tokens, train)
        head = score_head(engine, weights, arguments.top_tokens, files.file_digest(arguments.predictions))
    write_log_probabilities(arguments.out, head, texts)
    files.write_json(arguments.stats, stats)


if __name__ == "__main__":
    run(main)
