"""Let a language model, with or without an adapter, name the activities of one shard of windows."""

import argparse
import logging
import os
from pathlib import Path

from hearth import files, models
from hearth.engines import Decoding
from hearth.programs import json_option, run
from hearth.recognition import recognise, shard_windows


def main(argv=None):
    """Write raw predictions and their stats; a killed run goes on where it was when it is started again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the model's folder, with snapshot.json")
    parser.add_argument("--adapter", type=Path, help="a student's adapter folder")
    parser.add_argument("--windows", type=Path, required=True, help="windows.jsonl of the dataset")
    parser.add_argument("--split", choices=("train", "test"), required=True, help="which windows")
    parser.add_argument("--shard", required=True, help="first and last position in the split, such as 00000-00063")
    parser.add_argument("--prompt", type=Path, required=True, help="the rendered prompt, JSON")
    parser.add_argument("--decoding", required=True, help="decoding of the config, as JSON")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto", help="of the weights")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: cuda where there is one"
    )
    parser.add_argument("--batch-size", type=int, default=16, help="windows generated at a time")
    parser.add_argument("--work", type=Path, required=True, help="folder of this shard's journal")
    parser.add_argument("--out", type=Path, required=True, help="predictions to write, JSON lines")
    parser.add_argument("--stats", type=Path, required=True, help="seconds, tokens and memory to write, JSON")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    decoding = Decoding.of(json_option("--decoding", arguments.decoding, dict))
    recogniser = {
        "model": models.read_snapshot(arguments.model)["digest"],
        "adapter": models.adapter_digest(arguments.adapter) if arguments.adapter else None,
    }
    windows = shard_windows(files.read_json_lines(arguments.windows), arguments.split, arguments.shard)

    # Compute nodes have no network: whatever transformers needs lies in the folder. It reads these when imported.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    from hearth.engines.transformers import TransformersEngine

    engine = TransformersEngine(
        arguments.model, arguments.adapter, arguments.dtype, arguments.device, arguments.batch_size
    )
    predictions, stats = recognise(
        windows, files.read_json(arguments.prompt), engine.tokenizer, engine, decoding, recogniser, arguments.work
    )
    files.write_json(arguments.stats, stats)
    files.write_json_lines(arguments.out, predictions)


if __name__ == "__main__":
    run(main)
