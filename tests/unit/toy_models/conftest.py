"""Training examples and a tokeniser, made once for the tests of all modules."""

import pytest
import train_tiny_models
from hearth.toy_models import models
from hearth.toy_models.answer_formats import STANDARD
from hearth.toy_models.training_data import HomeExamples, make_drawn_examples
from toy_homes import HOMES, TEMPLATE, home_examples


@pytest.fixture(scope="session")
def examples_by_source() -> dict[str, list[HomeExamples]]:
    return {source: [home_examples(source, seed) for seed in range(1000, 1006)] for source in sorted(HOMES)}


@pytest.fixture(scope="session")
def drawn_examples() -> list[HomeExamples]:
    return [make_drawn_examples(TEMPLATE, seed, 4, 10, STANDARD) for seed in range(1000, 1006)]


@pytest.fixture(scope="session")
def tokenizer_folder(examples_by_source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    models.train_tokenizer(train_tiny_models.tokenizer_texts(examples_by_source), 2560, folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder):
    return models.load_tokenizer(tokenizer_folder)


@pytest.fixture(scope="session")
def extended(tokenizer_folder, drawn_examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("extended")
    models.extend_tokenizer(tokenizer_folder, train_tiny_models.name_texts(drawn_examples), 2880, folder)
    return models.load_tokenizer(folder)
