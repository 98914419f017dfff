"""Let a language model, with or without an adapter, or a baseline name the activities of one shard of windows."""

import argparse
import logging
import os
from pathlib import Path

from hearth.common import files
from hearth.common.cli import UserError, json_option, run
from hearth.data.windows import read_windows
from hearth.engines import Decoding, Engine
from hearth.models.snapshot import adapter_digest, read_snapshot
from hearth.recognition.shards import recognise, shard_windows
from hearth.workflow.recognisers import BASELINES

AT_A_TIME = 16  # windows, where nothing is said


def main(argv=None):
    """Write raw predictions and their stats; a killed run goes on where it was when it is started again."""
    parser = argparse.ArgumentParser(description=__doc__)
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--model", type=Path, help="a language model's folder, with snapshot.json")
    who.add_argument("--baseline", choices=BASELINES, help="a baseline; it learns from the train split of --windows")
    parser.add_argument("--adapter", type=Path, help="a student's adapter folder")
    parser.add_argument("--windows", type=Path, required=True, help="windows.jsonl of the dataset")
    parser.add_argument("--split", choices=("train", "test"), required=True, help="which windows")
    parser.add_argument("--shard", required=True, help="first and last position in the split, such as 00000-00063")
    parser.add_argument("--prompt", type=Path, help="the rendered prompt, JSON, for a model")
    parser.add_argument("--decoding", help="decoding of the config, as JSON, for a model")
    parser.add_argument(
        "--engine",
        choices=("transformers", "vllm"),
        default="transformers",
        help="of a model that is not served",
    )
    parser.add_argument("--base-url", default="", help="for a served model: its server, http(s)://HOST[:PORT]/PATH")
    parser.add_argument("--timeout", type=float, default=600, help="for a served model: seconds an answer may take")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto", help="of the weights")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: cuda where there is one"
    )
    parser.add_argument(
        "--batch-size",
        type=batch_size,
        default=AT_A_TIME,
        help="windows at a time; auto: as many as the free memory holds",
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of this shard's journal")
    parser.add_argument("--out", type=Path, required=True, help="predictions to write, JSON lines")
    parser.add_argument("--stats", type=Path, required=True, help="seconds, tokens and memory to write, JSON")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if arguments.model and not (arguments.prompt and arguments.decoding):
        parser.error("--model needs --prompt and --decoding")
    dataset = read_windows(arguments.windows)
    windows = shard_windows(dataset, arguments.split, arguments.shard)
    if arguments.model:
        predictions, stats = by_model(arguments, windows, dataset)
    else:
        # Imported here: the libraries take seconds to import, and language models need none of them.
        from hearth.recognition import baselines

        predictions, stats = baselines.recognise(arguments.baseline, windows, dataset)
    files.write_json(arguments.stats, stats)
    files.write_json_lines(arguments.out, predictions)


def batch_size(text: str) -> int | str:
    """A number of windows, or auto."""
    return text if text == "auto" else int(text)


def by_model(arguments: argparse.Namespace, windows: list[dict], dataset: list[dict]) -> tuple[list[dict], dict]:
    """(predictions, stats) of the language model that the arguments name."""
    decoding = Decoding.of(json_option("--decoding", arguments.decoding, dict))
    snapshot = read_snapshot(arguments.model)
    recogniser = {
        "model": snapshot["digest"],
        "adapter": adapter_digest(arguments.adapter) if arguments.adapter else None,
    }
    prompt = files.read_json(arguments.prompt)
    engine = engine_of(arguments, snapshot)
    return recognise(windows, prompt, engine.tokenizer, engine, decoding, recogniser, arguments.work, dataset)


def engine_of(arguments: argparse.Namespace, snapshot: dict) -> Engine:
    """What runs the model of the arguments: for a served one its server, else the engine that they name."""
    # The other engines look after memory themselves.
    together = AT_A_TIME if arguments.batch_size == "auto" else arguments.batch_size
    if "served" in snapshot:
        if arguments.adapter:
            raise UserError(f"{arguments.model}: this model is served, and cannot be asked with an adapter")
        from hearth.engines.openai import OpenAIEngine

        served = snapshot["served"]
        return OpenAIEngine(served["model"], arguments.base_url, served["interface"], together, arguments.timeout)
    # Compute nodes have no network: whatever transformers needs lies in the folder. It reads these when imported.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    if arguments.engine == "vllm":
        from hearth.engines.vllm import VLLMEngine

        return VLLMEngine(arguments.model, arguments.adapter, arguments.dtype, arguments.device, together)
    from hearth.engines.transformers import TransformersEngine

    return TransformersEngine(
        arguments.model, arguments.adapter, arguments.dtype, arguments.device, arguments.batch_size
    )


if __name__ == "__main__":
    run(main)
