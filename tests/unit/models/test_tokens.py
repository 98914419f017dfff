import json
import shutil

import pytest
from hearth.models.load import load_tokenizer
from hearth.models.snapshot import ModelError
from hearth.models.tokens import check_turn_end, encode, turn_end_token
from sentence_tokenizers import sentence_tokenizer

PARTS = ("<s>Name the activities.\n\n", '[{"id": 1, "description": "door opened"}]</s>', "\n[1, 2]")


@pytest.mark.parametrize("kind", ["first", "never", "always", "prepend"])
def test_a_part_that_goes_on_gets_no_space_before_it(kind):
    tokenizer = sentence_tokenizer(kind, "".join(PARTS))
    first, *rest = PARTS
    tokens = encode(tokenizer, first)
    for part in rest:
        tokens += encode(tokenizer, part, continues=True)
    text = tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
    assert text.replace("<s> ", "<s>") == "".join(PARTS)
    if kind in ("first", "never"):  # the others put a space behind every special token of the whole, too
        assert tokens == encode(tokenizer, "".join(PARTS))


@pytest.mark.parametrize("text", ["", "a", "\n", " a", "[1]"])
def test_a_byte_level_tokenizer_gives_the_same_tokens_for_a_part(tiny_model, text):
    tokenizer = load_tokenizer(tiny_model)
    assert encode(tokenizer, text, continues=True) == encode(tokenizer, text)


@pytest.fixture
def base(tiny_model, tmp_path):
    """Return a function that copies the tiny model and changes the ends that its files name."""

    def copy(eos_token, configured, in_generation_config=True):
        folder = shutil.copytree(tiny_model, tmp_path / "base", symlinks=False)
        for name, key, value in (
            ("tokenizer_config.json", "eos_token", eos_token),
            ("config.json", "eos_token_id", None if in_generation_config else configured),
            ("generation_config.json", "eos_token_id", configured if in_generation_config else None),
        ):
            path = folder / name
            document = json.loads(path.read_text())
            path.unlink()
            path.write_text(json.dumps(document | {key: value}))
        return folder

    return copy


@pytest.mark.parametrize(
    ("eos_token", "configured", "in_generation_config"),
    [("<|im_end|>", None, True), ("<|endoftext|>", [2, 0], True), ("<|endoftext|>", 2, False)],
)
def test_a_turn_may_end_by_any_of_the_ends_that_files_name(base, eos_token, configured, in_generation_config):
    folder = base(eos_token, configured, in_generation_config)
    tokenizer = load_tokenizer(folder)
    assert turn_end_token(tokenizer) == tokenizer.convert_tokens_to_ids("<|im_end|>")
    check_turn_end(folder, tokenizer)


@pytest.mark.parametrize("configured", [0, None])
def test_a_turn_that_ends_by_a_token_at_which_no_program_stops_is_refused(base, configured):
    folder = base("<|endoftext|>", configured)
    remedy = r'has "eos_token_id": \[0, 2\]' if configured == 0 else r'has "eos_token_id": \[2\]'
    with pytest.raises(ModelError, match=rf"ends a turn with <\|im_end\|>, token 2, but .*{remedy}"):
        check_turn_end(folder, load_tokenizer(folder))


def test_a_tokenizer_without_any_end_is_refused(tiny_model):
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.eos_token, tokenizer.chat_template = None, "{{ messages[0].content }}"
    with pytest.raises(ModelError, match=r"has no end-of-turn token \(eos_token\): use an instruct model"):
        turn_end_token(tokenizer)
