"""Ask the forms of an exported student about the same windows, greedily, and write how far they agree: parity.json."""

import argparse
import logging
import os
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.data.windows import read_windows
from hearth.engines import Decoding, Engine
from hearth.evaluation.parity import compare_formats, parse_answers, sample_evenly
from hearth.models.snapshot import adapter_digest, kept_files, read_snapshot
from hearth.recognition.shards import recognise


def main(argv=None):
    """Recognise with adapter, merged model and GGUF; a killed run goes on where it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export", required=True, type=Path, help="folder of the export")
    parser.add_argument("--model", required=True, type=Path, help="snapshot folder of the base model")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the dataset it learned from")
    parser.add_argument("--count", required=True, type=int, help="test windows to ask about")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto", help="of the weights")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="of adapter and merged model")
    parser.add_argument("--work", required=True, type=Path, help="folder of the journals")
    parser.add_argument("--out", required=True, type=Path, help="parity.json to write")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    about, prompt = files.read_json(arguments.export / "export.json"), files.read_json(arguments.export / "prompt.json")
    dataset = read_windows(arguments.windows)
    windows = sample_evenly([window for window in dataset if window["split"] == "test"], arguments.count)
    decoding = Decoding(temperature=0, max_new_tokens=about["decoding"]["max_new_tokens"])
    answers = {}
    for form, (engine, weights) in forms(arguments, about).items():
        work = arguments.work / form
        predictions, _ = recognise(windows, prompt, engine.tokenizer, engine, decoding, weights, work, dataset)
        answers[form] = parse_answers(windows, predictions, prompt["labels"])
    document = {
        "student": about["student"],
        "dataset": windows[0]["dataset"],
        "windows": len(windows),
        "events": sum(len(window["events"]) for window in windows),
        "decoding": {"temperature": 0, "max_new_tokens": decoding.max_new_tokens},
        **compare_formats(answers),
    }
    if "gguf" in answers:
        document["gguf"]["prompts"] = "text" if about["gguf"]["pre_tokenizer"] else "token ids"
    files.write_json(arguments.out, document)


def forms(arguments: argparse.Namespace, about: dict) -> dict[str, tuple[Engine, dict]]:
    """(engine, digests of its weights) of every form of the student, the adapter first."""
    from hearth.engines.llamacpp import LlamaCppEngine
    from hearth.engines.transformers import TransformersEngine

    adapter, merged = arguments.export / "adapter", arguments.export / "merged"
    how = {"dtype": arguments.dtype, "device": arguments.device}
    base = {"model": read_snapshot(arguments.model)["digest"], "adapter": adapter_digest(adapter)}
    whole = {path.name: files.file_digest(path) for path in kept_files(merged)}
    found = {
        "adapter": (TransformersEngine(arguments.model, adapter, **how), base),
        "merged": (TransformersEngine(merged, **how), whole),
    }
    if about["gguf"]["file"]:
        path, by_ids = arguments.export / about["gguf"]["file"], not about["gguf"]["pre_tokenizer"]
        found["gguf"] = LlamaCppEngine(path, merged, by_ids), {"model": files.file_digest(path), "by_ids": by_ids}
    return found


if __name__ == "__main__":
    run(main)
