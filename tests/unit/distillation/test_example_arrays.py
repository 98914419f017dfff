"""Test that examples come back from flat arrays as they were, in memory and from files."""

from dataclasses import replace
from itertools import groupby

import pytest
from hearth.distillation.example_arrays import Example, ExampleArrays, TokenScratch, to_arrays
from hypothesis import given
from hypothesis import strategies as st

TOKENS = st.lists(st.integers(0, 200_000), max_size=5)
WINDOWS = st.text(alphabet="aé/0", min_size=1)
EXAMPLES = st.lists(st.builds(Example, WINDOWS, TOKENS, TOKENS, st.integers(0, 3)), min_size=1, max_size=6)


def write(folder, examples, kept, weighs=False):
    scratch = TokenScratch(folder, weighs)
    for example in examples:
        scratch.append(example)
    groups = groupby(kept, key=lambda number: examples[number].window_id)
    scratch.save(folder, [(window_id, list(numbers)) for window_id, numbers in groups])
    return ExampleArrays.open(folder)


@given(EXAMPLES, st.randoms())
def test_examples_come_back_from_memory_and_from_files(tmp_path_factory, examples, random):
    kept = random.sample(range(len(examples)), random.randint(1, len(examples)))
    expected = [examples[number] for number in kept]
    for arrays in (to_arrays(expected), write(tmp_path_factory.mktemp("arrays"), examples, kept)):
        assert list(arrays) == arrays[:] == expected
        assert arrays[-1] == expected[-1]
        assert arrays.lengths().tolist() == [len(each.suffix_ids + each.completion_ids) for each in expected]
        assert arrays.digest() == to_arrays(expected).digest()
        with pytest.raises(IndexError):
            arrays[len(expected)]


@given(EXAMPLES, st.randoms())
def test_weights_and_windows_come_back_from_memory_and_from_files(tmp_path_factory, examples, random):
    weighted = [
        replace(example, weights=[random.choice([0.5, 1.0, 2.0]) for _ in example.completion_ids])
        if random.random() < 0.5
        else example
        for example in examples
    ]
    expected = [replace(each, weights=each.weights or [1.0] * len(each.completion_ids)) for each in weighted]
    saved = write(tmp_path_factory.mktemp("arrays"), weighted, range(len(examples)), weighs=True)
    assert list(saved) == expected
    if any(each.weights is not None for each in weighted):
        assert list(to_arrays(weighted)) == expected
        assert saved.digest() == to_arrays(weighted).digest()
    firsts = [
        number for number, each in enumerate(examples) if not number or each.window_id != examples[number - 1].window_id
    ]
    assert saved.windows.tolist() == to_arrays(weighted).windows.tolist() == firsts


def test_the_digest_depends_on_tokens_order_bounds_and_weights_alone():
    base = [Example("a", [1, 2], [3]), Example("b", [4], [5, 6])]
    digest = to_arrays(base).digest()
    assert digest == to_arrays([Example("x", [1, 2], [3]), Example("y", [4], [5, 6])]).digest()
    others = ([base[1], base[0]], [Example("a", [1], [2, 3]), base[1]], [Example("a", [1, 2], [7]), base[1]], base[:1])
    assert digest not in {to_arrays(other).digest() for other in others}
    assert digest != to_arrays([replace(base[0], weights=[0.5]), base[1]]).digest()


def test_nothing_is_left_of_the_temporary_file(tmp_path):
    write(tmp_path, [Example("a", [1], [2])], [0])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "ends.npy",
        "prefixes.npy",
        "tokens.npy",
        "window_ids.npy",
        "windows.npy",
    ]
