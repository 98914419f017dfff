"""Check training on a real GPU: the program of the rule `distil`, and the gradients with a shared prefix."""

import signal

import pytest
import shared_prefix_fixtures as prefixes
import torch
import training_fixtures as fixtures
import training_memory as memory
from hearth.common import files
from hearth.distillation.memory_estimate import Longest, training_bytes

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU on this machine")

DEVICE = "cuda"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_s) -> dict[str, fixtures.Training]:
    """A dict from name to uninterrupted training. They run in parallel, since starting takes longer than the steps."""
    changes = {
        "float32": {"dtype": "float32", "epochs": 4},
        "shared": {"dtype": "bfloat16"},
        "plain": {"dtype": "bfloat16", "shared_prefix": False},
    }
    folder = tmp_path_factory.mktemp("trained")
    trainings = {name: fixtures.Training(folder / name, tiny_s, **changed) for name, changed in changes.items()}
    running = {name: training.start() for name, training in trainings.items()}
    for name, process in running.items():
        assert process.wait(timeout=300) == 0, trainings[name].log
    return trainings


def test_a_killed_training_in_float32_ends_bitwise_as_an_uninterrupted_one(trained, tmp_path, tiny_s):
    training = fixtures.Training(tmp_path, tiny_s, dtype="float32", epochs=4)
    assert training.interrupt(step=4, signal_number=signal.SIGKILL) != 0
    assert not (tmp_path / "out").exists()
    assert training.run() == 0, training.log
    stats = files.read_json(tmp_path / "out" / "training.stats.json")
    assert stats["resumed_from_step"] >= 3
    assert stats["device"] == torch.cuda.get_device_name()
    assert training.adapter == trained["float32"].adapter


def test_in_bfloat16_the_first_loss_is_that_of_the_plain_path(trained):
    shared, plain = (
        files.read_json(trained[name].folder / "out" / "training_log.json") for name in ("shared", "plain")
    )
    assert [log["static_prefix"] for log in (shared, plain)] == ["once an optimizer step", "with every example"]
    assert shared["losses"][0] == pytest.approx(plain["losses"][0], rel=0.02)
    for log in (shared, plain):
        assert log["dtype"] == "bfloat16"
        assert log["losses"][-1] < log["losses"][0]


def test_in_float32_gradients_of_the_shared_prefix_are_those_of_the_plain_path(tmp_path):
    head, examples = prefixes.make_examples(prefix=150, count=8, spread=16)
    plain, shared = (
        prefixes.train(
            tmp_path, head, examples, prefixes.make_student(checkpointing=True), way, 2, 2, epochs=1, device=DEVICE
        )
        for way in ("plain", "shared")
    )
    assert prefixes.difference(shared[0][0], plain[0][0]) < 1e-4
    assert shared[1] == pytest.approx(plain[1], rel=1e-4)


@pytest.mark.parametrize("checkpointing", [True, False])
def test_the_estimate_covers_the_peak_of_memory_and_is_at_most_half_as_much_again(checkpointing):
    config, settings = memory.qwen3(1024, 3072, 8, 16), memory.SETTINGS | {"gradient_checkpointing": checkpointing}
    trainer = memory.make_trainer(memory.make_student(config, settings, DEVICE), settings, 900, use_cpu=False)
    micro_batches = memory.make_micro_batches(trainer, 2, 4396, 2, prefix=900, learned=4096)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    trainer.compute_gradients(micro_batches, torch.ones((), device=DEVICE))
    peak = torch.cuda.max_memory_allocated() - before
    assert peak <= training_bytes(memory.shape_of(config), settings, Longest(900, 4396), 2) < 1.5 * peak
