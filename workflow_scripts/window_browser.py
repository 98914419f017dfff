"""Write the window browser of a run: sampled windows with their answers, as one self-contained HTML page."""

import argparse
from pathlib import Path

from hearth.common.cli import UserError, json_option, run
from hearth.common.files import write_text
from hearth.evaluation.window_browser import Answers, render_browser, sample_windows


def main(argv: list[str] | None = None) -> None:
    """Read windows and predictions; write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--recognisers",
        required=True,
        help="JSON object from dataset to an object from role (such as teacher) to the recogniser that is shown",
    )
    parser.add_argument("--windows", required=True, nargs="+", type=Path, help="files <dataset>/windows.jsonl")
    parser.add_argument(
        "--parsed", required=True, nargs="+", type=Path, help="files <recogniser>/<dataset>/<split>/parsed.jsonl"
    )
    parser.add_argument("--simulated", nargs="*", default=[], help="datasets that are simulated")
    parser.add_argument("--tiny", nargs="*", default=[], help="recognisers that are tiny models of this project")
    parser.add_argument("--number", required=True, type=int, help="largest number of windows on the page")
    parser.add_argument("--seed", required=True, type=int, help="random seed of the sample")
    parser.add_argument("--template", required=True, type=Path, help="Jinja template of the page")
    parser.add_argument("--script", required=True, type=Path, help="JavaScript of the page")
    parser.add_argument("--out", required=True, type=Path, help="page to write")
    arguments = parser.parse_args(argv)
    homes = shown_answers(
        json_option("--recognisers", arguments.recognisers, dict), arguments.windows, arguments.parsed
    )
    page = render_browser(
        sample_windows(homes, arguments.number, arguments.seed),
        arguments.simulated,
        arguments.tiny,
        arguments.seed,
        arguments.template.read_text(encoding="utf-8"),
        arguments.script.read_text(encoding="utf-8"),
    )
    write_text(arguments.out, page)


def shown_answers(
    recognisers: dict[str, dict[str, str]], windows: list[Path], parsed: list[Path]
) -> dict[str, tuple[Path, list[Answers]]]:
    """Return the windows.jsonl of each dataset and the answers of its recognisers; the names come from the paths.

    Raises UserError for a dataset without a windows.jsonl and for a recogniser without parsed predictions.
    """
    windows_of = {path.parent.name: path for path in windows}
    paths: dict[tuple[str, str], list[Path]] = {}
    for path in parsed:
        paths.setdefault((path.parts[-4], path.parts[-3]), []).append(path)
    homes = {}
    for dataset, roles in recognisers.items():
        if dataset not in windows_of:
            raise UserError(f"--windows: no file {dataset}/windows.jsonl")
        for name in roles.values():
            if (name, dataset) not in paths:
                raise UserError(f"--parsed: no file {name}/{dataset}/<split>/parsed.jsonl")
        answers = [Answers(role, name, paths[name, dataset]) for role, name in roles.items()]
        homes[dataset] = (windows_of[dataset], answers)
    return homes


if __name__ == "__main__":
    run(main)
