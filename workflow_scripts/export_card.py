"""Write the card of an exported student: README.md beside its files."""

import argparse
from pathlib import Path

from hearth.common import files
from hearth.common.cli import json_option, run
from hearth.distillation import card


def main(argv=None):
    """Write the card from what is known of the student."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training-log", required=True, type=Path, help="training_log.json of the student")
    parser.add_argument("--about", required=True, type=Path, help="export.json")
    parser.add_argument("--parity", required=True, type=Path, help="parity.json")
    parser.add_argument("--score", required=True, type=Path, help="the student's score on the home it learned from")
    parser.add_argument("--notes", default="[]", help="JSON list of sentences that are shown first")
    parser.add_argument("--out", required=True, type=Path, help="card to write (Markdown)")
    arguments = parser.parse_args(argv)
    log = files.read_json(arguments.training_log)
    about, parity, score = (files.read_json(path) for path in (arguments.about, arguments.parity, arguments.score))
    notes = json_option("--notes", arguments.notes, list)
    files.write_text(arguments.out, card.model_card(log, notes, card.take_home(about, parity, score)))


if __name__ == "__main__":
    run(main)
