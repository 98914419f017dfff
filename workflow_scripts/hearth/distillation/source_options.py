"""Options of `distil.py` that name the files of the examples, and the sources that they give."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearth.common.cli import UserError
from hearth.distillation.recipes import Recipe, find_recipe, replay_recipe
from hearth.prompting.prompts import read_prompt

if TYPE_CHECKING:  # at run time transformers is imported after the program has set its environment
    from hearth.distillation.example_parts import Source

# Files of replayed datasets; `parsed` is for a recipe without reasoning.
REPLAYED = {
    "windows": "windows.jsonl",
    "splits": "splits.json",
    "prompt": "the rendered prompt (json)",
    "traces": "the base's raw predictions",
    "parsed": "the base's parsed predictions",
}


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    # The files of several datasets are given in one order.
    parser.add_argument("--splits", required=True, nargs="+", type=Path, help="splits.json of each dataset")
    parser.add_argument("--split", required=True, help="split to train on: train<k>")
    parser.add_argument(
        "--traces", nargs="+", type=Path, help="the teacher's raw predictions, if the recipe has a teacher"
    )
    parser.add_argument("--traces-split", default="", help="split of the traces: all, or that of --split")
    parser.add_argument("--windows", required=True, nargs="+", type=Path, help="windows.jsonl of each dataset")
    parser.add_argument("--prompt", required=True, nargs="+", type=Path, help="the rendered prompts (json)")
    parser.add_argument(
        "--direct-prompt",
        nargs="+",
        default=[],
        type=Path,
        help="the rendered prompts that ask for no reasoning (json), if the recipe asks with them",
    )
    parser.add_argument(
        "--parsed", nargs="+", type=Path, help="the parsed traces (parsed.jsonl), if the recipe reads them"
    )
    parser.add_argument(
        "--audit", nargs="+", type=Path, help="the audits of the traces (json), if the recipe reads them"
    )
    parser.add_argument(
        "--samples",
        nargs="+",
        default=[],
        type=Path,
        help="the parsed predictions of several samples (parsed.jsonl), if the recipe reads them: all seeds of the"
        " first dataset, then those of the next, in one order; --traces are then the parsed predictions of their vote",
    )
    parser.add_argument(
        "--log-probabilities",
        nargs="+",
        type=Path,
        help="the teacher's log-probabilities of the traces (safetensors), if the recipe reads them",
    )
    for name, text in REPLAYED.items():
        parser.add_argument(
            f"--replay-{name}", nargs="+", default=[], type=Path, help=f"{text} of each replayed dataset"
        )
    parser.add_argument("--replay-traces-split", default="", help="split of the replayed traces")
    parser.add_argument(
        "--own-traces", nargs="+", type=Path, help="the student's own text for the windows of --split (on-policy)"
    )
    parser.add_argument(
        "--own-log-probabilities",
        nargs="+",
        type=Path,
        help="the teacher's log-probabilities of --own-traces",
    )


def example_sources(options: argparse.Namespace) -> "list[Source]":
    """Return the files, prompt and recipe of every dataset, those of replayed ones last."""
    names = ("windows", "splits", "prompt", "direct_prompt", "traces", "parsed", "audit", "log_probabilities")
    own = {name: getattr(options, name) for name in (*names, "own_traces", "own_log_probabilities")}
    own |= {"samples": samples_by_dataset(options.samples, len(options.windows))}
    replayed = {name: getattr(options, f"replay_{name}") for name in REPLAYED}
    recipe = find_recipe(options.recipe)
    return [
        *make_sources(own, options.split, options.traces_split, recipe),
        *make_sources(replayed, options.split, options.replay_traces_split, replay_recipe(recipe), is_replayed=True),
    ]


def samples_by_dataset(paths: Sequence[Path], datasets: int) -> list[tuple[Path, ...]]:
    """Divide the files of samples, those of one dataset after those of another, equally among the datasets."""
    count, rest = divmod(len(paths), datasets)
    if rest:
        raise UserError(f"--samples: {len(paths)} files are not equally many for each of {datasets} datasets")
    return [tuple(paths[number * count : (number + 1) * count]) for number in range(datasets)] if count else []


def make_sources(
    paths: Mapping[str, Sequence[Any]], split: str, traces_split: str, recipe: Recipe, is_replayed: bool = False
) -> "Iterator[Source]":
    """Yield the source of each dataset; `paths` has the files of all datasets by option, or nothing for an option."""
    from hearth.distillation.candidates import TrainingFiles
    from hearth.distillation.example_parts import Source

    given = {name: files for name, files in paths.items() if files}
    counts = {name: len(files) for name, files in given.items()}
    if len(set(counts.values())) > 1:
        raise UserError(f"each dataset needs a file of every kind, in the same order; numbers of files: {counts}")
    for row in zip(*given.values(), strict=True):
        files = dict(zip(given, row, strict=True))
        prompt, direct = read_prompt(files.pop("prompt")), files.pop("direct_prompt", None)
        training_files = TrainingFiles(split=split, traces_split=traces_split, **files)
        yield Source(training_files, prompt, recipe, is_replayed, direct and read_prompt(direct))
