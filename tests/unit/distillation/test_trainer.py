"""Run the Trainer on a small model in this process, with memory that runs out."""

import os
import subprocess
import sys

import pytest
import torch
import training_fixtures
from hearth.common.cli import UserError
from hearth.distillation import micro_batch, trainer, training
from hearth.distillation.memory_estimate import Longest
from hearth.distillation.micro_batch import MicroBatchSize
from peft import LoraConfig, get_peft_model
from repository import SCRIPTS
from shared_prefix_fixtures import difference, make_examples, make_student, train
from transformers import TrainerCallback


@pytest.fixture
def limit_tokens(monkeypatch):
    """Return a function that lets a forward pass of more than a number of tokens run out of memory."""
    embed = torch.nn.functional.embedding

    def limit(most: int, error: Exception | None = None) -> None:
        error = error or torch.OutOfMemoryError("CUDA out of memory.")

        def embed_few(tokens, *arguments, **options):
            if tokens.numel() > most:
                raise error
            return embed(tokens, *arguments, **options)

        monkeypatch.setattr(torch.nn.functional, "embedding", embed_few)

    return limit


@pytest.mark.parametrize(
    "error", [None, MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")]
)
def test_a_step_that_ran_out_of_memory_equals_one_in_smaller_micro_batches(tmp_path, limit_tokens, capsys, error):
    head, examples = make_examples(prefix=30, count=8, spread=5)
    # The repeated step must drop the same values.
    options = {"way": "shared", "epochs": 1}
    smaller = train(
        tmp_path / "smaller", head, examples, make_student(dropout=0.3), micro_batch=2, accumulation=2, **options
    )
    capsys.readouterr()
    limit_tokens(60, error)  # fewer than three examples have
    halved = train(tmp_path / "halved", head, examples, make_student(dropout=0.3), micro_batch=4, **options)
    assert "out of memory with micro-batches of 4: continuing with 2" in capsys.readouterr().out
    assert len(halved[0]) == 2
    for one, other in zip(halved[0], smaller[0], strict=True):
        assert torch.equal(one, other)


def test_other_errors_end_the_training(tmp_path, limit_tokens):
    head, examples = make_examples(prefix=30, count=4, spread=5)
    limit_tokens(1, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        train(tmp_path, head, examples, make_student(), "shared", micro_batch=4)


def test_the_longest_examples_are_tried_before_the_first_step_and_change_nothing(tmp_path, limit_tokens):
    head, examples = make_examples(prefix=30, count=8, spread=5)

    class TryLongest(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if not state.global_step:
                tried[-1].try_longest()

    tried = []

    class RememberedTrainer(trainer.DistillationTrainer):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, longest=[6, 7], **options)
            tried.append(self)

    def run(callbacks):
        student = make_student(dropout=0.3)
        return train(tmp_path, head, examples, student, "shared", callbacks=callbacks, trainer_class=RememberedTrainer)[
            0
        ]

    untried, with_trial = run([]), run([TryLongest()])
    assert all(torch.equal(one, other) for one, other in zip(untried, with_trial, strict=True))
    limit_tokens(10)
    with pytest.raises(UserError, match="out of memory with one example at a time"):
        tried[-1].try_longest()


def test_a_recorded_size_serves_the_same_setting_only(tmp_path):
    size = MicroBatchSize(tmp_path, "auto", 8)
    size.halve([100] * 8)
    assert MicroBatchSize(tmp_path, "auto", 8).value == 4
    assert MicroBatchSize(tmp_path, 2, 2).value == 2
    size.halve([100] * 3)  # a share of three examples had micro-batches of three
    assert MicroBatchSize(tmp_path, "auto", 8).value == 1


def test_an_adapter_on_the_head_alone_is_trained_as_by_the_plain_path(tmp_path):
    head, examples = make_examples(prefix=20, count=4, spread=5)

    def student():
        base = make_student().unload()
        lora = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["lm_head"], init_lora_weights=False)
        torch.manual_seed(1)
        return get_peft_model(base, lora)

    plain, packed = (train(tmp_path, head, examples, student(), way)[0][0] for way in ("plain", "packed"))
    assert difference(packed, plain) < 1e-5


def test_on_a_cpu_micro_batches_are_as_large_as_speed_needs_and_memory_allows(tiny_model, monkeypatch):
    settings = {**training_fixtures.SETTINGS, "micro_batch_size": "auto"}
    student = training.lora_student(tiny_model, settings, "float32")

    def choose(own, share=16, **changed):
        return micro_batch.choose_micro_batch_size(student, settings | changed, Longest(100, own), share, processes=2)

    monkeypatch.setattr(micro_batch, "available_memory_bytes", lambda: 8e9)
    assert choose(own=300) == 6
    assert choose(own=300, shared_prefix=False) == 5
    assert choose(own=300, share=4) == 4
    assert choose(own=5000) == 1
    monkeypatch.setattr(micro_batch, "available_memory_bytes", lambda: 1)
    assert choose(own=300) == 1


@pytest.mark.parametrize(
    ("set_by_user", "expected"), [({}, "expandable_segments:True"), ({"PYTORCH_CUDA_ALLOC_CONF": "backend:native"}, "")]
)
def test_gpu_memory_is_allocated_in_segments_that_can_grow_unless_the_user_says_otherwise(set_by_user, expected):
    program = "import distil, os; distil.prepare_environment(); print(os.environ.get('PYTORCH_ALLOC_CONF', ''))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTORCH_")} | set_by_user
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=SCRIPTS, env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == expected
