"""Write the card of an exported student: README.md beside its files."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import json_option, run
from hearth.common.records import read_record
from hearth.distillation.card import model_card
from hearth.distillation.documents import read_export, read_training_log
from hearth.evaluation.export_card import export_sections
from hearth.evaluation.parity import Parity, read_quantised_parity


def main(argv: Sequence[str] | None = None) -> None:
    """Write the card from the documents of training, export and evaluation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training-log", required=True, type=Path, help="training_log.json of the student")
    parser.add_argument("--about", required=True, type=Path, help="export.json")
    parser.add_argument("--parity", required=True, type=Path, help="parity.json")
    parser.add_argument(
        "--quantised", nargs="*", default=[], type=Path, help="parity-<form>.json of each quantised form"
    )
    parser.add_argument(
        "--score",
        required=True,
        nargs="+",
        type=Path,
        help="the student's scores on homes that it learned from, or not",
    )
    parser.add_argument("--notes", default="[]", help="JSON list of sentences to show first")
    parser.add_argument("--out", required=True, type=Path, help="card to write (Markdown)")
    arguments = parser.parse_args(argv)
    log, export = read_training_log(arguments.training_log), read_export(arguments.about)
    parity, scores = read_record(arguments.parity, Parity), list(map(files.read_json_object, arguments.score))
    quantised = list(map(read_quantised_parity, arguments.quantised))
    notes = [str(note) for note in json_option("--notes", arguments.notes, list)]
    files.write_text(arguments.out, model_card(log, notes, export_sections(export, parity, scores, quantised)))


if __name__ == "__main__":
    run(main)
