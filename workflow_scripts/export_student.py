"""Make a student's folder to take home: adapter, merged model, GGUF file, prompt, home, and how to use them."""

import argparse
import os
import shutil
from pathlib import Path

from hearth.common import files
from hearth.common.cli import json_option, run


def main(argv=None):
    """Merge, convert, gather; every part is whole or absent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", required=True, help="name of the student")
    parser.add_argument("--model", required=True, type=Path, help="snapshot folder of the base model")
    parser.add_argument("--adapter", required=True, type=Path, help="folder of the student's adapter")
    parser.add_argument("--prompt", required=True, type=Path, help="the rendered prompt it was trained with (json)")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the home it learned from")
    parser.add_argument("--settings", required=True, help="JSON object: source, windows and decoding of its dataset")
    parser.add_argument("--out", required=True, type=Path, help="folder of the export")
    arguments = parser.parse_args(argv)
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    from hearth.distillation import export, gguf_file, merging

    settings = json_option("--settings", arguments.settings, dict)
    out = arguments.out
    part = out / ".merged.part"
    shutil.rmtree(part, ignore_errors=True)
    dtype = merging.merge(arguments.model, arguments.adapter, part)
    export.publish(part, out / "merged")
    why_not = gguf_file.unsupported(out / "merged")
    (out / "gguf").mkdir(parents=True, exist_ok=True)
    if not why_not:
        gguf_file.write(out / "merged", out / "gguf" / f"{arguments.student}.gguf", arguments.student)
    for name in export.FILES:
        copy(arguments.adapter / name, out / "adapter" / name)
    copy(arguments.prompt, out / "prompt.json")
    copy(arguments.home, out / "home.yaml")
    about = {
        "student": arguments.student,
        "dtype": dtype,
        "gguf": {"file": "" if why_not else f"gguf/{arguments.student}.gguf", "why_not": why_not}
        | ({} if why_not else {"pre_tokenizer": gguf_file.pre_tokenizer(out / "merged")}),
    }
    files.write_json(out / "export.json", about | settings)


def copy(source: Path, destination: Path) -> None:
    """Copy one file, atomically."""
    with files.replacing(destination) as temporary:
        shutil.copyfile(source, temporary)


if __name__ == "__main__":
    run(main)
