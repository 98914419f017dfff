"""Render the static part of a dataset's prompt."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth.common.cli import run
from hearth.common.files import write_json, write_text
from hearth.data.folds import iterate_split
from hearth.homes.home import load_home
from hearth.prompting import few_shot
from hearth.prompting.prompts import LABEL_ORDERS, REASONING_MODES, render_prompt


def main(argv: Sequence[str] | None = None) -> None:
    """Write the prompt as JSON and its system text, which all windows of the dataset share, as text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="yaml of the home")
    parser.add_argument("--template", type=Path, required=True, help="Jinja2 template of the six parts")
    parser.add_argument("--reasoning", choices=REASONING_MODES, required=True, help="where the model reasons")
    parser.add_argument("--no-rules", action="store_true", help="leave out the home's rules for ambiguous cases")
    parser.add_argument("--no-example", action="store_true", help="leave out the home's example of input and output")
    parser.add_argument("--sensor-kinds", action="store_true", help="list which sensors are of which kind")
    parser.add_argument("--label-order", choices=LABEL_ORDERS, default="home", help="order of the activity labels")
    parser.add_argument("--windows", type=Path, help="windows.jsonl of the dataset, for --shots")
    parser.add_argument("--splits", type=Path, help="splits.json of the dataset, for --shots")
    parser.add_argument("--split", default="", help="split to show windows of, for --shots: train<k>")
    parser.add_argument("--shots", type=int, default=0, help="windows of the train split to show with their labels")
    parser.add_argument("--shots-by", choices=few_shot.SELECTIONS, default="similarity", help="how to choose them")
    parser.add_argument("--date", default="", help="day that chat templates take for today; default: the schema's")
    parser.add_argument("--out", type=Path, required=True, help="prompt to write (JSON)")
    parser.add_argument("--text", type=Path, required=True, help="system text to write, for people to read")
    arguments = parser.parse_args(argv)
    if arguments.shots and not (arguments.windows and arguments.splits and arguments.split):
        parser.error("--shots needs --windows, --splits and --split")
    prompt = render_prompt(
        load_home(arguments.home),
        arguments.template,
        arguments.reasoning,
        rules=not arguments.no_rules,
        example=not arguments.no_example,
        sensor_kinds=arguments.sensor_kinds,
        label_order=arguments.label_order,
        shots=arguments.shots,
        shots_by=arguments.shots_by,
        date=arguments.date,
        windows=iterate_split(arguments.windows, arguments.splits, arguments.split) if arguments.shots else (),
    )
    write_json(arguments.out, prompt)
    write_text(arguments.text, prompt["system"] + "\n")
    print(f"prompt {prompt['version']}: {len(prompt['system'])} characters")


if __name__ == "__main__":
    run(main)
