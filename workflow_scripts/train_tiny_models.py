"""Train the tiny Qwen3 family from scratch on simulated homes (`make tiny-models`)."""

import argparse
import functools
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hearth.common.cli import run
from hearth.common.files import file_digest, write_json
from hearth.homes.home import Home, load_home
from hearth.simulation.formats import DRAWN
from hearth.toy_models import answer_formats, models, training, training_data
from hearth.toy_models.answer_formats import AnswerFormat
from hearth.toy_models.training import EncodedHome
from hearth.toy_models.training_data import HomeExamples
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase, Qwen3ForCausalLM

# Seeds of the homes start here; those of the demo and the tests are lower.
FIRST_SEED = 1000
WINDOW_SIZE = 10
# Number of examples of each home that the tokeniser is trained on.
TOKENISER_EXAMPLES = 15
# Number of homes of each source that are used for evaluation only.
HELD_OUT_HOMES = 6


@dataclass(frozen=True)
class Phase:
    """A training phase: it has homes that no other phase has, and one cycle of the learning rate.

    `choose_format` returns the answer format that the home of a source and seed asks for. A step has an equal number of
    examples from each part of a source; `parts` has the number of parts by source.
    """

    seeds: range
    choose_format: Callable[[str, int], AnswerFormat]
    parts: dict[str, int]
    steps: int
    learning_rate: float


@dataclass(frozen=True)
class SourceHome:
    """Simulated homes of a source: variants of a home from config/homes, or drawn homes if `home` is None."""

    source: str
    home: Home | None
    sessions: int


