"""Test the number of examples of students that learn from as many as the dataset with the fewest train windows has."""

import distil
import pytest
from hearth.common.cli import UserError
from hearth.common.files import write_json


def test_the_smallest_train_split_of_the_fold_counts(tmp_path):
    for name, sizes in {"one": {"train1": 7, "train2": 9}, "other": {"train1": 8, "train2": 5}}.items():
        write_json(tmp_path / f"{name}.json", sizes)
    paths = sorted(tmp_path.iterdir())
    assert [distil.smallest_split(paths, f"train{fold}") for fold in (1, 2)] == [7, 5]


def test_without_sizes_it_is_unknown():
    with pytest.raises(UserError, match="max_examples: smallest needs --sizes"):
        distil.smallest_split([], "train1")
