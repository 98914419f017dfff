"""Check that the tokeniser keeps labels whole and texts unchanged, and that a saved model can be loaded."""

import pytest
import torch
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


def test_a_saved_model_reopens_with_its_special_tokens(tokenizer, tokenizer_folder, tmp_path):
    models.save_model(models.build_model("tiny-s", tokenizer), tokenizer_folder, tmp_path / "tiny-s")
    reopened = models.load_tokenizer(tmp_path / "tiny-s")
    assert reopened.eos_token == models.END
    assert "<think>" in reopened.get_vocab()
    assert (tmp_path / "tiny-s" / "model.safetensors").stat().st_size < 1_000_000


def ids(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def test_an_extended_tokeniser_keeps_descriptions_and_labels_of_drawn_homes_whole(extended, drawn_examples):
    for text in train_tiny_models.name_texts(drawn_examples):
        assert len(ids(extended, text)) == 5, text


def test_an_extended_tokeniser_shortens_new_texts_and_keeps_old_tokens(
    tokenizer, extended, examples_by_source, drawn_examples
):
    old, new = tokenizer.get_vocab(), extended.get_vocab()
    assert old == {token: number for token, number in new.items() if token in old}
    assert sorted(new.values()) == list(range(len(new)))
    assert len(old) < len(new) <= 2880
    texts = [example.completion for home in drawn_examples for example in home.examples]
    assert all(extended.decode(ids(extended, text)) == text for text in texts)
    assert sum(len(ids(extended, text)) for text in texts) < 0.7 * sum(len(ids(tokenizer, text)) for text in texts)
    for home in examples_by_source["marble"]:
        for example in home.examples:
            assert extended.decode(ids(extended, example.completion)) == example.completion


def test_an_extended_model_reads_old_texts_as_before_and_new_tokens_as_the_mean_of_their_parts(tokenizer, extended):
    torch.manual_seed(0)
    model = models.build_model("tiny-s", tokenizer)
    text = torch.tensor([ids(tokenizer, "kitchen fridge opened")])
    before = model(text).logits.detach().clone()
    models.extend_model(model, tokenizer, extended)
    torch.testing.assert_close(model(text).logits[..., : len(tokenizer)], before)
    weights = model.get_input_embeddings().weight
    assert weights is model.lm_head.weight
    assert len(weights) == model.config.vocab_size == len(extended)
    token = len(extended) - 1
    parts = ids(tokenizer, extended.decode([token]))
    torch.testing.assert_close(weights[token], weights[parts].mean(dim=0))


def test_a_stored_model_is_loaded_as_it_was_saved(tokenizer, tokenizer_folder, tmp_path):
    model = models.build_model("tiny-s", tokenizer)
    models.save_model(model, tokenizer_folder, tmp_path / "tiny-s")
    loaded = models.load_model(tmp_path / "tiny-s")
    rounded = {name: weights.bfloat16().float() for name, weights in model.state_dict().items()}
    torch.testing.assert_close(dict(loaded.state_dict()), rounded, rtol=0, atol=0)
