"""Recognise windows with a quantised form of an exported student, and measure what it loses beside the adapter."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hearth.common import files
from hearth.common.cli import UserError, run
from hearth.common.config_schema import setting_default, settings_schema
from hearth.common.records import read_record
from hearth.data.folds import read_split, read_splits
from hearth.distillation.documents import read_export
from hearth.engines.llamacpp import LlamaCppEngine
from hearth.engines.protocol import Decoding
from hearth.evaluation.parity import (
    FormScorer,
    LackingForm,
    ParityAnswers,
    QuantisedParity,
    agreement,
    compared_windows,
    loss_problem,
    parse_answers,
)
from hearth.evaluation.score_document import LOST_ANSWERS
from hearth.prompting.prompts import read_prompt, shows_similar_windows
from hearth.recognition.shards import recognise_shard

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the parity of one form. A form that loses too much ends with an error; a killed run resumes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export", required=True, type=Path, help="folder of the export")
    parser.add_argument(
        "--form", required=True, choices=settings_schema("export")["quantise"]["items"]["enum"], help="quantised form"
    )
    parser.add_argument("--answers", required=True, type=Path, help="parity_answers.json of the export")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the student's own dataset")
    parser.add_argument("--splits", required=True, type=Path, help="splits.json of that dataset")
    parser.add_argument("--count", required=True, type=int, help="number of test windows to recognise")
    parser.add_argument(
        "--lost-answers",
        choices=LOST_ANSWERS,
        default=setting_default("metrics", "lost_answers"),
        help="what an event without a label costs in F1",
    )
    parser.add_argument(
        "--max-loss",
        type=float,
        default=setting_default("export", "max_loss"),
        help="share of events by which the accuracy may be below the adapter's",
    )
    parser.add_argument("--work", required=True, type=Path, help="folder of the journal")
    parser.add_argument("--out", required=True, type=Path, help="parity-<form>.json to write")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    export, prompt = read_export(arguments.export / "export.json"), read_prompt(arguments.export / "prompt.json")
    gguf, form = export["gguf"], arguments.form
    if form not in gguf["files"]:
        reason = gguf["why_not"] or "it could not be written; see the log of export_student"
        log.warning("%s has no form %s: %s", export["student"], form, reason)
        lacking: LackingForm = {"student": export["student"], "form": form, "why_not": reason}
        files.write_json(arguments.out, lacking)
        return
    windows = compared_windows(arguments.windows, arguments.splits, arguments.count)
    train = read_split(arguments.windows, arguments.splits, "train1") if shows_similar_windows(prompt) else []
    path, by_ids = arguments.export / gguf["files"][form], not gguf["pre_tokenizer"]
    engine = LlamaCppEngine(path, arguments.export / "merged", by_ids)
    weights = {"model": files.file_digest(path), "by_ids": by_ids}
    decoding = replace(Decoding.greedy(export["decoding"]["max_new_tokens"]), confidence="tokens")
    predictions, _ = recognise_shard(windows, prompt, engine, decoding, weights, arguments.work, train)
    answers = parse_answers(windows, predictions, prompt["labels"])
    others = read_record(arguments.answers, ParityAnswers)
    groups = {name: session["group"] for name, session in read_splits(arguments.splits)["sessions"].items()}
    scorer = FormScorer(windows, groups, prompt["labels"], arguments.lost_answers)
    parity: QuantisedParity = {
        "student": export["student"],
        "dataset": windows[0]["dataset"],
        "form": form,
        "bytes": path.stat().st_size,
        "windows": len(windows),
        "events": sum(len(window["events"]) for window in windows),
        **scorer.figures(answers, others["gguf"]),
        "agreement": agreement(answers, others["adapter"]),
        "loss": scorer.loss(answers, others["adapter"]),
    }
    if problem := loss_problem(parity, arguments.max_loss):
        raise UserError(problem)
    files.write_json(arguments.out, parity)


if __name__ == "__main__":
    run(main)
