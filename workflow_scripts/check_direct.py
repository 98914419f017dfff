"""Ask one GGUF file of a student that learned to answer both ways for no reasoning, and measure its answers."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.common.config_schema import setting_default
from hearth.data.folds import read_split, read_splits
from hearth.distillation.documents import DIRECT_PROMPT, read_export
from hearth.engines.llamacpp import LlamaCppEngine
from hearth.engines.protocol import Decoding
from hearth.evaluation.deployment import DirectFigures
from hearth.evaluation.parity import FormScorer, LackingForm, compared_windows, parse_answers
from hearth.evaluation.score_document import LOST_ANSWERS
from hearth.prompting.prompts import read_prompt, shows_similar_windows
from hearth.recognition.shards import recognise_shard

OWN = "own"


def main(argv: Sequence[str] | None = None) -> None:
    """Recognise the windows on which forms are compared, and write the metrics; a killed run resumes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export", required=True, type=Path, help="folder of the export")
    parser.add_argument("--form", required=True, help=f"number format of the GGUF file; {OWN}: the merged model's own")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the student's own dataset")
    parser.add_argument("--splits", required=True, type=Path, help="splits.json of that dataset")
    parser.add_argument("--count", required=True, type=int, help="number of test windows to recognise")
    parser.add_argument(
        "--lost-answers",
        choices=LOST_ANSWERS,
        default=setting_default("metrics", "lost_answers"),
        help="what an event without a label costs in F1",
    )
    parser.add_argument("--work", required=True, type=Path, help="folder of the journal")
    parser.add_argument("--out", required=True, type=Path, help="direct-<form>.json to write")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    export, prompt = read_export(arguments.export / "export.json"), read_prompt(arguments.export / DIRECT_PROMPT)
    gguf = export["gguf"]
    form = next(iter(gguf["files"]), OWN) if arguments.form == OWN else arguments.form
    if form not in gguf["files"]:
        reason = gguf["why_not"] or "it could not be written; see the log of export_student"
        lacking: LackingForm = {"student": export["student"], "form": form, "why_not": reason}
        files.write_json(arguments.out, lacking)
        return
    windows = compared_windows(arguments.windows, arguments.splits, arguments.count)
    train = read_split(arguments.windows, arguments.splits, "train1") if shows_similar_windows(prompt) else []
    path, by_ids = arguments.export / gguf["files"][form], not gguf.get("pre_tokenizer")
    engine = LlamaCppEngine(path, arguments.export / "merged", by_ids)
    weights = {"model": files.file_digest(path), "by_ids": by_ids}
    decoding = replace(Decoding.greedy(export["decoding"]["max_new_tokens"]), confidence="tokens")
    predictions, _ = recognise_shard(windows, prompt, engine, decoding, weights, arguments.work, train)
    groups = {name: session["group"] for name, session in read_splits(arguments.splits)["sessions"].items()}
    scorer = FormScorer(windows, groups, prompt["labels"], arguments.lost_answers)
    direct: DirectFigures = {
        "student": export["student"],
        "dataset": windows[0]["dataset"],
        "form": form,
        "windows": len(windows),
        "events": sum(len(window["events"]) for window in windows),
        **scorer.figures(parse_answers(windows, predictions, prompt["labels"])),
    }
    files.write_json(arguments.out, direct)


if __name__ == "__main__":
    run(main)
