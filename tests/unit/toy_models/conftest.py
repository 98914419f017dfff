"""Training examples and a tokeniser, made once for the tests of all modules."""

import pytest
import train_tiny_models
from hearth.toy_models import models
from hearth.toy_models.training_data import HomeExamples
from toy_homes import HOMES, home_examples


@pytest.fixture(scope="session")
def examples_by_source() -> dict[str, list[HomeExamples]]:
    return {source: [home_examples(source, seed) for seed in range(1000, 1006)] for source in sorted(HOMES)}


@pytest.fixture(scope="session")
def tokenizer(examples_by_source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    models.train_tokenizer(train_tiny_models.tokenizer_texts(examples_by_source), 2560, folder)
    return models.load_tokenizer(folder)
