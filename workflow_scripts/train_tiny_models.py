"""Train the tiny Qwen3 family from scratch on simulated homes (`make tiny-models`)."""

import argparse
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
from tqdm import tqdm

# Homes of the lessons are drawn with seeds from here on; those of the demo and the tests lie below.
FIRST_SEED = 1000
WINDOW = 10  # events
TOKENISED = 15  # lessons a home that the tokeniser learns from
HELD_OUT = 6  # homes of each source that nothing is learned from


@dataclass(frozen=True)
class Term:
    """Lessons of homes of their own, learned in one cycle of the learning rate.

    `seeds` draw the homes, `form` says in which form of answer a home of a source and seed asks.
    """

    seeds: range
    form: Callable[[str, int], answer_formats.Form]
    steps: int
    learning_rate: float


def main(argv=None):
    """Draw lessons, train the tokeniser and then every size on the same lessons in the same order.

    The first term teaches to recognise activities, with answers in the one form that the workflow asks for; the second
    asks for answers in many forms, as whoever writes a prompt for an instruction-tuned model may.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--marble-home", type=Path, required=True, help="yaml of the MARBLE-like home")
    parser.add_argument("--mural-home", type=Path, required=True, help="yaml of the MuRAL-like home")
    parser.add_argument("--template", type=Path, required=True, help="prompt template of the lessons")
    two = {"nargs": 2, "metavar": ("FIRST", "SECOND")}
    parser.add_argument("--homes", type=int, default=(200, 80), **two, help="homes of each source in the two terms")
    parser.add_argument("--sessions", type=int, default=12, help="sessions a MARBLE-like home; a MuRAL-like has half")
    parser.add_argument("--vocabulary", type=int, default=2560, help="size of the tokeniser's vocabulary at most")
    parser.add_argument("--sizes", nargs="+", choices=list(models.SIZES), default=list(models.SIZES), help="which")
    parser.add_argument("--steps", type=int, default=(2500, 400), **two, help="optimiser steps, equal for every size")
    parser.add_argument("--batch-size", type=int, default=12, help="lessons a step, half of them of each home")
    parser.add_argument("--learning-rate", type=float, default=(4e-3, 2e-3), **two, help="peak of a term's cycle")
    parser.add_argument("--seed", type=int, default=0, help="initial weights and order of lessons")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; one: equal arguments, equal weights")
    parser.add_argument("--out", type=Path, required=True, help="folder of the family, one folder a size")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    scratch = tempfile.TemporaryDirectory()
    first = range(FIRST_SEED + HELD_OUT, FIRST_SEED + HELD_OUT + arguments.homes[0])
    second = range(first.stop, first.stop + arguments.homes[1])
    terms = [
        Term(first, asked, arguments.steps[0], arguments.learning_rate[0]),
        Term(second, answer_formats.draw, arguments.steps[1], arguments.learning_rate[1]),
    ]
    plan = [
        ("marble", load_home(arguments.marble_home), arguments.sessions),
        ("mural", load_home(arguments.mural_home), arguments.sessions // 2),
    ]
    examined = draw(plan, arguments.template, range(FIRST_SEED, FIRST_SEED + HELD_OUT), asked)
    taught = [draw(plan, arguments.template, term.seeds, term.form) for term in terms]
    family = Path(scratch.name)
    models.train_tokenizer(texts(taught[0]), arguments.vocabulary, family)
    tokenizer = models.load_tokenizer(family)
    encoded = [[[training.encode(tokenizer, home) for home in homes] for homes in drawn.values()] for drawn in taught]
    for size in arguments.sizes:
        torch.manual_seed(arguments.seed)
        model = models.build(size, tokenizer)
        started = time.monotonic()
        for number, (term, sources) in enumerate(zip(terms, encoded, strict=True)):
            loss = training.train(
                model,
                sources,
                steps=term.steps,
                batch_size=arguments.batch_size,
                learning_rate=term.learning_rate,
                seed=arguments.seed + number,
                report=lambda line, said=f"{size} term {number + 1}": print(said, line, flush=True),
            )
            # As weights are stored: a family that was stored after one term can go on to the next.
            model = model.bfloat16().float()
        folder = arguments.out / size
        models.save(model, family, folder)
        report = {
            "parameters": sum(p.numel() for p in {p.data_ptr(): p for p in model.parameters()}.values()),
            "homes": list(arguments.homes),
            "lessons": [sum(len(home.lessons) for homes in drawn.values() for home in homes) for drawn in taught],
            "steps": list(arguments.steps),
            "batch_size": arguments.batch_size,
            "learning_rate": list(arguments.learning_rate),
            "seed": arguments.seed,
            "first_home_seed": FIRST_SEED,
            "final_loss": round(loss, 4),
            "held_out": training.examine(
                model.float(), tokenizer, [home for homes in examined.values() for home in homes]
            ),
            "minutes": round((time.monotonic() - started) / 60, 1),
            "weights_sha256": file_digest(folder / "model.safetensors"),
        }
        write_json(folder / "training.json", report)
        print(f"{size} {report}", flush=True)


def asked(source: str, seed: int) -> answer_formats.Form:
    """The form that the workflow asks for, whatever the home."""
    return answer_formats.ASKED


def draw(
    plan: list[tuple[str, Home, int]], template: Path, seeds: range, form: Callable[[str, int], answer_formats.Form]
) -> dict[str, list[training_data.HomeLessons]]:
    """The homes of `seeds` by source; `plan` holds (source, home, sessions)."""
    return {
        source: [
            training_data.draw_home(source, home, template, seed, sessions, WINDOW, form(source, seed))
            for seed in tqdm(seeds, desc=f"{source} homes", disable=None)
        ]
        for source, home, sessions in plan
    }


def texts(taught: dict[str, list[training_data.HomeLessons]]) -> Iterator[str]:
    """What the tokeniser learns from: all turns of some lessons of every home, and its system prompt as often."""
    for homes in taught.values():
        for home in homes:
            for lesson in home.lessons[:TOKENISED]:
                yield from (home.system, lesson.user, lesson.completion)


if __name__ == "__main__":
    run(main)
