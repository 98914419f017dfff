"""Convert tokens (ids in a tokenizer's vocabulary) to text, and find those that end a turn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers.decoders import DecodeStream

from hearth.engines.protocol import ScoredToken
from hearth.models.snapshot import ModelError
from hearth.models.tokens import turn_end_token

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def decode(tokenizer: "PreTrainedTokenizerFast", tokens: Sequence[int]) -> str:
    """Return the text of `tokens`, special tokens included."""
    return tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def end_of_turn_tokens(
    folder: Path, tokenizer: "PreTrainedTokenizerFast", configured: int | list[int] | None
) -> list[int]:
    """Return the tokens that end a turn, sorted: `configured`, and those of `tokenizer` and its chat template.

    `configured` is eos_token_id in the model's generation settings. Raises ValueError, which names the model's folder
    `folder`, if nothing gives a token.
    """
    ends = {*(configured if isinstance(configured, list) else [configured]), tokenizer.eos_token_id} - {None}
    try:
        ends.add(turn_end_token(tokenizer))
    except ModelError:
        if not ends:
            raise ValueError(
                f"{folder}: neither generation_config.json nor the tokenizer names an end-of-turn token"
            ) from None
    return sorted(ends)


def locate_tokens(
    tokenizer: "PreTrainedTokenizerFast", tokens: Sequence[int], log_probabilities: Sequence[float]
) -> tuple[ScoredToken, ...]:
    """Return a ScoredToken for each of `tokens`: where it ends in the text of all `tokens`, and its log-probability."""
    stream, end, located = DecodeStream(skip_special_tokens=False), 0, []
    for token, log_probability in zip(tokens, log_probabilities, strict=False):
        end += len(stream.step(tokenizer.backend_tokenizer, token) or "")
        located.append(ScoredToken(end, log_probability))
    return tuple(located)
