"""Train the tiny Qwen3 family from scratch on simulated homes (`make tiny-models`)."""

import argparse
import functools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from hearth.common.cli import run
from hearth.common.files import file_digest, write_json
from hearth.homes.home import Home, load_home
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

    `choose_format` returns the answer format that the home of a source and seed asks for.
    """

    seeds: range
    choose_format: Callable[[str, int], AnswerFormat]
    steps: int
    learning_rate: float


@dataclass(frozen=True)
class SourceHome:
    """A home from config/homes that simulated homes vary, and the number of sessions of each simulated home."""

    source: str
    home: Home
    sessions: int


def main(argv: list[str] | None = None) -> None:
    """Make training examples, train the tokeniser, then train every size on equal examples in equal order.

    The first phase teaches activity recognition, with answers in the workflow's format. The second phase asks for
    answers in many formats, as prompts for instruction-tuned models do.
    """
    arguments = parse_arguments(argv)
    torch.set_num_threads(arguments.threads)
    first = range(FIRST_SEED + HELD_OUT_HOMES, FIRST_SEED + HELD_OUT_HOMES + arguments.homes[0])
    second = range(first.stop, first.stop + arguments.homes[1])
    phases = [
        Phase(first, standard_format, arguments.steps[0], arguments.learning_rate[0]),
        Phase(second, answer_formats.draw_format, arguments.steps[1], arguments.learning_rate[1]),
    ]
    sources = [
        SourceHome("marble", load_home(arguments.marble_home), arguments.sessions),
        SourceHome("mural", load_home(arguments.mural_home), arguments.sessions // 2),
    ]
    held_out_seeds = range(FIRST_SEED, FIRST_SEED + HELD_OUT_HOMES)
    held_out = make_examples(sources, arguments.template, held_out_seeds, standard_format)
    examples = [make_examples(sources, arguments.template, phase.seeds, phase.choose_format) for phase in phases]
    with tempfile.TemporaryDirectory() as name:
        tokenizer_folder = Path(name)
        models.train_tokenizer(tokenizer_texts(examples[0]), arguments.vocabulary, tokenizer_folder)
        tokenizer = models.load_tokenizer(tokenizer_folder)
        encoded = [
            [[training.encode_home(tokenizer, home) for home in homes] for homes in by_source.values()]
            for by_source in examples
        ]
        for size in arguments.sizes:
            started = time.monotonic()
            model, loss = train_size(size, tokenizer, phases, encoded, arguments.batch_size, arguments.seed)
            folder = arguments.out / size
            models.save_model(model, tokenizer_folder, folder)
            report = {
                "parameters": sum(p.numel() for p in {p.data_ptr(): p for p in model.parameters()}.values()),
                "homes": list(arguments.homes),
                # Numbers of training examples. Another name of the key would change the published models' digests.
                "lessons": [sum(len(home.examples) for homes in each.values() for home in homes) for each in examples],
                "steps": list(arguments.steps),
                "batch_size": arguments.batch_size,
                "learning_rate": list(arguments.learning_rate),
                "seed": arguments.seed,
                "first_home_seed": FIRST_SEED,
                "final_loss": round(loss, 4),
                "held_out": training.evaluate_model(
                    model.float(), tokenizer, [home for homes in held_out.values() for home in homes]
                ),
                "minutes": round((time.monotonic() - started) / 60, 1),
                "weights_sha256": file_digest(folder / "model.safetensors"),
            }
            write_json(folder / "training.json", report)
            print(f"{size} {report}", flush=True)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--marble-home", type=Path, required=True, help="yaml of the MARBLE-like home")
    parser.add_argument("--mural-home", type=Path, required=True, help="yaml of the MuRAL-like home")
    parser.add_argument("--template", type=Path, required=True, help="prompt template of the training examples")
    phases = ("FIRST", "SECOND")
    parser.add_argument(
        "--homes", type=int, default=(200, 80), nargs=2, metavar=phases, help="homes per source, by phase"
    )
    parser.add_argument(
        "--sessions", type=int, default=12, help="sessions per MARBLE-like home; a MuRAL-like home has half as many"
    )
    parser.add_argument("--vocabulary", type=int, default=2560, help="largest size of the tokeniser's vocabulary")
    parser.add_argument(
        "--sizes", nargs="+", choices=list(models.SIZES), default=list(models.SIZES), help="models to train"
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=(2500, 400),
        nargs=2,
        metavar=phases,
        help="optimiser steps by phase",
    )
    parser.add_argument("--batch-size", type=int, default=12, help="examples per step, half of them from each source")
    parser.add_argument(
        "--learning-rate", type=float, default=(4e-3, 2e-3), nargs=2, metavar=phases, help="peak learning rate by phase"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed of initial weights and example order")
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads; with one, equal arguments give equal weights"
    )
    parser.add_argument("--out", type=Path, required=True, help="output folder; each size gets a folder in it")
    return parser.parse_args(argv)


def train_size(
    size: str,
    tokenizer: PreTrainedTokenizerBase,
    phases: list[Phase],
    encoded: list[list[list[EncodedHome]]],
    batch_size: int,
    seed: int,
) -> tuple[Qwen3ForCausalLM, float]:
    """Train one size through all phases; return a pair: the model, and its loss at the end of the last phase.

    `encoded` has a list for each phase, which has a list of homes for each source.
    """
    torch.manual_seed(seed)
    model = models.build_model(size, tokenizer)
    for number, (phase, sources) in enumerate(zip(phases, encoded, strict=True)):
        loss = training.train_model(
            model,
            sources,
            steps=phase.steps,
            batch_size=batch_size,
            learning_rate=phase.learning_rate,
            seed=seed + number,
            report=functools.partial(print, size, "phase", number + 1, flush=True),
        )
        # Round the weights as `save_model` does, so that a phase can also start from a stored model.
        model = model.bfloat16().float()
    return model, loss


def standard_format(source: str, seed: int) -> AnswerFormat:
    """Return the workflow's answer format, for every home."""
    return answer_formats.STANDARD


def make_examples(
    sources: list[SourceHome], template: Path, seeds: range, choose_format: Callable[[str, int], AnswerFormat]
) -> dict[str, list[HomeExamples]]:
    """Return a dict from source to the training examples of its homes, one home for each of `seeds`."""
    return {
        each.source: [
            training_data.make_home_examples(
                each.source, each.home, template, seed, each.sessions, WINDOW_SIZE, choose_format(each.source, seed)
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


if __name__ == "__main__":
    run(main)
