"""Train the tiny Qwen3 family from scratch on simulated homes (`make tiny-models`)."""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from hearth.files import file_digest, write_json
from hearth.homes import load_home
from hearth.programs import run
from hearth.tiny_family import lessons, models, schooling
from tqdm import tqdm

# Homes of the lessons are drawn with seeds from here on; those of the demo and the tests lie below.
FIRST_SEED = 1000
WINDOW = 10  # events
TOKENISED = 15  # lessons a home that the tokeniser learns from
HELD_OUT = 6  # homes of each source that nothing is learned from


def main(argv=None):
    """Draw lessons, train the tokeniser and then every size on the same lessons in the same order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--marble-home", type=Path, required=True, help="yaml of the MARBLE-like home")
    parser.add_argument("--mural-home", type=Path, required=True, help="yaml of the MuRAL-like home")
    parser.add_argument("--template", type=Path, required=True, help="prompt template of the lessons")
    parser.add_argument("--homes", type=int, default=200, help="simulated homes like MARBLE, and as many like MuRAL")
    parser.add_argument("--sessions", type=int, default=12, help="sessions a MARBLE-like home; a MuRAL-like has half")
    parser.add_argument("--vocabulary", type=int, default=2560, help="size of the tokeniser's vocabulary at most")
    parser.add_argument("--sizes", nargs="+", choices=list(models.SIZES), default=list(models.SIZES), help="which")
    parser.add_argument("--steps", type=int, default=2500, help="optimiser steps, the same for every size")
    parser.add_argument("--batch-size", type=int, default=12, help="lessons a step, half of them of each home")
    parser.add_argument("--learning-rate", type=float, default=4e-3, help="peak of the one cycle")
    parser.add_argument("--seed", type=int, default=0, help="initial weights and order of lessons")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; one: equal arguments, equal weights")
    parser.add_argument("--out", type=Path, required=True, help="folder of the family, one folder a size")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    scratch = tempfile.TemporaryDirectory()
    seeds = range(FIRST_SEED, FIRST_SEED + HELD_OUT + arguments.homes)
    plan = [
        ("marble", load_home(arguments.marble_home), arguments.sessions),
        ("mural", load_home(arguments.mural_home), arguments.sessions // 2),
    ]
    drawn = {
        source: [
            lessons.draw_home(source, home, arguments.template, seed, sessions, WINDOW)
            for seed in tqdm(seeds, desc=f"{source} homes", disable=None)
        ]
        for source, home, sessions in plan
    }
    held_out = [home for homes in drawn.values() for home in homes[:HELD_OUT]]
    taught = {source: homes[HELD_OUT:] for source, homes in drawn.items()}
    family = Path(scratch.name)
    models.train_tokenizer(texts(taught), arguments.vocabulary, family)
    tokenizer = models.load_tokenizer(family)
    sources = [[schooling.encode(tokenizer, home) for home in homes] for homes in taught.values()]
    for source, homes in zip(taught, sources, strict=True):
        rows = sum(len(home.rows) for home in homes)
        longest = max(len(home.prefix) + len(ids) for home in homes for ids, _ in home.rows)
        print(f"{source}: {len(homes)} homes, {rows} lessons, the longest has {longest} tokens", flush=True)
    for size in arguments.sizes:
        torch.manual_seed(arguments.seed)
        model = models.build(size, tokenizer)
        started = time.monotonic()
        loss = schooling.train(
            model,
            sources,
            steps=arguments.steps,
            batch_size=arguments.batch_size,
            learning_rate=arguments.learning_rate,
            seed=arguments.seed,
            report=lambda line, size=size: print(f"{size} {line}", flush=True),
        )
        folder = arguments.out / size
        models.save(model, family, folder)
        report = {
            "parameters": sum(p.numel() for p in {p.data_ptr(): p for p in model.parameters()}.values()),
            "homes": {source: len(homes) for source, homes in taught.items()},
            "lessons": sum(len(home.lessons) for homes in taught.values() for home in homes),
            "steps": arguments.steps,
            "batch_size": arguments.batch_size,
            "learning_rate": arguments.learning_rate,
            "seed": arguments.seed,
            "first_home_seed": FIRST_SEED,
            "final_loss": round(loss, 4),
            "held_out_accuracy": schooling.held_out_accuracy(model.float(), tokenizer, held_out),
            "minutes": round((time.monotonic() - started) / 60, 1),
            "weights_sha256": file_digest(folder / "model.safetensors"),
        }
        write_json(folder / "training.json", report)
        print(f"{size} {report}", flush=True)


def texts(taught: dict[str, list[lessons.HomeLessons]]) -> Iterator[str]:
    """What the tokeniser learns from: all turns of some lessons of every home, and its system prompt as often."""
    for homes in taught.values():
        for home in homes:
            for lesson in home.lessons[:TOKENISED]:
                yield from (home.system, lesson.user, lesson.completion)


if __name__ == "__main__":
    run(main)
