"""Turn parts of a prompt into tokens (ids in a tokenizer's vocabulary), and find the token that ends a turn."""

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from hearth.common.files import read_json_object
from hearth.models.snapshot import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from hearth.models.light_tokenizer import LightTokenizer

# The marks of a space at the beginning of a token: SentencePiece's, and that of byte-level tokenizers.
_SPACES = ("\u2581", "\u0120")


def encode(tokenizer: "PreTrainedTokenizerBase | LightTokenizer", text: str, continues: bool = False) -> list[int]:
    """Return the tokens of `text`, with no special tokens added.

    `continues` says that the text goes on after other text: some tokenizers, such as those of Llama 2 and Mistral 7B,
    put a space before whatever they are given, and the tokens of two parts would not be those of the whole.
    """
    if continues and _adds_space(tokenizer):
        before = _ids(tokenizer, "\n")
        tokens = _ids(tokenizer, f"\n{text}")
        if tokens[: len(before)] == before:
            return tokens[len(before) :]
    return _ids(tokenizer, text)


def _adds_space(tokenizer: "PreTrainedTokenizerBase | LightTokenizer") -> bool:
    (first, *_) = tokenizer.convert_ids_to_tokens(_ids(tokenizer, "a"))
    return str(first).startswith(_SPACES)


def _ids(tokenizer: "PreTrainedTokenizerBase | LightTokenizer", text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def completion_tokens(tokenizer: "PreTrainedTokenizerBase", text: str, end: int, ended: bool) -> list[int]:
    """Return the tokens of a completion, which follows its prompt; with the end-of-turn token `end` if it has ended."""
    return encode(tokenizer, text, continues=True) + [end] * ended


def vocabulary_digest(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return the SHA-256 (hex) of every token and its id: equal for tokenizers whose ids mean the same."""
    hasher = hashlib.sha256()
    for token, number in sorted(tokenizer.get_vocab().items(), key=lambda pair: (pair[1], pair[0])):
        hasher.update(f"{number} {token}\n".encode("utf-8", "surrogatepass"))
    return hasher.hexdigest()


def turn_end_token(tokenizer: "PreTrainedTokenizerBase") -> int:
    """Return the token that ends a turn: the one that the chat template writes behind an answer, or else eos_token.

    They differ for Gemma, and for base models with a chat template. Raises ModelError if there is neither.
    """
    answer = "\ue000answer\ue001"
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}]
    with contextlib.suppress(jinja2.TemplateError, ValueError, TypeError):  # other templates need other turns
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        ids = _ids(tokenizer, text.rpartition(answer)[2].strip())
        if answer in text and ids and ids[0] in tokenizer.all_special_ids + list(tokenizer.added_tokens_decoder):
            return int(ids[0])
    if tokenizer.eos_token_id is None:
        raise ModelError("the model's tokenizer has no end-of-turn token (eos_token): use an instruct model")
    return int(tokenizer.eos_token_id)


def check_turn_end(folder: Path, tokenizer: "PreTrainedTokenizerBase") -> None:
    """Raise ModelError if programs would not stop at the token by which the chat template ends a turn.

    They stop at eos_token of the tokenizer and at eos_token_id of generation_config.json, or else of config.json.
    """
    named: list[int] = []
    for name in ("generation_config.json", "config.json"):
        if not named and (Path(folder) / name).is_file():
            configured = read_json_object(Path(folder) / name).get("eos_token_id")
            named = configured if isinstance(configured, list) else [] if configured is None else [configured]
    end = turn_end_token(tokenizer)
    if end not in (*named, tokenizer.eos_token_id):
        raise ModelError(
            f"{folder}: the chat template ends a turn with {tokenizer.convert_ids_to_tokens(end)}, token {end}, but "
            "neither the tokenizer nor generation_config.json names it as an end, so programs that run a student would "
            "not stop; use the instruct version of the model, or a folder of your own whose generation_config.json has "
            f'"eos_token_id": {[*named, end]}'
        )
