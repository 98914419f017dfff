"""Write one declared table of gains, students beside their teacher's answers, as Markdown, CSV and LaTeX."""

import argparse
from pathlib import Path

from hearth.common.cli import UserError, json_option, run
from hearth.data.folds import read_splits
from hearth.data.windows import iterate_windows
from hearth.evaluation.answered_windows import read_answers
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.gain_table import gain_table
from hearth.evaluation.score_document import Score, read_score
from hearth.evaluation.table_files import add_table_options, write_table
from hearth.prompting.predictions import iterate_parsed_predictions


def main(argv: list[str] | None = None) -> None:
    """Read the scores, the tested windows and all answers to them; write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the table, its label in LaTeX")
    parser.add_argument("--spec", required=True, help="JSON object with title and, optionally, caption")
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="score files, in the order of the rows")
    parser.add_argument(
        "--parsed",
        required=True,
        nargs="+",
        type=Path,
        help="parsed predictions <recogniser>/<dataset>/<split>/parsed.jsonl of all scores and of the teachers; the"
        " folds of a recogniser in order",
    )
    parser.add_argument("--windows", required=True, nargs="+", type=Path, help="files <dataset>/windows.jsonl")
    parser.add_argument("--splits", required=True, nargs="+", type=Path, help="files <dataset>/splits.json")
    add_table_options(parser)
    arguments = parser.parse_args(argv)
    spec = json_option("--spec", arguments.spec, dict)
    scores = [read_score(path) for path in arguments.scores]
    windows, splits = ({path.parent.name: path for path in paths} for paths in (arguments.windows, arguments.splits))
    parsed: dict[tuple[str, str], list[Path]] = {}
    for path in arguments.parsed:
        if len(path.parts) < 4:
            raise UserError(f"{path}: expected <recogniser>/<dataset>/<split>/parsed.jsonl")
        parsed.setdefault((path.parts[-4], path.parts[-3]), []).append(path)
    answers = {
        (recogniser, dataset): read_windows(windows[dataset], splits[dataset], files, scores, dataset)
        for (recogniser, dataset), files in parsed.items()
    }
    write_table(
        gain_table(spec["title"], spec.get("caption", ""), scores, answers, git_commit()), arguments.name, arguments
    )


def read_windows(windows: Path, splits: Path, parsed: list[Path], scores: list[Score], dataset: str) -> EncodedWindows:
    """Return the tested windows of a dataset with the answers in `parsed`; a score has the labels of the home."""
    labels = next(score["strict"]["confusion"]["labels"] for score in scores if score["dataset"] == dataset)
    predictions = {path: iterate_parsed_predictions(path) for path in parsed}
    return read_answers(iterate_windows(windows), read_splits(splits), predictions, tuple(labels)).windows


if __name__ == "__main__":
    run(main)
