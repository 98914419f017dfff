import pytest
import torch
from hearth.distillation.dropout import ExampleDropout, drop_by_example, seed_of
from shared_prefix_fixtures import difference, make_examples, make_student, train


def test_gradients_with_dropout_depend_neither_on_the_batch_nor_on_checkpointing(tmp_path):
    head, examples = make_examples(prefix=30, count=4, spread=5)

    def gradient(way, micro_batch, checkpointing=False):
        student = make_student(dropout=0.3, checkpointing=checkpointing)
        return train(tmp_path, head, examples, student, way, micro_batch, 4 // micro_batch, epochs=1)[0][0]

    shared, packed = gradient("shared", 4), gradient("packed", 4)
    for micro_batch, checkpointing in ((2, True), (1, False)):
        assert difference(gradient("shared", micro_batch, checkpointing), shared) < 1e-5
        assert difference(gradient("packed", micro_batch, checkpointing), packed) < 1e-5
        assert difference(gradient("padded", micro_batch), packed) < 1e-5
    assert difference(shared, packed) > 1e-3, "the shared prefix has a mask of its own"


def test_a_mask_keeps_its_share_and_leaves_padding_and_the_mean_alone():
    dropout = ExampleDropout(0.25, 3, [[(400, 1)], [(300, 2)]])
    dropped = dropout(torch.ones(2, 400, 50))
    assert (dropped[0] == 0).float().mean() == pytest.approx(0.25, abs=0.01)
    assert dropped[0].mean() == pytest.approx(1, abs=0.02)
    assert (dropped[1, 300:] != 0).all()
    assert not torch.equal(dropped[0, :300], dropped[1, :300])
    assert torch.equal(dropped, dropout(torch.ones(2, 400, 50)))
    assert not torch.equal(dropped, ExampleDropout(0.25, 4, [[(400, 1)], [(300, 2)]])(torch.ones(2, 400, 50)))
    assert torch.equal(dropout.eval()(torch.ones(1, 5, 2)), torch.ones(1, 5, 2))


def test_seeds_differ_by_tokens_seed_and_step():
    assert len({seed_of(5, 1, 2), seed_of(6, 1, 2), seed_of(5, 2, 2), seed_of(5, 1, 3)}) == 4


def test_every_layer_of_the_adapter_has_its_own_mask():
    student = make_student(dropout=0.5)
    drop_by_example(student)
    places = [module._place for module in student.modules() if isinstance(module, ExampleDropout)]
    assert len(places) == len(set(places)) == 3 * 5
    assert not [module for module in student.modules() if type(module) is torch.nn.Dropout]
