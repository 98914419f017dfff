"""Tokenise training examples: the prompt of a window, then the text to learn for it and an end-of-turn token.

Prompt and completion are tokenised separately and joined, as in recognition, so that a student is trained on the same
tokens that recognition uses.
"""

import unicodedata

from transformers import PreTrainedTokenizerBase

from hearth.distillation.example_arrays import Example
from hearth.distillation.recipes import Target
from hearth.models.tokens import completion_tokens, encode, turn_end_token
from hearth.prompting.chat_templates import chat_prompt, written_text
from hearth.prompting.prompts import Prompt


class Encoder:
    """Tokenise the examples of one prompt. All of them begin with the same static prefix."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, prompt: Prompt):
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
        example = Example(window_id, encode(self._tokenizer, suffix, continues=True), completion_ids)
        end = self._tokenizer.convert_ids_to_tokens(self._end) * target.ended
        self._check_text(example, self._parts.prefix + suffix, text + end)
        return example

    def length(self, example: Example) -> int:
        """Return the number of tokens of an example, prefix included."""
        return len(self.prefix_ids) + len(example.suffix_ids) + len(example.completion_ids)

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
