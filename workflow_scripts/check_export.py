"""Recognise windows with adapter, merged model and GGUF file of an exported student, and compare the answers."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hearth.common import files
from hearth.common.cli import run
from hearth.common.config_schema import setting_default
from hearth.data.folds import read_split, read_splits
from hearth.distillation.documents import Export, read_export
from hearth.engines.protocol import Decoding, Engine
from hearth.evaluation.parity import (
    FormScorer,
    Parity,
    ParityAnswers,
    compare_forms,
    compared_windows,
    parse_answers,
)
from hearth.evaluation.score_document import LOST_ANSWERS
from hearth.models.load import DEVICES, DTYPES, work_offline
from hearth.models.snapshot import adapter_digest, kept_files, read_snapshot
from hearth.prompting.prompts import read_prompt, shows_similar_windows
from hearth.recognition.shards import recognise_shard

BATCH_SIZE = 16


def main(argv: Sequence[str] | None = None) -> None:
    """Recognise with adapter, merged model and GGUF file, and compare the answers; a killed run resumes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export", required=True, type=Path, help="folder of the export")
    parser.add_argument("--model", required=True, type=Path, help="snapshot folder of the base model")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the student's own dataset")
    parser.add_argument("--splits", required=True, type=Path, help="splits.json of that dataset")
    parser.add_argument("--count", required=True, type=int, help="number of test windows to recognise")
    parser.add_argument(
        "--dtype", choices=DTYPES, default=setting_default("engine", "dtype"), help="number format of the weights"
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default=setting_default("engine", "device"),
        help="device of adapter and merged model",
    )
    parser.add_argument("--work", required=True, type=Path, help="folder of the journals")
    parser.add_argument(
        "--lost-answers",
        choices=LOST_ANSWERS,
        default=setting_default("metrics", "lost_answers"),
        help="what an event without a label costs in F1",
    )
    parser.add_argument("--answers", required=True, type=Path, help="parity_answers.json to write")
    parser.add_argument("--out", required=True, type=Path, help="parity.json to write")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    work_offline()
    export, prompt = read_export(arguments.export / "export.json"), read_prompt(arguments.export / "prompt.json")
    windows = compared_windows(arguments.windows, arguments.splits, arguments.count)
    train = read_split(arguments.windows, arguments.splits, "train1") if shows_similar_windows(prompt) else []
    decoding = replace(Decoding.greedy(export["decoding"]["max_new_tokens"]), confidence="tokens")
    answers = {}
    for form, (engine, weights) in load_forms(arguments, export).items():
        work = arguments.work / form
        predictions, _ = recognise_shard(windows, prompt, engine, decoding, weights, work, train)
        answers[form] = parse_answers(windows, predictions, prompt["labels"])
    forms = compare_forms(answers)
    groups = {name: session["group"] for name, session in read_splits(arguments.splits)["sessions"].items()}
    scorer = FormScorer(windows, groups, prompt["labels"], arguments.lost_answers)
    forms["adapter"]["figures"] = scorer.figures(answers["adapter"])
    parity: Parity = {
        "student": export["student"],
        "dataset": windows[0]["dataset"],
        "windows": len(windows),
        "events": sum(len(window["events"]) for window in windows),
        "decoding": {"temperature": 0, "max_new_tokens": decoding.max_new_tokens},
        "adapter": forms["adapter"],
        "merged": forms["merged"],
    }
    if "gguf" in forms:
        parity["form"], file = own_file(export)
        parity["gguf"] = forms["gguf"] | {
            "prompts": "text" if export["gguf"]["pre_tokenizer"] else "token ids",
            "bytes": (arguments.export / file).stat().st_size,
            "figures": scorer.figures(answers["gguf"]),
        }
    compared: ParityAnswers = {"adapter": answers["adapter"], "gguf": answers.get("gguf", [])}
    files.write_json(arguments.answers, compared)
    files.write_json(arguments.out, parity)


def own_file(export: Export) -> tuple[str, str]:
    """Return number format and path of the GGUF file in the model's own number format."""
    return next(iter(export["gguf"]["files"].items()))


def load_forms(arguments: argparse.Namespace, export: Export) -> dict[str, tuple[Engine, dict[str, Any]]]:
    """Return a dict from each format, the adapter first, to its engine and the digests that identify its weights."""
    from hearth.engines.llamacpp import LlamaCppEngine
    from hearth.engines.transformers import TransformersEngine

    adapter, merged = arguments.export / "adapter", arguments.export / "merged"
    dtype, device = arguments.dtype, arguments.device
    forms: dict[str, tuple[Engine, dict[str, Any]]] = {
        "adapter": (
            TransformersEngine(arguments.model, adapter, dtype, device, BATCH_SIZE),
            {"model": read_snapshot(arguments.model)["digest"], "adapter": adapter_digest(adapter)},
        ),
        "merged": (
            TransformersEngine(merged, None, dtype, device, BATCH_SIZE),
            {path.name: files.file_digest(path) for path in kept_files(merged)},
        ),
    }
    if export["gguf"]["files"]:
        path, by_ids = arguments.export / own_file(export)[1], not export["gguf"]["pre_tokenizer"]
        forms["gguf"] = LlamaCppEngine(path, merged, by_ids), {"model": files.file_digest(path), "by_ids": by_ids}
    return forms


if __name__ == "__main__":
    run(main)
