"""Recognise the activities in one shard of windows with a language model, adapted or not."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hearth.common import files
from hearth.common.cli import UserError, json_option, run
from hearth.common.config_schema import setting_default
from hearth.data.folds import read_splits, train_split
from hearth.data.indexed_windows import IndexedWindows
from hearth.data.shards import parse_shard
from hearth.engines.chat_request import LIMIT_FIELDS
from hearth.engines.protocol import Decoding, Engine
from hearth.engines.registry import LOCAL_ENGINES, SERVED_ENGINE, SERVER_ENGINE, VLLMSettings, make_local_engine
from hearth.models.load import DEVICES, DTYPES, work_offline
from hearth.models.measure import measure_model
from hearth.models.snapshot import Snapshot, adapter_digest, read_snapshot
from hearth.models.staging import staged
from hearth.prompting.prompts import prompt_date, read_prompt, shows_similar_windows
from hearth.recognition.shards import recognise_shard

# Replaces `auto` for servers, which do not say how many requests they run at a time.
FIXED_BATCH_SIZE = 16
# Replaces `auto` for the run's own server, which queues what it cannot run yet; other servers may limit their users.
OWN_SERVER_REQUESTS = 128


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the program's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a language model, with snapshot.json")
    parser.add_argument("--adapter", type=Path, help="folder of a student's adapter")
    parser.add_argument("--windows", type=Path, required=True, help="windows.jsonl of the dataset")
    parser.add_argument("--index", type=Path, required=True, help="index of windows.jsonl")
    parser.add_argument("--splits", type=Path, help="splits.json of the dataset, unless --split is all")
    parser.add_argument("--split", required=True, help="split of the shard: all, test<k> or train<k>")
    parser.add_argument("--shard", required=True, help="first and last position in the split, such as 00000-00063")
    parser.add_argument("--prompt", type=Path, required=True, help="rendered prompt (JSON)")
    parser.add_argument("--decoding", required=True, help="complete decoding settings as JSON")
    parser.add_argument(
        "--engine",
        choices=(*LOCAL_ENGINES, SERVED_ENGINE, SERVER_ENGINE),
        required=True,
        help="engine that runs the model",
    )
    parser.add_argument(
        "--base-url",
        default=setting_default("engine", "base_url"),
        help="server of a served model, http(s)://HOST[:PORT]/PATH",
    )
    parser.add_argument(
        "--limit-field",
        choices=LIMIT_FIELDS,
        default=LIMIT_FIELDS[0],
        help="request field of a served model for the longest answer",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=setting_default("engine", "timeout"),
        help="seconds that a server's answer may take",
    )
    parser.add_argument("--server", type=Path, help="folder of the run's own server, which serve.py writes")
    parser.add_argument(
        "--server-wait",
        type=float,
        default=setting_default("engine", "server_wait"),
        help="seconds to wait for a server that has not started yet",
    )
    parser.add_argument(
        "--dtype", choices=DTYPES, default=setting_default("engine", "dtype"), help="number format of the weights"
    )
    parser.add_argument(
        "--device", choices=DEVICES, default=setting_default("engine", "device"), help="auto: cuda if there is a GPU"
    )
    parser.add_argument(
        "--batch-size",
        type=batch_size,
        default=setting_default("engine", "batch_size"),
        help="windows at a time; auto: as many as fit into free memory, or as vllm's scheduler admits",
    )
    parser.add_argument("--tensor-parallel", type=int, default=1, help="vllm: GPUs that share every layer")
    parser.add_argument("--pipeline-parallel", type=int, default=1, help="vllm: groups of layers on GPUs of their own")
    parser.add_argument(
        "--engine-options",
        default="{}",
        help="options that decide results (JSON object): those of vllm, or omitted_fields of a served model",
    )
    parser.add_argument("--engine-tuning", default="{}", help="vllm: options that decide none (JSON object)")
    parser.add_argument("--cache", type=Path, help="vllm: folder for what vLLM compiles")
    parser.add_argument(
        "--max-unanswered-share",
        type=float,
        default=setting_default("engine", "max_unanswered_share"),
        help="largest accepted share of windows without an answer",
    )
    parser.add_argument(
        "--stage-weights",
        default=setting_default("engine", "stage_weights"),
        help="folder on a disk of this node to copy the weights to; empty: do not copy",
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of this shard's journal")
    parser.add_argument("--out", type=Path, required=True, help="predictions to write (JSON lines)")
    parser.add_argument("--stats", type=Path, required=True, help="stats to write (JSON): time, tokens, memory")
    arguments = parser.parse_args(argv)
    if arguments.engine == SERVER_ENGINE and not arguments.server:
        parser.error(f"--engine {SERVER_ENGINE} needs --server")
    return arguments


def batch_size(text: str) -> int | Literal["auto"]:
    """Parse a number of windows, or auto."""
    return "auto" if text == "auto" else int(text)


def main(argv: Sequence[str] | None = None) -> None:
    """Write raw predictions and their stats. A killed run resumes when it is started again."""
    arguments = parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    splits = read_splits(arguments.splits) if arguments.splits else None
    dataset = IndexedWindows(arguments.windows, arguments.index, splits)
    windows = dataset.read(arguments.split, parse_shard(arguments.shard))
    prompt = read_prompt(arguments.prompt)
    train = dataset.read(train_split(arguments.split)) if shows_similar_windows(prompt) else []
    decoding = Decoding.from_settings(json_option("--decoding", arguments.decoding, dict))
    snapshot = read_snapshot(arguments.model)
    weights = {
        "model": snapshot["digest"],
        "adapter": adapter_digest(arguments.adapter) if arguments.adapter else None,
    }
    # A server loads the weights itself.
    with staged(arguments.model, "" if arguments.engine == SERVER_ENGINE else arguments.stage_weights) as folder:
        engine = make_engine(arguments, snapshot, folder, prompt_date(prompt))
        predictions, stats = recognise_shard(
            windows, prompt, engine, decoding, weights, arguments.work, train, arguments.max_unanswered_share
        )
    files.write_json(arguments.stats, stats)
    files.write_json_lines(arguments.out, predictions)


def make_engine(arguments: argparse.Namespace, snapshot: Snapshot, folder: Path, date: str) -> Engine:
    """Return the engine that `--engine` names, for the model in `folder`, which has this snapshot.

    `date` (ISO) is what a served model's chat template takes for today.
    """
    deciding = json_option("--engine-options", arguments.engine_options, dict)
    size = arguments.batch_size
    if size == "auto" and arguments.engine in (SERVED_ENGINE, SERVER_ENGINE):
        size = OWN_SERVER_REQUESTS if arguments.engine == SERVER_ENGINE else FIXED_BATCH_SIZE
    if arguments.engine == SERVED_ENGINE:
        if arguments.adapter:
            raise UserError(f"{arguments.model}: this model is served, so it cannot run with an adapter")
        from hearth.engines.openai import OpenAIEngine

        served = snapshot["served"]
        return OpenAIEngine(
            served["model"],
            arguments.base_url,
            served["interface"],
            size,
            arguments.timeout,
            wait=arguments.server_wait,
            limit_field=arguments.limit_field,
            omitted=deciding.get("omitted_fields", ()),
            date=date,
        )
    if arguments.engine == SERVER_ENGINE:
        from hearth.engines.server import ServerEngine

        return ServerEngine(
            arguments.server,
            size,
            arguments.timeout,
            arguments.server_wait,
            measure_model(arguments.model).context,
            options=deciding,
        )
    work_offline()  # Compute nodes have no network.
    tuning = json_option("--engine-tuning", arguments.engine_tuning, dict)
    vllm = VLLMSettings(arguments.tensor_parallel, arguments.pipeline_parallel, {**deciding, **tuning}, arguments.cache)
    return make_local_engine(arguments.engine, folder, arguments.adapter, arguments.dtype, arguments.device, size, vllm)


if __name__ == "__main__":
    run(main)