def main(argv: list[str] | None = None) -> None:
    """Make training examples, train the tokeniser, then train every size on equal examples in equal order.

    The first phase teaches activity recognition, with answers in the workflow's format. The second phase asks for
    answers in many formats, as prompts for instruction-tuned models do. The third adds drawn homes, and tokens for
    their words. With `--start`, the first two are those of stored models.
    """
    arguments = parse_arguments(argv)
    torch.set_num_threads(arguments.threads)
    phases = make_phases(arguments)
    sources = [
        SourceHome("marble", load_home(arguments.marble_home), arguments.sessions),
        SourceHome("mural", load_home(arguments.mural_home), arguments.sessions // 2),
        SourceHome(DRAWN, None, arguments.sessions // 2),
    ]
    held_out_seeds = range(FIRST_SEED, FIRST_SEED + HELD_OUT_HOMES)
    held_out = make_examples(sources, arguments.template, held_out_seeds, standard_format)
    started_phases = len(phases) - 1 if arguments.start else 0
    examples = [
        make_examples(
            [each for each in sources if each.source in phase.parts],
            arguments.template,
            phase.seeds,
            phase.choose_format,
        )
        for phase in phases[started_phases:]
    ]
    with tempfile.TemporaryDirectory() as name:
        first_tokenizer, last_tokenizer = Path(name) / "first", Path(name) / "last"
        if arguments.start:
            first_tokenizer = arguments.start / arguments.sizes[0]
        else:
            models.train_tokenizer(tokenizer_texts(examples[0]), arguments.vocabulary, first_tokenizer)
        models.extend_tokenizer(
            first_tokenizer, name_texts(examples[-1][DRAWN]), arguments.extended_vocabulary, last_tokenizer
        )
        first, last = models.load_tokenizer(first_tokenizer), models.load_tokenizer(last_tokenizer)
        encoded = [
            encode_examples(last if phase is phases[-1] else first, phase, homes)
            for phase, homes in zip(phases[started_phases:], examples, strict=True)
        ]
        for size in arguments.sizes:
            started = time.monotonic()
            model, loss = train_size(size, phases, encoded, first, last, arguments)
            folder = arguments.out / size
            models.save_model(model, last_tokenizer, folder)
            stored = read_report(arguments.start / size) if arguments.start else {}
            lessons = [sum(len(home.examples) for homes in each.values() for home in homes) for each in examples]
            report = {
                "parameters": sum(p.numel() for p in {p.data_ptr(): p for p in model.parameters()}.values()),
                "homes": list(arguments.homes),
                # Numbers of training examples. Another name of the key would change the published models' digests.
                "lessons": [*stored.get("lessons", []), *lessons],
                "steps": list(arguments.steps),
                "batch_size": arguments.batch_size,
                "learning_rate": list(arguments.learning_rate),
                "seed": arguments.seed,
                "first_home_seed": FIRST_SEED,
                "final_loss": round(loss, 4),
                "held_out": training.evaluate_model(
                    model.float(), last, [home for homes in held_out.values() for home in homes]
                ),
                "minutes": round(stored.get("minutes", 0) + (time.monotonic() - started) / 60, 1),
                "weights_sha256": file_digest(folder / "model.safetensors"),
            }
            write_json(folder / "training.json", report)
            print(f"{size} {report}", flush=True)


def read_report(folder: Path) -> dict[str, Any]:
    """Return what training.json says of the phases of a stored model."""
    report: dict[str, Any] = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return report


def make_phases(arguments: argparse.Namespace) -> list[Phase]:
    """Return the three phases; their homes have consecutive seeds, after those of the homes held out."""
    formats = (standard_format, answer_formats.draw_format, standard_format_if_drawn)
    # Half of the examples of the third phase are of drawn homes.
    parts = ({"marble": 1, "mural": 1}, {"marble": 1, "mural": 1}, {"marble": 1, "mural": 1, DRAWN: 2})
    phases: list[Phase] = []
    start = FIRST_SEED + HELD_OUT_HOMES
    settings = zip(arguments.homes, formats, parts, arguments.steps, arguments.learning_rate, strict=True)
    for homes, choose_format, part, steps, learning_rate in settings:
        phases.append(Phase(range(start, start + homes), choose_format, part, steps, learning_rate))
        start += homes
    return phases


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--marble-home", type=Path, required=True, help="yaml of the MARBLE-like home")
    parser.add_argument("--mural-home", type=Path, required=True, help="yaml of the MuRAL-like home")
    parser.add_argument("--template", type=Path, required=True, help="prompt template of the training examples")
    phases = ("FIRST", "SECOND", "THIRD")
    parser.add_argument(
        "--homes", type=int, default=(200, 80, 160), nargs=3, metavar=phases, help="homes per source, by phase"
    )
    parser.add_argument(
        "--sessions", type=int, default=12, help="sessions per MARBLE-like home; other homes have half as many"
    )
    parser.add_argument("--vocabulary", type=int, default=2560, help="largest size of the tokeniser's vocabulary")
    parser.add_argument(
        "--extended-vocabulary", type=int, default=2880, help="largest size with the words of drawn homes"
    )
    parser.add_argument(
        "--sizes", nargs="+", choices=list(models.SIZES), default=list(models.SIZES), help="models to train"
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=(2500, 400, 700),
        nargs=3,
        metavar=phases,
        help="optimiser steps by phase",
    )
    parser.add_argument("--batch-size", type=int, default=12, help="examples per step, divided among the sources")
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=(4e-3, 2e-3, 3e-3),
        nargs=3,
        metavar=phases,
        help="peak learning rate by phase",
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed of initial weights and example order")
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads; with one, equal arguments give equal weights"
    )
    parser.add_argument(
        "--start", type=Path, help="folder of models of the first two phases, with which the third starts"
    )
    parser.add_argument("--out", type=Path, required=True, help="output folder; each size gets a folder in it")
    return parser.parse_args(argv)


def encode_examples(
    tokenizer: PreTrainedTokenizerBase, phase: Phase, examples: dict[str, list[HomeExamples]]
) -> list[list[EncodedHome]]:
    """Return a list of encoded homes for each part of a source."""
    encoded = {source: [training.encode_home(tokenizer, home) for home in homes] for source, homes in examples.items()}
    return [encoded[source][part::parts] for source, parts in phase.parts.items() for part in range(parts)]


def train_size(
    size: str,
    phases: list[Phase],
    encoded: list[list[list[EncodedHome]]],
    first: PreTrainedTokenizerBase,
    last: PreTrainedTokenizerBase,
    arguments: argparse.Namespace,
) -> tuple[Qwen3ForCausalLM, float]:
    """Train one size through the last phases, as many as `encoded` has; return a pair: the model, and its last loss.

    `encoded` has a list for each phase, which has a list of homes for each part of a source. Before the last phase the
    model gets the tokens that `last`, its tokeniser, has beyond `first`.
    """
    if arguments.start:
        model = models.load_model(arguments.start / size)
    else:
        torch.manual_seed(arguments.seed)
        model = models.build_model(size, first)
    loss = 0.0
    for number, sources in enumerate(encoded, start=len(phases) - len(encoded)):
        phase = phases[number]
        if phase is phases[-1]:
            models.extend_model(model, first, last)
        loss = training.train_model(
            model,
            sources,
            steps=phase.steps,
            batch_size=arguments.batch_size,
            learning_rate=phase.learning_rate,
            seed=arguments.seed + number,
            report=functools.partial(print, size, "phase", number + 1, flush=True),
        )
        # Round the weights as `save_model` does, so that a phase can also start from a stored model.
        model = model.bfloat16().float()
    return model, loss


def standard_format(source: str, seed: int) -> AnswerFormat:
    """Return the workflow's answer format, for every home."""
    return answer_formats.STANDARD


def standard_format_if_drawn(source: str, seed: int) -> AnswerFormat:
    """Return the workflow's answer format for drawn homes, and the format that the home asks for otherwise."""
    return answer_formats.STANDARD if source == DRAWN else answer_formats.draw_format(source, seed)


def make_examples(
    sources: list[SourceHome], template: Path, seeds: range, choose_format: Callable[[str, int], AnswerFormat]
) -> dict[str, list[HomeExamples]]:
    """Return a dict from source to the training examples of its homes, one home for each of `seeds`."""
    return {
        each.source: [
            training_data.make_home_examples(
                each.source, each.home, template, seed, each.sessions, WINDOW_SIZE, choose_format(each.source, seed)
            )
            if each.home
            else training_data.make_drawn_examples(
                template, seed, each.sessions, WINDOW_SIZE, choose_format(each.source, seed)
            )
            for seed in tqdm(seeds, desc=f"{each.source} homes", disable=None)
        ]
        for each in sources
    }


def tokenizer_texts(examples: dict[str, list[HomeExamples]]) -> Iterator[str]:
    """Yield the texts that the tokeniser is trained on: some examples of every home, each with its system prompt."""
    for homes in examples.values():
        for home in homes:
            for example in home.examples[:TOKENISER_EXAMPLES]:
                yield from (home.system, example.user, example.completion)


def name_texts(homes: list[HomeExamples]) -> list[str]:
    """Return a text for each description of an event and each label of the homes, as reasoning shows it."""
    names: set[str] = set()
    for example in homes:
        names.update(example.home.labels)
        for sensor in example.home.sensors.values():
            names.update(sensor.describe(words) for words in sensor.states.values())
    return [f"1 | {name} | 2" for name in sorted(names)]


if __name__ == "__main__":
    run(main)
