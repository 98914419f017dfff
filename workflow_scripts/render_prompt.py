"""Render the static part of a dataset's prompt."""

import argparse
from pathlib import Path

from hearth.files import write_json, write_text
from hearth.homes import load_home
from hearth.programs import run
from hearth.prompts import REASONING_MODES, render_prompt


def main(argv=None):
    """Write the prompt as JSON; its `system` text is what every window of the dataset shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the home's yaml")
    parser.add_argument("--template", type=Path, required=True, help="Jinja2 template of the six parts")
    parser.add_argument("--reasoning", choices=REASONING_MODES, required=True, help="where the model reasons")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write, for programs")
    parser.add_argument("--text", type=Path, required=True, help="text to write, to be looked at")
    arguments = parser.parse_args(argv)
    prompt = render_prompt(load_home(arguments.home), arguments.template, arguments.reasoning)
    write_json(arguments.out, prompt)
    write_text(arguments.text, prompt["system"] + "\n")
    print(f"prompt {prompt['version']}: {len(prompt['system'])} characters")


if __name__ == "__main__":
    run(main)
