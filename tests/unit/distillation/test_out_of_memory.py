"""Let ranks of real trainings run out of memory; each training takes some ten seconds."""

import re
import sys

import pytest
import training_fixtures as fixtures
from hearth.common import files
from hearth.distillation.examples import DOCUMENT, open_examples
from hearth.distillation.micro_batch import RECORD
from repository import REPOSITORY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and process trees as on Linux")

SETTINGS = {"batch_size": 8, "lora": {**fixtures.SETTINGS["lora"], "dropout": 0}, "ranks": 2, "epochs": 1}


@pytest.fixture
def limit_tokens(monkeypatch):
    """Return a function that limits the tokens of a forward pass of rank 1."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests" / "helpers" / "little_memory"))
    monkeypatch.setenv("LITTLE_MEMORY_RANK", "1")

    def limit(tokens: float) -> None:
        monkeypatch.setenv("LITTLE_MEMORY_TOKENS", str(int(tokens)))

    return limit


def losses(training):
    return files.read_json(training.folder / "out" / "training_log.json")["losses"]


def micro_batch(training):
    (record,) = (training.folder / "work").glob(f"*/{RECORD}")
    return files.read_json(record)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, tiny_model):
    training = fixtures.Training(
        tmp_path_factory.mktemp("undisturbed"), tiny_model, micro_batch_size="auto", **SETTINGS
    )
    assert training.run() == 0, training.log
    return training


@pytest.fixture(scope="module")
def examples(undisturbed):
    (document,) = (undisturbed.folder / "work").glob(f"*/{DOCUMENT}")
    return open_examples(document.parent)


def test_the_size_of_micro_batches_is_chosen_and_recorded(undisturbed):
    assert micro_batch(undisturbed) == {"setting": "auto", "used": 4}  # all examples of a rank


def test_a_rank_without_memory_halves_its_micro_batches_and_all_ranks_go_on(
    undisturbed, examples, limit_tokens, tmp_path, tiny_model
):
    limit_tokens(2.5 * examples.items.lengths().max())
    training = fixtures.Training(tmp_path, tiny_model, micro_batch_size=4, **SETTINGS)
    assert training.run() == 0, training.log
    assert training.log.count("out of memory with micro-batches of 4: continuing with 2") == 1
    assert micro_batch(training) == {"setting": 4, "used": 2}
    assert losses(training) == pytest.approx(losses(undisturbed), rel=1e-5)


def test_an_example_that_does_not_fit_alone_is_named_by_its_length(examples, limit_tokens, tmp_path, tiny_model):
    limit_tokens(examples.items.lengths().min() - 1)
    training = fixtures.Training(tmp_path, tiny_model, micro_batch_size=1, **SETTINGS)
    assert training.run() != 0
    longest = re.search(r"error: out of memory with one example at a time, of at most (\d+) tokens", training.log)
    assert int(longest[1]) == len(examples.prefixes[0]) + examples.items.lengths().max()


def test_under_zero_3_a_training_without_memory_fails_and_resumes_with_smaller_micro_batches(
    undisturbed, examples, limit_tokens, tmp_path, tiny_model
):
    limit_tokens(2.5 * (len(examples.prefixes[0]) + examples.items.lengths().max()))
    training = fixtures.Training(tmp_path, tiny_model, micro_batch_size=4, zero=3, **SETTINGS)
    assert training.run() != 0
    assert "error: out of memory; run again to continue with the smaller micro-batch" in training.log
    assert training.run() == 0, training.log
    assert micro_batch(training) == {"setting": 4, "used": 2}
    assert losses(training) == pytest.approx(losses(undisturbed), rel=1e-3)
