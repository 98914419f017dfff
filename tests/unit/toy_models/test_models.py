"""Check that the tokeniser keeps labels whole and texts unchanged, and that a saved model can be loaded."""

import pytest
import train_tiny_models
from hearth.toy_models import models
from toy_homes import HOMES


@pytest.mark.parametrize("source", sorted(HOMES))
def test_a_label_is_one_token_in_prompt_and_completion(source, examples_by_source, tokenizer):
    home = examples_by_source[source][0]
    label = home.examples[0].gold[0]
    (token,) = tokenizer(label, add_special_tokens=False)["input_ids"]
    for text in (home.system, home.examples[0].completion):
        assert token in tokenizer(text, add_special_tokens=False)["input_ids"]


def test_the_tokeniser_is_lossless(examples_by_source, tokenizer):
    texts = list(train_tiny_models.tokenizer_texts(examples_by_source))[:60]
    for text in [*texts, "größer | 3;\n 7.", "<think>\n12:05"]:
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_a_saved_model_reopens_with_its_special_tokens(tokenizer, examples_by_source, tmp_path):
    family = tmp_path / "family"
    models.train_tokenizer(train_tiny_models.tokenizer_texts(examples_by_source), 2560, family)
    models.save_model(models.build_model("tiny-s", tokenizer), family, tmp_path / "tiny-s")
    reopened = models.load_tokenizer(tmp_path / "tiny-s")
    assert reopened.eos_token == models.END
    assert "<think>" in reopened.get_vocab()
    assert (tmp_path / "tiny-s" / "model.safetensors").stat().st_size < 1_000_000
