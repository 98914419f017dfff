"""Compare gradients and losses with the prefix encoded once a step and with every example, in one process."""

import pytest
import torch
from hearth.distillation import shared_prefix
from shared_prefix_fixtures import difference, make_examples, make_student, train


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
def test_gradients_and_adapters_equal_those_of_the_plain_path(
    tmp_path, prefix, micro_batch, accumulation, count, spread, checkpointing
):
    head, examples = make_examples(prefix, count, spread)
    plain, shared = (
        train(tmp_path, head, examples, make_student(checkpointing=checkpointing), way, micro_batch, accumulation)
        for way in (False, True)
    )
    assert len(shared[0]) == len(plain[0]) == 2 * -(-count // (micro_batch * accumulation))
    assert difference(shared[0][0], plain[0][0]) < 1e-5
    assert shared[1] == pytest.approx(plain[1], rel=1e-4)
    for name, weights in plain[2].items():
        assert difference(shared[2][name], weights) < 1e-3, name


def test_layers_below_the_first_adapter_need_no_gradient(tmp_path):
    head, examples = make_examples(prefix=20, count=4, spread=5)
    plain, shared = (
        train(tmp_path, head, examples, make_student(targets=["q_proj"]), way, accumulation=2)[0][0]
        for way in (False, True)
    )
    assert difference(shared, plain) < 1e-5


def test_a_batch_of_four_equals_four_batches_of_one(tmp_path):
    head, examples = make_examples(prefix=30, count=4, spread=5)
    trainings = [
        train(tmp_path, head, examples, make_student(), shared, micro, 4 // micro, epochs=1)
        for shared in (False, True)
        for micro in (4, 2, 1)
    ]
    for gradients, losses, _ in trainings:
        assert difference(gradients[0], trainings[0][0][0]) < 1e-5
        assert losses == pytest.approx(trainings[0][1], rel=1e-5)


def test_bfloat16_gradients_are_as_close_to_float32_as_on_the_plain_path(tmp_path):
    head, examples = make_examples(prefix=60, count=8, spread=5)

    def gradient(shared, dtype):
        return train(tmp_path, head, examples, make_student(dtype=dtype), shared, 1, 8, epochs=1)[0][0]

    exact = gradient(False, torch.float32)
    plain, shared = (difference(gradient(way, torch.bfloat16), exact) for way in (False, True))
    assert shared < max(1.5 * plain, 0.05)


def test_with_dropout_the_prefix_draws_one_mask_a_step(tmp_path, monkeypatch):
    encode, encoded = shared_prefix._encode, []

    def remember(*arguments):
        encoded.append(encode(*arguments))
        return encoded[-1]

    monkeypatch.setattr(shared_prefix, "_encode", remember)
    head, examples = make_examples(prefix=30, count=6, spread=5)
    train(tmp_path, head, examples, make_student(dropout=0.5), shared=True, micro_batch=1, accumulation=3, epochs=1)
    assert len(encoded) == 2
    values = [states[0][1] for states in encoded]
    assert not torch.equal(*values)


def test_the_prefix_of_a_step_is_freed_after_it(tmp_path, monkeypatch):
    import gc
    import weakref

    encode, references = shared_prefix._encode, []

    def remember(*arguments):
        states = encode(*arguments)
        references.extend(weakref.ref(state) for pair in states.values() for state in pair)
        return states

    monkeypatch.setattr(shared_prefix, "_encode", remember)
    head, examples = make_examples(prefix=30, count=4, spread=5)
    train(tmp_path, head, examples, make_student(checkpointing=True), shared=True, accumulation=2)
    gc.collect()
    assert references
    assert not [state for state in references if state() is not None]


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
