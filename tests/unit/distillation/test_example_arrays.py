"""Test that examples come back from flat arrays as they were, in memory and from files."""

import pytest
from hearth.distillation.example_arrays import Example, ExampleArrays, TokenScratch, to_arrays
from hypothesis import given
from hypothesis import strategies as st

TOKENS = st.lists(st.integers(0, 200_000), max_size=5)
EXAMPLES = st.lists(st.builds(Example, st.text(alphabet="aé/0", min_size=1), TOKENS, TOKENS), min_size=1, max_size=6)


def write(folder, examples, kept):
    scratch = TokenScratch(folder)
    for example in examples:
        scratch.append(example)
    scratch.save(folder, kept, [examples[number].window_id for number in kept])
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


def test_the_digest_depends_on_tokens_order_and_bounds_alone():
    base = [Example("a", [1, 2], [3]), Example("b", [4], [5, 6])]
    digest = to_arrays(base).digest()
    assert digest == to_arrays([Example("x", [1, 2], [3]), Example("y", [4], [5, 6])]).digest()
    others = ([base[1], base[0]], [Example("a", [1], [2, 3]), base[1]], [Example("a", [1, 2], [7]), base[1]], base[:1])
    assert digest not in {to_arrays(other).digest() for other in others}


def test_nothing_is_left_of_the_temporary_file(tmp_path):
    write(tmp_path, [Example("a", [1], [2])], [0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ends.npy", "tokens.npy", "window_ids.npy"]
