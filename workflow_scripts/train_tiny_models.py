"""Train the tiny Qwen3 family from scratch on simulated homes (`make tiny-models`)."""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from hearth.files import file_digest, write_json
from hearth.homes import load_home
from hearth.programs import run
from hearth.prompts import render_prompt
from hearth.tiny_family import lessons, models, schooling

# Homes of the lessons are drawn with seeds from here on; those of the demo and the tests lie below.
FIRST_SEED = 1000
HELD_OUT = 64


def main(argv=None):
    """Draw lessons, train the tokeniser and then every size on the same lessons in the same order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--marble-home", type=Path, required=True, help="yaml of the MARBLE-like home")
    parser.add_argument("--mural-home", type=Path, required=True, help="yaml of the MuRAL-like home")
    parser.add_argument("--template", type=Path, required=True, help="prompt template of the lessons")
    parser.add_argument("--marble-homes", type=int, default=60, help="simulated MARBLE-like homes")
    parser.add_argument("--mural-homes", type=int, default=60, help="simulated MuRAL-like homes")
    parser.add_argument("--sessions", type=int, default=20, help="sessions a MARBLE-like home; a MuRAL-like has half")
    parser.add_argument("--vocabulary", type=int, default=1536, help="size of the tokeniser's vocabulary at most")
    parser.add_argument("--sizes", nargs="+", choices=list(models.SIZES), default=list(models.SIZES), help="which")
    parser.add_argument("--steps", type=int, default=1500, help="optimiser steps, the same for every size")
    parser.add_argument("--batch-size", type=int, default=12, help="lessons a step, half of them of each home")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="peak of the one cycle")
    parser.add_argument("--seed", type=int, default=0, help="initial weights and order of lessons")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--out", type=Path, required=True, help="folder of the family, one folder a size")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    scratch = tempfile.TemporaryDirectory()
    homes = {"marble": load_home(arguments.marble_home), "mural": load_home(arguments.mural_home)}
    systems = {source: render_prompt(home, arguments.template, "think")["system"] for source, home in homes.items()}
    drawn = lessons.draw_lessons(
        homes,
        {
            "marble": (range(FIRST_SEED, FIRST_SEED + arguments.marble_homes), arguments.sessions),
            "mural": (range(FIRST_SEED, FIRST_SEED + arguments.mural_homes), arguments.sessions // 2),
        },
        size=10,
        seed=arguments.seed,
    )
    held_out, taught = drawn[:HELD_OUT], drawn[HELD_OUT:]
    family = Path(scratch.name)
    texts = [text for lesson in taught[:4000] for text in (lesson["user"], lesson["completion"])]
    models.train_tokenizer(texts + list(systems.values()) * 50, arguments.vocabulary, family)
    tokenizer = models.load_tokenizer(family)
    classes = [
        schooling.encode(tokenizer, system, [lesson for lesson in taught if lesson["source"] == source])
        for source, system in systems.items()
    ]
    for group in classes:
        longest = max(len(ids) for ids, _ in group.rows)
        print(f"{len(group.rows)} lessons, prefix {len(group.prefix)} tokens, longest rest {longest}", flush=True)
    for size in arguments.sizes:
        torch.manual_seed(arguments.seed)
        model = models.build(size, tokenizer)
        started = time.monotonic()
        loss = schooling.train(
            model,
            classes,
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
            "lessons": len(taught),
            "steps": arguments.steps,
            "batch_size": arguments.batch_size,
            "learning_rate": arguments.learning_rate,
            "seed": arguments.seed,
            "first_home_seed": FIRST_SEED,
            "final_loss": round(loss, 4),
            "held_out_accuracy": schooling.held_out_accuracy(model.float(), tokenizer, systems, homes, held_out),
            "minutes": round((time.monotonic() - started) / 60, 1),
            "weights_sha256": file_digest(folder / "model.safetensors"),
        }
        write_json(folder / "training.json", report)
        print(f"{size} {report}", flush=True)


if __name__ == "__main__":
    run(main)
