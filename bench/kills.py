"""Check that a killed and resumed training gives the same adapter as an uninterrupted one (`make bench-kills`).

A tiny student is trained under ZeRO-2 and ZeRO-3, by one rank and by two, with dropout and a checkpoint every second
step. For each kill, a new training starts, and torchrun and all its ranks receive SIGKILL at a random moment, possibly
while they save. The same command then runs to its end, and the adapter is compared byte for byte with that of an
uninterrupted training.
"""

import json
import random
import signal
import tempfile
from pathlib import Path

from common import benchmark_parser
from hearth.common.files import read_json, write_json
from random_model import make_model
from training_fixtures import Training

# Pairs of ZeRO stage and number of ranks.
SETUPS = [(zero, ranks) for zero in (2, 3) for ranks in (1, 2)]


def run_to_end(training: Training) -> bytes:
    """Run a training to its end and return the adapter's bytes. Raises RuntimeError if it fails."""
    if status := training.run():
        raise RuntimeError(f"a training ended with status {status}:\n{training.log[-4000:]}")
    return training.adapter


def main() -> None:
    """Train without interruption, then kill and resume trainings, compare the adapters, and write the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--kills", type=int, default=20, help="number of kills, spread over ZeRO stages and ranks")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the moments of the kills")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)  # noqa: S311 - moments, not secrets
    setups = SETUPS[: arguments.kills]
    kills = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = make_model(folder / "model")

        def new_training(name: str, zero: int, ranks: int) -> Training:
            return Training(folder / name, model, ranks=ranks, zero=zero, save_steps=2)

        adapters, step_seconds, steps = {}, {}, {}
        for zero, ranks in setups:
            reference = new_training(f"uninterrupted-{zero}-{ranks}", zero, ranks)
            adapters[zero, ranks] = run_to_end(reference)
            stats = read_json(reference.folder / "out" / "training.stats.json")
            steps[zero, ranks], step_seconds[zero, ranks] = stats["steps"], stats["seconds"] / stats["steps"]
        for number in range(arguments.kills):
            zero, ranks = setup = setups[number % len(setups)]
            training = new_training(f"killed-{number}", zero, ranks)
            step = rng.randint(1, steps[setup] - 2)
            status = training.interrupt(step, signal.SIGKILL, delay=rng.random() * step_seconds[setup])
            if not status:
                raise RuntimeError(f"training {number} ended before it was killed")
            equal = run_to_end(training) == adapters[setup]
            resumed = read_json(training.folder / "out" / "training.stats.json")["resumed_from_step"]
            kills.append({"zero": zero, "ranks": ranks, "step": step, "resumed_from_step": resumed, "equal": equal})
            print(json.dumps(kills[-1]), flush=True)
    report = {
        "kills": len(kills),
        "equal": sum(kill["equal"] for kill in kills),
        "resumed": sum(kill["resumed_from_step"] > 0 for kill in kills),
        "each": kills,
    }
    write_json(arguments.out, report)
    print(json.dumps({key: report[key] for key in ("kills", "equal", "resumed")}))


if __name__ == "__main__":
    main()
