"""Write files of log-probabilities, read them, and read files that something is wrong with."""

import json
import struct

import numpy as np
import pytest
from hearth.common.log_probabilities import (
    LogProbabilities,
    bytes_per_token,
    gather_log_probabilities,
    to_float16,
    write_log_probabilities,
)
from hearth.common.scored_text import ScoredText

HEAD = {
    "teacher": "t" * 64,
    "top_tokens": 3,
    "vocabulary": 152064,
    "tokenizer": "k" * 64,
    "dtype": "float32",
    "temperature": 1.0,
    "traces": "f" * 64,
    "tensors": "",
}


def scored(window_id, count, seed=0, largest=100):
    draw = np.random.default_rng(seed)
    values = np.sort(np.log(draw.random((count, 3))), axis=1)[:, ::-1]
    tokens, ids = draw.integers(0, largest, count), draw.integers(0, largest, (count, 3))
    return ScoredText(window_id, tokens.astype(np.int32), ids.astype(np.int32), to_float16(values))


TEXTS = [scored("home/s1/0", 5), scored("home/é 2/1", 0), scored("home/s1/2", 7, seed=1)]


def assert_equal(texts, expected):
    for one, other in zip(texts, expected, strict=True):
        assert one.window_id == other.window_id
        for tensor, wanted in zip(one[1:], other[1:], strict=True):
            assert tensor.dtype == wanted.dtype
            np.testing.assert_array_equal(tensor, wanted)


@pytest.fixture
def path(tmp_path):
    write_log_probabilities(tmp_path / "all.safetensors", HEAD, TEXTS)
    return tmp_path / "all.safetensors"


def test_what_is_written_is_read(path):
    opened = LogProbabilities(path)
    assert_equal(opened, TEXTS)
    assert_equal(opened, TEXTS)  # again
    assert {**opened.head, "tensors": ""} == HEAD
    opened.check(top_tokens=3, tokenizer="k" * 64, traces="f" * 64)


def test_equal_content_gives_equal_bytes(path, tmp_path):
    write_log_probabilities(tmp_path / "again", HEAD, TEXTS)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_a_split_without_windows(tmp_path):
    write_log_probabilities(tmp_path / "all.safetensors", HEAD, [])
    assert list(LogProbabilities(tmp_path / "all.safetensors")) == []


def test_the_size_of_a_token(tmp_path):
    sizes = []
    for number, count in enumerate((1000, 3000)):
        write_log_probabilities(tmp_path / str(number), HEAD, [scored("w", count)])
        sizes.append((tmp_path / str(number)).stat().st_size)
    assert abs(sizes[1] - sizes[0] - 2000 * bytes_per_token(3)) <= 16  # numbers in the header, and their padding
    assert bytes_per_token(16) == 100


def test_impossible_tokens_stay_finite():
    stored = to_float16(np.array([0.0, -1e-9, -np.inf, -1e6]))
    assert np.isfinite(stored).all()
    assert stored.tolist() == [0.0, 0.0, -65504.0, -65504.0]


@pytest.mark.parametrize("place", [0.3, 0.6, 0.95])
def test_a_flipped_bit_is_found(path, place):
    content = bytearray(path.read_bytes())
    header = 8 + struct.unpack("<Q", content[:8])[0]
    content[header + int(place * (len(content) - header))] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"all\.safetensors: damaged: its checksum .* run the same command again"):
        LogProbabilities(path)


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_a_file_that_is_cut_off(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"all\.safetensors: damaged"):
        LogProbabilities(path)


def test_metadata_that_are_changed(path):
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    head = json.loads(header["__metadata__"]["hearth"])
    for key, value, message in (
        ("temperature", 2.0, "log-probabilities of temperature 2, but students learn from those of temperature 1"),
        ("top_tokens", "3", "metadata: top_tokens is '3'; expected int"),
    ):
        header["__metadata__"]["hearth"] = json.dumps(head | {key: value})
        written = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(written)) + written + content[8 + length :])
        with pytest.raises(ValueError, match=message):
            LogProbabilities(path)


def test_another_safetensors_file(tmp_path):
    from safetensors.numpy import save_file

    save_file({"tokens": np.zeros(3, np.int32)}, tmp_path / "x")
    with pytest.raises(ValueError, match="x: no log-probabilities of this project"):
        LogProbabilities(tmp_path / "x")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"top_tokens": 16}, "3 log-probabilities a token, but teacher_top_tokens is 16"),
        ({"tokenizer": "other"}, "tokenizer has other tokens than the student's"),
        ({"traces": "other"}, "log-probabilities of other traces"),
    ],
)
def test_a_file_for_another_use(path, wanted, message):
    with pytest.raises(ValueError, match=message):
        LogProbabilities(path).check(**wanted)


def test_a_padded_vocabulary_is_an_error_only_if_padding_occurs(tmp_path):
    texts = [scored("home/s1/0", 50, largest=151936), scored("home/s1/1", 50, largest=151936)]
    texts[1].top_ids[7, 2] = 152000
    write_log_probabilities(tmp_path / "p", HEAD, texts)
    opened = LogProbabilities(tmp_path / "p")
    first, second = opened
    opened.check_ids(first, 151936)
    with pytest.raises(ValueError, match="home/s1/1 has token 152000, but the student's vocabulary has 151936"):
        opened.check_ids(second, 151936)


def test_another_number_of_tokens_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="w does not have 4 log-probabilities"):
        write_log_probabilities(tmp_path / "p", HEAD | {"top_tokens": 4}, [scored("w", 2)])
    assert not list(tmp_path.iterdir())


def test_shards_are_joined_in_order(tmp_path):
    for name, texts in (("0", TEXTS[:2]), ("1", TEXTS[2:])):
        write_log_probabilities(tmp_path / name, HEAD | {"traces": name}, texts)
    shards, names = [tmp_path / "0", tmp_path / "1"], [text.window_id for text in TEXTS]
    assert gather_log_probabilities(tmp_path / "all", shards, names, "whole") == 12
    assert_equal(LogProbabilities(tmp_path / "all"), TEXTS)
    assert LogProbabilities(tmp_path / "all").head["traces"] == "whole"
    for wrong in (shards[:1], shards[::-1]):
        with pytest.raises(ValueError, match="not those of the windows of the split"):
            gather_log_probabilities(tmp_path / "all", wrong, names, "whole")
    write_log_probabilities(tmp_path / "1", HEAD | {"teacher": "another"}, TEXTS[2:])
    with pytest.raises(ValueError, match="teacher is not that of"):
        gather_log_probabilities(tmp_path / "all", shards, names, "whole")
