from itertools import chain

import pytest
import torch
from hearth.distillation import rows
from hearth.distillation.example_arrays import Example, to_arrays
from hearth.distillation.examples import IGNORED, Examples, TokenLists


def example(prompt: list[int], completion: list[int], weights: list[float] | None = None) -> TokenLists:
    labels = [IGNORED] * len(prompt) + completion
    weights = weights and [1.0] * len(prompt) + weights
    return {"input_ids": prompt + completion, "labels": labels, "prefix": 0, "weights": weights}


EXAMPLES = [example([5, 6, 7], [10, 11]), example([5, 6], [20]), example([5, 6, 8, 9], [30, 31, 32])]


def lay_out(layout, **options):
    (micro_batch,) = rows.split(rows.collate(EXAMPLES)["share"], size=3)
    return layout(micro_batch, **options)


def test_examples_in_one_row_keep_their_positions_and_predict_their_own_next_tokens():
    row = lay_out(rows.join_rows)
    assert row.arguments["input_ids"].tolist() == [[5, 6, 8, 9, 30, 31, 32, 5, 6, 7, 10, 11, 5, 6, 20]]
    assert row.arguments["position_ids"].tolist() == [[0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 0, 1, 2]]
    assert row.arguments["segments"] == [7, 5, 3]
    assert row.targets.ids.tolist() == [30, 31, 32, 10, 11, 20]
    assert row.predicting.tolist() == [3, 4, 5, 9, 10, 13]


def test_a_shared_prefix_is_left_out_of_the_row_and_counted_in_positions():
    row = lay_out(rows.join_rows, skipped=2)
    assert row.arguments["input_ids"].tolist() == [[8, 9, 30, 31, 32, 7, 10, 11, 20]]
    assert row.arguments["position_ids"].tolist() == [[2, 3, 4, 5, 6, 2, 3, 4, 2]]
    assert row.arguments["segments"] == [5, 3, 1]


def test_padding_is_on_the_right_masked_and_predicts_nothing():
    row = lay_out(rows.pad_rows)
    assert row.arguments["input_ids"].tolist() == [
        [5, 6, 8, 9, 30, 31, 32],
        [5, 6, 7, 10, 11, 0, 0],
        [5, 6, 20] + [0] * 4,
    ]
    assert row.arguments["attention_mask"].sum(1).tolist() == [7, 5, 3]
    assert row.targets.ids.tolist() == [30, 31, 32, 10, 11, 20]
    assert row.predicting.tolist() == [3, 4, 5, 9, 10, 15]


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("count", [0, 1, 7, 12, 31])
def test_examples_are_dealt_evenly_in_number_and_in_tokens(count, parts):
    lengths = torch.randint(100, 4000, (count,), generator=torch.Generator().manual_seed(count)).tolist()
    dealt = rows.deal(lengths, parts)
    assert sorted(number for part in dealt for number in part) == list(range(count))
    sizes = [len(part) for part in dealt]
    assert max(sizes) - min(sizes) <= 1
    totals = [sum(lengths[number] for number in part) for part in dealt]
    if count >= 2 * parts:
        assert max(totals) - min(totals) <= max(lengths)


def one_of_each(windows: int, targets: int = 1, in_turn: bool = False) -> Examples:
    """Return examples of growing length: `targets` of each window."""
    counts = range(windows * targets)
    items = [Example(str(number // targets), [1] * (10 + number), [2]) for number in counts]
    return Examples([[]], to_arrays(items), in_turn=in_turn)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_step_has_as_many_windows_as_the_batch_size_however_many_targets_they_have(ranks):
    def steps(in_turn, epoch):
        samplers = [
            rows.StepSampler(one_of_each(10, targets=3, in_turn=in_turn), 4, 0, lambda: epoch, rank, ranks)
            for rank in range(ranks)
        ]
        return [sorted(chain(*shares)) for shares in zip(*samplers, strict=True)]

    for step in steps(in_turn=False, epoch=1):
        assert step == sorted(3 * window + target for window in {number // 3 for number in step} for target in range(3))
    assert [len(step) for step in steps(in_turn=False, epoch=1)] == [12, 12, 6]
    for epoch in range(5):
        assert [len(step) for step in steps(in_turn=True, epoch=epoch)] == [4, 4, 2]
        assert {number % 3 for number in chain(*steps(in_turn=True, epoch=epoch))} == {epoch % 3}


@pytest.mark.parametrize("layout", [rows.join_rows, rows.pad_rows])
def test_weights_stay_with_their_tokens(layout):
    weighted = [example([5, 6], [10, 11, 12], [0.5, 2.0, 1.0]), example([7], [20]), example([5, 6, 8], [30], [3.0])]
    share = rows.collate(weighted)["share"]
    laid_out = layout(share.examples)
    weights = dict(zip(laid_out.targets.ids.tolist(), laid_out.targets.weights.tolist(), strict=True))
    assert weights == {10: 0.5, 11: 2.0, 12: 1.0, 20: 1.0, 30: 3.0}
    assert share.weight == 7.5


def test_the_order_depends_on_seed_and_epoch_and_a_step_on_no_number_of_ranks():
    def steps(seed=0, epoch=0, ranks=1):
        samplers = [rows.StepSampler(one_of_each(10), 4, seed, lambda: epoch, rank, ranks) for rank in range(ranks)]
        assert {len(sampler) for sampler in samplers} == {3}
        return [sorted(chain(*shares)) for shares in zip(*samplers, strict=True)]

    assert [len(step) for step in steps()] == [4, 4, 2]
    assert sorted(chain(*steps())) == list(range(10))
    assert steps() == steps() == steps(ranks=2) == steps(ranks=4)
    assert steps() != steps(seed=1)
    assert steps() != steps(epoch=1)


def test_micro_batches_hold_at_most_their_size_and_as_many_as_asked_for():
    share = rows.collate(EXAMPLES)["share"]

    assert share.lengths == [5, 3, 7]
    assert share.weight == 6

    def lengths(*arguments, **options):
        return [[len(each.tokens) for each in part] for part in rows.split(*arguments, **options)]

    assert lengths(share, size=2) == [[7], [5, 3]]
    assert lengths(share, size=2, alike=True) == [[7, 5], [3]]
    assert lengths(share, size=2, parts=4) == [[7], [5], [3], []]
    assert lengths(rows.Share([]), size=2) == []
    assert lengths(rows.Share([]), size=2, parts=2) == [[], []]
