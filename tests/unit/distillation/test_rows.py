from itertools import chain

import pytest
import torch
from hearth.distillation import rows
from hearth.distillation.examples import IGNORED


def example(prompt: list[int], completion: list[int]) -> dict[str, list[int]]:
    return {"input_ids": prompt + completion, "labels": [IGNORED] * len(prompt) + completion, "prefix": 0}


EXAMPLES = [example([5, 6, 7], [10, 11]), example([5, 6], [20]), example([5, 6, 8, 9], [30, 31, 32])]


def lay_out(layout, **options):
    (micro_batch,) = rows.split(rows.collate(EXAMPLES)["share"], size=3)
    return layout(micro_batch, **options)


def test_examples_in_one_row_keep_their_positions_and_predict_their_own_next_tokens():
    row = lay_out(rows.join_rows)
    assert row.arguments["input_ids"].tolist() == [[5, 6, 8, 9, 30, 31, 32, 5, 6, 7, 10, 11, 5, 6, 20]]
    assert row.arguments["position_ids"].tolist() == [[0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 0, 1, 2]]
    assert row.arguments["segments"] == [7, 5, 3]
    assert row.targets.tolist() == [30, 31, 32, 10, 11, 20]
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
    assert row.targets.tolist() == [30, 31, 32, 10, 11, 20]
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


def test_the_order_depends_on_seed_and_epoch_and_a_step_on_no_number_of_ranks():
    def steps(seed=0, epoch=0, ranks=1):
        samplers = [
            rows.StepSampler(lambda number: 10 + number, 10, 4, seed, lambda: epoch, rank, ranks)
            for rank in range(ranks)
        ]
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
    assert share.predicted == 6

    def lengths(*arguments, **options):
        return [[len(tokens) for tokens, _ in part] for part in rows.split(*arguments, **options)]

    assert lengths(share, size=2) == [[7], [5, 3]]
    assert lengths(share, size=2, alike=True) == [[7, 5], [3]]
    assert lengths(share, size=2, parts=4) == [[7], [5], [3], []]
    assert lengths(rows.Share([]), size=2) == []
    assert lengths(rows.Share([]), size=2, parts=2) == [[], []]
