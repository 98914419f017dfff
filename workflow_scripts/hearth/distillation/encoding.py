"""Tokenise training examples: the prompt of a window, then the text to learn for it and an end-of-turn token.

Prompt and completion are tokenised separately and joined, as in recognition, so that a student is trained on the same
tokens that recognition uses.
"""

import unicodedata

from transformers import PreTrainedTokenizerBase

from hearth.distillation.example_arrays import Example
from hearth.distillation.recipes import Target
from hearth.models.tokens import encode, turn_end_token
from hearth.prompting.chat_templates import ChatPrompt, chat_prompt
from hearth.prompting.prompts import Prompt
from hearth.prompting.reasoning_marks import THINK, split_reasoning


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
        text, end_ids = learned_text(target.text, self._parts), [self._end] * target.ended
        suffix_ids, text_ids = (encode(self._tokenizer, part, continues=True) for part in (suffix, text))
        example = Example(window_id, suffix_ids, text_ids + end_ids)
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


def learned_text(text: str, parts: ChatPrompt) -> str:
    """Return a trace as the student is to write it: with the marks of its chat template, after what its prompt opens.

    `text` has its reasoning in <think> tags, as all predictions have. It stays as it is for a student that does not
    reason, or whose template has these tags.
    """
    if parts.marks is None:
        return text
    opening, closing = parts.marks
    reasoning, answer, closed = split_reasoning(text, [THINK])
    if opening.strip() != THINK.opening and (reasoning or not closed):
        text = f"{opening}{reasoning}" + f"{closing}{answer.lstrip()}" * closed
    if not parts.opens_reasoning:
        return text
    if not text.lstrip().startswith(opening.strip()):
        return closing + text  # an answer without reasoning
    return text.lstrip().removeprefix(opening.strip()).removeprefix(opening[len(opening.rstrip()) :])
