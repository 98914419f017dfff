"""Generate completions token by token: choose tokens, and enforce the reasoning budget and the grammar of answers."""

import collections
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
import xgrammar

from hearth.engines.protocol import Completion, Decoding, Request, require_schema
from hearth.engines.sampling import choose_tokens, seed_words
from hearth.engines.tokens import decode, locate_tokens
from hearth.models.tokens import encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass
class ActiveSequence:
    """An unfinished completion of a request.

    `suffix` has the tokens of the request's suffix, `seeds` its `seed_words`, `written` the tokens generated so far,
    and `forced` the tokens that must come next. `reasoning` is true inside a reasoning block; `reasoning_forced` is
    true once the budget has closed it. `matcher` follows the grammar of the answer; None where no grammar applies.
    """

    request: Request
    suffix: list[int]
    seeds: list[int]
    written: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    forced: collections.deque[int] = field(default_factory=collections.deque)
    reasoning: bool = False
    reasoning_forced: bool = False
    matcher: xgrammar.GrammarMatcher | None = None


class SequenceDecoder:
    """Generate sequences from a model's logits by the settings `decoding`.

    `vocabulary` is the number of logits that the model gives for a token; `ends` are the tokens that end a turn.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerFast", vocabulary: int, ends: list[int], decoding: Decoding):
        self._tokenizer, self._ends, self._decoding = tokenizer, ends, decoding
        self._grammars: dict[tuple[str, str], xgrammar.CompiledGrammar] = {}
        self._encoded: dict[str, list[int]] = {}
        if decoding.constrained:
            info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=vocabulary, stop_token_ids=ends)
            self._compiler = xgrammar.GrammarCompiler(info, max_threads=torch.get_num_threads())

    def start(self, request: Request, suffix: list[int]) -> ActiveSequence:
        """Return a sequence of `request` with no token written; `suffix` has the tokens of the request's suffix.

        Raises ValueError if decoding is constrained and the request has no schema.
        """
        sequence = ActiveSequence(request, suffix, seed_words(self._decoding.seed, request.key))
        block = request.reasoning_block
        sequence.reasoning = block is not None and request.suffix.rstrip().endswith(block.opening.strip())
        if self._decoding.constrained:
            schema = require_schema(request)
            if block is None:
                sequence.matcher = self._matcher(schema, "")
            elif not sequence.reasoning:  # the grammar starts where reasoning closes, so reasoning must open
                sequence.forced.extend(self._encode(block.opening))
        return sequence

    def advance(self, sequences: Sequence[ActiveSequence], logits: torch.Tensor) -> None:
        """Add one token to every sequence, given the logits (sequences, vocabulary) of the next token."""
        logits = logits.float()
        log_probabilities = logits.log_softmax(-1) if self._decoding.confidence == "tokens" else None
        for sequence in sequences:
            self._enforce_budget(sequence)
        logits = self._mask_by_grammar(sequences, logits)
        steps = [len(sequence.written) for sequence in sequences]
        chosen = choose_tokens(logits, self._decoding, [sequence.seeds for sequence in sequences], steps).tolist()
        tokens = [
            sequence.forced.popleft() if sequence.forced else token
            for sequence, token in zip(sequences, chosen, strict=True)
        ]
        if log_probabilities is not None:
            indices = torch.tensor(tokens, device=log_probabilities.device)[:, None]
            values = log_probabilities.gather(1, indices)[:, 0].tolist()
            for sequence, value in zip(sequences, values, strict=True):
                sequence.log_probabilities.append(value)
        for sequence, token in zip(sequences, tokens, strict=True):
            sequence.written.append(token)
            self._update_state(sequence, token)

    def is_finished(self, sequence: ActiveSequence) -> bool:
        """Whether the model has ended its turn or the sequence has max_new_tokens tokens."""
        return sequence.written[-1] in self._ends or len(sequence.written) == self._decoding.max_new_tokens

    def completion(self, sequence: ActiveSequence, prefix_length: int) -> Completion:
        """Build the Completion of a finished sequence; `prefix_length` counts the tokens of the prefix."""
        stopped = sequence.written[-1] in self._ends
        tokens = sequence.written[:-1] if stopped else sequence.written
        return Completion(
            key=sequence.request.key,
            text=decode(self._tokenizer, tokens),
            finish_reason="stop" if stopped else "length",
            prompt_tokens=prefix_length + len(sequence.suffix),
            completion_tokens=len(sequence.written),
            reasoning_forced=sequence.reasoning_forced,
            scored_tokens=locate_tokens(self._tokenizer, tokens, sequence.log_probabilities)
            if sequence.log_probabilities
            else None,
        )

    def _enforce_budget(self, sequence: ActiveSequence) -> None:
        """Force the closing tokens of reasoning that has used up its budget."""
        budget, block = self._decoding.reasoning_budget, sequence.request.reasoning_block
        if budget is None or block is None or not sequence.reasoning or sequence.reasoning_forced:
            return
        if len(sequence.written) >= budget:
            sequence.forced.extend(self._encode(block.closing))
            sequence.reasoning_forced = True

    def _mask_by_grammar(self, sequences: Sequence[ActiveSequence], logits: torch.Tensor) -> torch.Tensor:
        """Set the logits of tokens that a sequence's grammar does not allow to minus infinity."""
        matchers = {
            row: sequence.matcher
            for row, sequence in enumerate(sequences)
            if sequence.matcher is not None and not sequence.forced
        }
        if matchers:
            allowed = xgrammar.allocate_token_bitmask(*logits.shape)
            for row, matcher in matchers.items():
                matcher.fill_next_token_bitmask(allowed, row)
            logits = logits.contiguous()
            xgrammar.apply_token_bitmask_inplace(
                logits, allowed.to(logits.device), vocab_size=logits.shape[1], indices=list(matchers)
            )
        return logits

    def _update_state(self, sequence: ActiveSequence, token: int) -> None:
        """Update the state after a new token: advance the grammar, or note that reasoning opens or closes."""
        block = sequence.request.reasoning_block
        if sequence.matcher is not None:
            sequence.matcher.accept_token(token)
        elif block is not None:
            opening, closing = block.opening.strip(), block.closing.strip()
            tag = self._encode(closing if sequence.reasoning else opening)
            if sequence.written[-len(tag) :] == tag:
                sequence.reasoning = not sequence.reasoning
                if not sequence.reasoning and self._decoding.constrained:
                    before = block.closing.partition(closing)[2]
                    sequence.matcher = self._matcher(require_schema(sequence.request), before)

    def _matcher(self, schema: str, before: str) -> xgrammar.GrammarMatcher:
        if (schema, before) not in self._grammars:
            self._grammars[schema, before] = self._compiler.compile_grammar(answer_grammar(schema, before))
        return xgrammar.GrammarMatcher(self._grammars[schema, before])

    def _encode(self, text: str) -> list[int]:
        if text not in self._encoded:
            self._encoded[text] = encode(self._tokenizer, text, continues=True)
        return self._encoded[text]


def answer_grammar(schema: str, before: str) -> xgrammar.Grammar:
    """Return the grammar of an answer: the text `before`, then JSON that follows `schema`, spaced as by json.dumps."""
    grammar = xgrammar.Grammar.from_json_schema(schema, any_whitespace=False, separators=(", ", ": "))
    if not before:
        return grammar
    literal = "".join(f"\\u{ord(character):04x}" for character in before)
    return xgrammar.Grammar.concat(xgrammar.Grammar.from_ebnf(f'root ::= "{literal}"'), grammar)
