"""Tokenise training examples: the prompt of a window, then the text to learn for it and an end-of-turn token.

Prompt and completion are tokenised separately and joined, as in recognition, so that a student is trained on the same
tokens that recognition uses.
"""

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from transformers import PreTrainedTokenizerBase

from hearth.distillation.example_arrays import Example
from hearth.distillation.recipes import Target
from hearth.models.tokens import completion_tokens, encode, turn_end_token
from hearth.prompting.chat_templates import chat_prompt, written_text
from hearth.prompting.prompts import Prompt


class Encoder:
    """Tokenise the examples of one prompt. All of them begin with the same static prefix."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, prompt: Prompt):
        """Encode the static prefix of `prompt` in the tokenizer's chat template."""
        self._tokenizer = tokenizer
        self._parts = chat_prompt(tokenizer, prompt)
        self._end = turn_end_token(tokenizer)
        self.prefix_ids = encode(tokenizer, self._parts.prefix)

    def encode(self, window_id: str, turn: str, target: Target) -> Example:
        """Return the example of a window; `turn` is the text of the user's turn, `target` the text to learn.

        Raises ValueError if the token ids do not decode to the original text.
        """
        suffix = turn + self._parts.after
        text = written_text(target.text, self._parts)
        completion_ids = completion_tokens(self._tokenizer, text, self._end, target.ended)
        weights = None
        if target.weights:
            shift = len(text) - len(target.text)  # the weighted parts lie behind what a chat template changes
            ends = token_ends(self._tokenizer, completion_ids[: len(completion_ids) - target.ended])
            # A tokenizer that normalises its input, as Qwen's does, decodes to fewer characters.
            normalises = bool(ends) and ends[-1] != len(text)
            parts = [
                (_place(text, begin + shift, normalises), _place(text, end + shift, normalises), weight)
                for begin, end, weight in target.weights
            ]
            weights = token_weights(ends, parts) + [1.0] * target.ended
        suffix_ids = encode(self._tokenizer, suffix, continues=True)
        example = Example(window_id, suffix_ids, completion_ids, weights=weights)
        end = self._tokenizer.convert_ids_to_tokens(self._end) * target.ended
        self._check_text(example, self._parts.prefix + suffix, text + end)
        return example

    def _check_text(self, example: Example, prompt: str, completion: str) -> None:
        """Raise ValueError unless the token ids decode to the prompt and the completion.

        Both texts are compared in Unicode's NFC, to which Qwen's tokenizer normalises its input.
        """
        ids = self.prefix_ids + example.suffix_ids + example.completion_ids
        text = unicodedata.normalize("NFC", self._tokenizer.decode(ids, clean_up_tokenization_spaces=False))
        if not text.startswith(unicodedata.normalize("NFC", prompt)):
            raise ValueError(f"window {example.window_id!r}: the tokenizer does not decode to the original prompt")
        if text != unicodedata.normalize("NFC", prompt + completion):
            raise ValueError(f"window {example.window_id!r}: the tokenizer does not decode to the original trace")


def _place(text: str, place: int, normalises: bool) -> int:
    """Return a position in `text`, or the same position in its NFC."""
    return len(unicodedata.normalize("NFC", text[:place])) if normalises else place


def token_ends(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[int]:
    """Return the number of characters of the text at the end of each token.

    A character of several tokens ends with the last of them.
    """
    # Some tokenizers drop a space at the beginning of what they decode, so each part is decoded behind a letter.
    before = encode(tokenizer, "a")
    dropped = len(tokenizer.decode(before, clean_up_tokenization_spaces=False))
    ends, length, start = [], 0, 0
    for place in range(len(ids)):
        part = tokenizer.decode([*before, *ids[start : place + 1]], clean_up_tokenization_spaces=False)[dropped:]
        if not part.endswith("\ufffd"):  # otherwise the token ends within a character
            length, start = length + len(part), place + 1
        ends.append(length)
    return ends


def token_weights(ends: Sequence[int], parts: Sequence[tuple[int, int, float]]) -> list[float]:
    """Return the weight of each token in the loss: that of the part with which it shares characters, otherwise 1.

    `ends` are the ends of the tokens in characters, `parts` are (begin, end, weight), the last of which counts.
    """
    weights = [1.0] * len(ends)
    for begin, end, weight in parts:
        for place, (token_begin, token_end) in enumerate(pairwise((0, *ends))):
            if token_begin < end and token_end > begin:
                weights[place] = weight
    return weights
