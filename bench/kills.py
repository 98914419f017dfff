"""Whether a killed training ends as an undisturbed one (`make bench-kills`): SIGKILL at random moments, then again.

A tiny student is trained under ZeRO-2 and ZeRO-3, by one rank and by two, with dropout, and saves at every other step.
Each kill hits a run of its own, torchrun and ranks, at a random moment of a random step, saving included; the same
command is then run to its end, and its adapter compared with the undisturbed one, byte for byte.
"""

import argparse
import json
import random
import signal
import tempfile
from pathlib import Path

from conftest import make_model
from hearth.common.files import read_json, write_json
from training_fixtures import Training

RUNS = [(zero, ranks) for zero in (2, 3) for ranks in (1, 2)]


def finish(training: Training) -> bytes:
    """Run a training to its end; the adapter's bytes."""
    if status := training.run():
        raise RuntimeError(f"a training ended with status {status}:\n{training.log[-4000:]}")
    return training.adapter


def main() -> None:
    """Train undisturbed, kill, resume, compare, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how many, dealt out to stages and ranks in turn")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), help="where the figures go")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)  # noqa: S311 - moments, not secrets
    runs = RUNS[: arguments.kills]
    killed = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = make_model(folder / "model")

        def training(name: str, zero: int, ranks: int) -> Training:
            return Training(folder / name, model, ranks=ranks, zero=zero, save_steps=2)

        undisturbed, step_seconds, steps = {}, {}, {}
        for zero, ranks in runs:
            reference = training(f"undisturbed-{zero}-{ranks}", zero, ranks)
            undisturbed[zero, ranks] = finish(reference)
            stats = read_json(reference.folder / "out" / "training.stats.json")
            steps[zero, ranks], step_seconds[zero, ranks] = stats["steps"], stats["seconds"] / stats["steps"]
        for number in range(arguments.kills):
            zero, ranks = run = runs[number % len(runs)]
            hit = training(f"killed-{number}", zero, ranks)
            step = draw.randint(1, steps[run] - 2)
            status = hit.interrupt(step, signal.SIGKILL, later=draw.random() * step_seconds[run])
            if not status:
                raise RuntimeError(f"the training of kill {number} ended before it was hit")
            equal = finish(hit) == undisturbed[run]
            resumed = read_json(hit.folder / "out" / "training.stats.json")["resumed_from_step"]
            killed.append({"zero": zero, "ranks": ranks, "step": step, "resumed_from_step": resumed, "equal": equal})
            print(json.dumps(killed[-1]), flush=True)
    report = {
        "kills": len(killed),
        "equal": sum(kill["equal"] for kill in killed),
        "resumed": sum(kill["resumed_from_step"] > 0 for kill in killed),
        "each": killed,
    }
    write_json(arguments.out, report)
    print(json.dumps({key: report[key] for key in ("kills", "equal", "resumed")}))


if __name__ == "__main__":
    main()
