"""Compare gradients and losses of our ways to train with those of transformers' Trainer, in one process."""

import gc

import pytest
import torch
from hearth.distillation import shared_prefix, trainer
from hearth.distillation.shared_prefix import EncodedPrefix
from shared_prefix_fixtures import difference, make_examples, make_examples_of_homes, make_student, train
from transformers import TrainerCallback


@pytest.mark.parametrize(
    ("prefix", "micro_batch", "accumulation", "count", "spread", "checkpointing"),
    [
        (40, 1, 1, 2, 0, False),
        (40, 3, 1, 6, 5, False),
        (40, 2, 3, 12, 7, False),
        (40, 2, 3, 12, 7, True),
        (1, 2, 2, 8, 3, False),
        (150, 1, 4, 8, 16, True),
        (40, 2, 2, 6, 5, False),  # the last step has only one micro-batch
    ],
)
@pytest.mark.parametrize("way", ["shared", "packed", "padded"])
def test_gradients_and_adapters_equal_those_of_the_plain_path(
    tmp_path, way, prefix, micro_batch, accumulation, count, spread, checkpointing
):
    head, examples = make_examples(prefix, count, spread)
    plain, ours = (
        train(tmp_path, head, examples, make_student(checkpointing=checkpointing), each, micro_batch, accumulation)
        for each in ("plain", way)
    )
    assert len(ours[0]) == len(plain[0]) == 2 * -(-count // (micro_batch * accumulation))
    assert difference(ours[0][0], plain[0][0]) < 1e-5
    assert ours[1] == pytest.approx(plain[1], rel=1e-4)
    for name, weights in plain[2].items():
        assert difference(ours[2][name], weights) < 1e-3, name


@pytest.mark.parametrize(("micro_batch", "accumulation"), [(1, 4), (3, 2), (8, 1)])
@pytest.mark.parametrize("way", ["shared", "packed", "padded"])
def test_gradients_of_examples_with_several_prefixes_equal_those_of_the_plain_path(
    tmp_path, way, micro_batch, accumulation
):
    heads, examples = make_examples_of_homes(prefixes=(40, 25, 60), count=5)
    plain, ours = (
        train(tmp_path, heads, examples, make_student(), each, micro_batch, accumulation) for each in ("plain", way)
    )
    assert len(ours[0]) == len(plain[0]) == 2 * -(-len(examples) // (micro_batch * accumulation))
    assert difference(ours[0][0], plain[0][0]) < 1e-5
    assert ours[1] == pytest.approx(plain[1], rel=1e-4)


def test_each_prefix_of_a_step_is_encoded_once(tmp_path, monkeypatch):
    encoded = []

    class CountedPrefix(EncodedPrefix):
        def __init__(self, base, prefix_ids, device):
            encoded.append(list(prefix_ids))
            super().__init__(base, prefix_ids, device)

    monkeypatch.setattr(trainer, "EncodedPrefix", CountedPrefix)
    heads, examples = make_examples_of_homes(prefixes=(40, 25), count=4)
    train(tmp_path, heads, examples, make_student(), "shared", micro_batch=1, accumulation=8, epochs=1)
    assert encoded == heads


def test_layers_below_the_first_adapter_need_no_gradient(tmp_path):
    head, examples = make_examples(prefix=20, count=4, spread=5)
    plain, shared = (
        train(tmp_path, head, examples, make_student(targets=["q_proj"]), way, accumulation=2)[0][0]
        for way in ("plain", "shared")
    )
    assert difference(shared, plain) < 1e-5


def test_a_batch_of_four_equals_four_batches_of_one(tmp_path):
    head, examples = make_examples(prefix=30, count=4, spread=5)
    trainings = [
        train(tmp_path, head, examples, make_student(), way, micro, 4 // micro, epochs=1)
        for way in ("plain", "packed", "shared")
        for micro in (4, 2, 1)
    ]
    for gradients, losses, _ in trainings:
        assert difference(gradients[0], trainings[0][0][0]) < 1e-5
        assert losses == pytest.approx(trainings[0][1], rel=1e-5)


def test_bfloat16_gradients_are_as_close_to_float32_as_on_the_plain_path(tmp_path):
    head, examples = make_examples(prefix=60, count=8, spread=5)

    def gradient(way, dtype):
        return train(tmp_path, head, examples, make_student(dtype=dtype), way, 1, 8, epochs=1)[0][0]

    exact = gradient("plain", torch.float32)
    plain, shared = (difference(gradient(way, torch.bfloat16), exact) for way in ("plain", "shared"))
    assert shared < max(1.5 * plain, 0.05)


def test_an_example_may_have_one_token_of_its_own_in_a_micro_batch(tmp_path):
    head, (longer, *_) = make_examples(prefix=20, count=1, spread=0)
    examples = [longer, {"input_ids": [*head, 3], "labels": [-100] * 21, "prefix": 0}]
    plain, shared = (train(tmp_path, head, examples, make_student(), way)[0][0] for way in ("plain", "shared"))
    assert difference(shared, plain) < 1e-5


def test_with_dropout_the_prefix_draws_one_mask_a_step(tmp_path, monkeypatch):
    values = []

    class RememberingPrefix(EncodedPrefix):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            values.append(self.copies[0][1].detach().clone())

    monkeypatch.setattr(trainer, "EncodedPrefix", RememberingPrefix)
    head, examples = make_examples(prefix=30, count=6, spread=5)
    train(tmp_path, head, examples, make_student(dropout=0.5), "shared", micro_batch=1, accumulation=3, epochs=1)
    one, other = values
    assert not torch.equal(one, other)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_no_step_leaves_a_graph_behind(tmp_path, checkpointing):
    alive = []

    class CountTensorsOfGraphs(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            gc.collect()
            tensors = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]
            alive.append(sum(tensor.grad_fn is not None for tensor in tensors))

    head, examples = make_examples(prefix=30, count=8, spread=5)
    student = make_student(checkpointing=checkpointing)
    train(tmp_path, head, examples, student, "shared", accumulation=1, callbacks=[CountTensorsOfGraphs()])
    assert alive == [0] * 8


def test_a_model_that_does_not_attend_to_everything_takes_the_plain_path():
    student = make_student(
        use_sliding_window=True, sliding_window=8, layer_types=["sliding_attention", "full_attention", "full_attention"]
    )
    assert (
        shared_prefix.unsupported_reason(student, [1])
        == "qwen3 has layers that do not attend to everything before them"
    )
    assert shared_prefix.unsupported_reason(make_student(), []) == "the prompts have no static prefix"
    assert shared_prefix.unsupported_reason(make_student(), [1]) == ""
