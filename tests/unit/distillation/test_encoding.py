"""Test which tokens have the weights of a text's labels."""

import json
import unicodedata

import pytest
import training_fixtures as fixtures
from hearth.distillation.encoding import Encoder, token_ends, token_weights
from hearth.distillation.recipes import Target
from hearth.models.load import load_tokenizer
from hearth.models.tokens import encode
from hearth.prompting.parsing import label_spans
from sentence_tokenizers import sentence_tokenizer
from tokenizers import normalizers

LABELS = ["watching the door", "reading"]


def answer(thought, labels=LABELS):
    listed = json.dumps([{"id": number, "activity": label} for number, label in enumerate(labels, 1)])
    return f"<think>\n{thought}\n</think>\n\n{listed}"


@pytest.mark.parametrize("kind", ["first", "never", "always", "prepend"])
def test_weights_stay_with_labels_where_tokens_begin_with_spaces(kind):
    text = answer("The door was opened in the evening.")
    tokenizer = sentence_tokenizer(kind, text)
    tokens = encode(tokenizer, text, continues=True)
    ends = token_ends(tokenizer, tokens)
    weights = token_weights(ends, [(*span, 0.5) for span in label_spans(text, 2)])
    assert ends[-1] == len(text)
    weighted = tokenizer.decode([token for token, weight in zip(tokens, weights, strict=True) if weight != 1])
    assert weighted == 'watching the door"reading"'


@pytest.mark.parametrize("normalises", [False, True])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_weights_stay_with_labels_behind_characters_that_a_tokenizer_normalises(tiny_model, normalises, form):
    tokenizer = load_tokenizer(tiny_model)
    if normalises:
        tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
    text = unicodedata.normalize(form, answer("L'\u00e9v\u00e9nement \u00e0 8 h \U0001f600 \ufffd."))
    weights = tuple((*span, 0.5) for span in label_spans(text, 2))
    example = Encoder(tokenizer, fixtures.PROMPT).encode("toy/s0/0", "[]", Target(text, True, weights))
    pairs = zip(example.completion_ids, example.weights, strict=True)
    weighted = tokenizer.decode([token for token, weight in pairs if weight != 1])
    assert weighted == 'watching the door"reading"'
