"""Score one recogniser on one dataset's test split."""

import argparse
from pathlib import Path

from hearth.common.cli import json_option, run
from hearth.common.files import read_json, write_json
from hearth.data.complexity import ComplexityScale
from hearth.data.windows import read_windows
from hearth.evaluation.scores import read_parsed, score
from hearth.homes.home import load_home


def main(argv: list[str] | None = None) -> None:
    """Read the test windows and their parsed predictions, write the score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recogniser", required=True, help="name of the recogniser")
    parser.add_argument("--dataset", required=True, help="name of the dataset")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the dataset")
    parser.add_argument("--splits", required=True, type=Path, help="splits.json of the dataset")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the dataset's home")
    parser.add_argument("--parsed", required=True, type=Path, help="parsed predictions on the test split, parsed.jsonl")
    parser.add_argument("--prompt", type=Path, help="json of the prompt that was used, for a language model")
    parser.add_argument("--model", type=Path, help="snapshot.json of the language model, a student's base")
    parser.add_argument("--student", type=Path, help="training_log.json, for a student")
    parser.add_argument(
        "--facts",
        required=True,
        help="JSON object with kind, base, variant, home, decoding, dtype, stand_in, simulated (names of the "
        "simulated datasets that the score rests on); for a student also teacher, recipe, train_dataset",
    )
    parser.add_argument("--out", required=True, type=Path, help="score file")
    arguments = parser.parse_args(argv)
    windows, parsed = read_parsed(arguments.windows, arguments.parsed)
    result = score(
        recogniser=arguments.recogniser,
        dataset=arguments.dataset,
        home=load_home(arguments.home),
        windows=windows,
        parsed=parsed,
        scale=ComplexityScale(read_windows(arguments.windows)),
        splits=read_json(arguments.splits),
        **{
            name: read_json(path) if (path := getattr(arguments, name)) else None
            for name in ("prompt", "model", "student")
        },
        facts=json_option("--facts", arguments.facts, dict),
    )
    write_json(arguments.out, result)


if __name__ == "__main__":
    run(main)
